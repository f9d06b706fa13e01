/**
 * A small app on the installed package, compiled once as an ES module and once as CommonJS. Uploads through an
 * interceptor, reads by the signed URL, asks for the health, and prints what came of it. Argument: folder for the files.
 */
import 'reflect-metadata';
import { Controller, Module, Post, UploadedFile, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StorageModule, StorageService } from 'nestjs-storage';
import { StorageHealthModule } from 'nestjs-storage/health';
import { StorageFileInterceptor, type StagedFile } from 'nestjs-storage/uploads';

@Controller('documents')
class DocumentsController {
  constructor(private readonly storage: StorageService) {}

  @Post()
  @UseInterceptors(StorageFileInterceptor('file', { key: ({ safeName }) => `documents/${safeName}` }))
  async upload(@UploadedFile() file: StagedFile) {
    // Not yet published: the interceptor commits when this handler is done.
    return { key: file.key, url: file.url, early: await this.storage.exists(file.key) };
  }
}

@Module({
  imports: [
    StorageModule.forRoot({
      backend: 'local',
      local: { root: process.argv[2]! },
      urls: { secret: 'a-secret-of-at-least-32-bytes-000' },
      env: {},
    }),
    StorageHealthModule.forRoot(),
  ],
  controllers: [DocumentsController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
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
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
