/** A Nest app that knows of S3 by its environment alone: uploads through the interceptors, and links. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  Module,
  Post,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type INestApplication,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { StorageModule, StorageService } from '../../../lib/index.js';
import { StorageFileInterceptor, StorageFilesInterceptor, type StagedFile } from '../../../lib/uploads/index.js';
import { credentials, endpoint, eventually, makeBucket, MIB, region, type Bucket } from './ceph.js';

const key = ({ originalname }: { originalname: string }) => `up/${originalname}`;

@Controller()
class UploadController {
  constructor(private readonly storage: StorageService) {}

  @Post('one')
  @UseInterceptors(StorageFileInterceptor('file', { key, limits: { fileSize: '20mb' } }))
  async one(@UploadedFile() file: StagedFile) {
    return { key: file.key, checksum: file.checksum, url: file.url, visible: await this.storage.exists(file.key) };
  }

  @Post('fails')
  @UseInterceptors(StorageFilesInterceptor('file', 3, { key, limits: { fileSize: '20mb' } }))
  fails(@UploadedFiles() files: StagedFile[]): never {
    throw new Error(`the handler refuses ${files.length} files`);
  }
}

let bucket: Bucket;
let app: INestApplication;
let base: string;

beforeAll(async () => {
  bucket = await makeBucket();
  @Module({
    imports: [
      StorageModule.forRoot({
        env: {
          STORAGE_BACKEND: 's3',
          STORAGE_S3_BUCKET: bucket.name,
          STORAGE_S3_REGION: region,
          STORAGE_S3_ENDPOINT: endpoint,
          STORAGE_S3_DIALECT: 'ceph',
          STORAGE_S3_ACCESS_KEY: credentials.accessKeyId,
          STORAGE_S3_SECRET_KEY: credentials.secretAccessKey,
        },
      }),
    ],
    controllers: [UploadController],
  })
  class AppModule {}
  app = (await Test.createTestingModule({ imports: [AppModule] }).compile()).createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  base = await app.getUrl();
});

afterAll(async () => {
  await app.close();
  await bucket.remove();
});

function form(...files: readonly [name: string, bytes: Buffer][]): FormData {
  const body = new FormData();
  for (const [name, bytes] of files) body.append('file', new Blob([new Uint8Array(bytes)]), name);
  return body;
}

/** Nothing visible but what is named, and no upload open on the server. */
async function expectOnly(...keys: string[]): Promise<void> {
  expect(await app.get(StorageService).listKeys('up/')).toEqual(keys.toSorted());
  expect(await bucket.openUploads()).toEqual([]);
}

describe('an app on S3', () => {
  it.each([
    ['small.bin', 100],
    ['公司 + large (1).bin', 17 * MIB + 3],
  ])('publishes %s when the handler has agreed, and links to it', async (name, size) => {
    const bytes = randomBytes(size);
    const answer = await fetch(`${base}/one`, { method: 'POST', body: form([name, bytes]) });
    expect(answer.status).toBe(201);
    const { url, visible, key: stored } = (await answer.json()) as { url: string; visible: boolean; key: string };
    expect({ visible, stored }).toEqual({ visible: false, stored: `up/${name}` });
    expect(url.startsWith(endpoint)).toBe(true);
    const fetched = await fetch(url);
    expect(Buffer.from(await fetched.arrayBuffer()).equals(bytes)).toBe(true);
    await app.get(StorageService).delete(stored);
    await expectOnly();
  });

  it('lets nothing over the size become visible, and leaves nothing of it', async () => {
    const answer = await fetch(`${base}/one`, { method: 'POST', body: form(['big.bin', randomBytes(20 * MIB + 1)]) });
    expect(answer.status).toBe(413);
    await expectOnly();
  });

  it('leaves nothing of the files of a handler that fails', async () => {
    const files = form(['a.bin', randomBytes(10)], ['b.bin', randomBytes(9 * MIB)], ['c.bin', randomBytes(5)]);
    const answer = await fetch(`${base}/fails`, { method: 'POST', body: files });
    expect(answer.status).toBe(500);
    await expectOnly();
  });

  it('leaves nothing of a client that goes away in the middle', async () => {
    await app.get(StorageService).put('up/kept.bin', 'old', { url: false });
    const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="kept.bin"\r\n\r\n';
    const isOpen = async () => (await bucket.openUploads()).length > 0;
    let begun = 0;
    for (const sent of [0, 1, 5 * MIB, 13 * MIB, 19 * MIB]) {
      const client = request(`${base}/one`, {
        method: 'POST',
        headers: { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': 20 * MIB },
      });
      client.on('error', () => undefined);
      client.write(head);
      await new Promise((resolve) => client.write(Buffer.alloc(sent), resolve));
      // What is more than one part is an upload on the server by then.
      if (sent > 12 * MIB && (await eventually(isOpen))) begun++;
      client.destroy();
      expect(await eventually(async () => !(await isOpen()))).toBe(true);
    }
    expect(begun).toBe(2);
    await expectOnly('up/kept.bin');
    expect((await app.get(StorageService).get('up/kept.bin')).toString()).toBe('old');
  });
});
