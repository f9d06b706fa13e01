/** What the small apps of the installed package do: upload through an interceptor, read by the signed URL, ask for health. */
import { Controller, Post, UploadedFile, UseInterceptors, type INestApplication } from '@nestjs/common';
import { StorageService } from 'nestjs-storage';
import { StorageFileInterceptor, type StagedFile } from 'nestjs-storage/uploads';

@Controller('documents')
export class DocumentsController {
  constructor(private readonly storage: StorageService) {}

  @Post()
  @UseInterceptors(StorageFileInterceptor('file', { key: ({ safeName }) => `documents/${safeName}` }))
  async upload(@UploadedFile() file: StagedFile) {
    // Not yet published: the interceptor commits when this handler is done.
    return { key: file.key, url: file.url, early: await this.storage.exists(file.key) };
  }
}

/** Prints what came of it, and ends the app. */
export async function exercise(creating: Promise<INestApplication>): Promise<void> {
  try {
    const app = await creating;
    await app.listen(0, '127.0.0.1');
    const base = await app.getUrl();
    const form = new FormData();
    form.append('file', new Blob(['%PDF-1.7 a small document']), 'report ü.pdf');
    const uploaded = await fetch(`${base}/documents`, { method: 'POST', body: form });
    const answer = (await uploaded.json()) as { key: string; url: string; early: boolean };
    const downloaded = await fetch(answer.url);
    const health = await fetch(`${base}/_ops/health`);
    const result = {
      node: process.versions.node,
      platform: app.getHttpAdapter().getType(),
      status: uploaded.status,
      key: answer.key,
      early: answer.early,
      type: downloaded.headers.get('content-type'),
      text: await downloaded.text(),
      health: health.status,
      keys: await app.get(StorageService).listKeys(),
    };
    await app.close();
    process.stdout.write(JSON.stringify(result));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
