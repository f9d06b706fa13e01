/** Clients that leave while the store publishes their file: it is there and counts, or it is gone. Never half of it. */
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Controller, Module, Post, UseInterceptors, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StorageModule, StorageService, type StoredFile } from '../../../lib/index.js';
import { StorageFileInterceptor, type StorageUploadOptions } from '../../../lib/uploads/index.js';
import { endpoint, eventually, makeBucket, MIB, type Bucket } from './ceph.js';

let after: readonly StoredFile[] = [];
const options: StorageUploadOptions = {
  limits: { fileSize: '20mb' },
  afterCommit: (files) => {
    after = files;
  },
};

@Controller()
class UploadController {
  @Post('new')
  @UseInterceptors(StorageFileInterceptor('file', options))
  create() {}

  @Post('again')
  @UseInterceptors(StorageFileInterceptor('file', { ...options, key: () => 'again' }))
  replace() {}
}

let bucket: Bucket;
let app: INestApplication;
let base: string;
/** Stands before the gateway, and waits with the answer to what publishes. */
let gate: Server;
let publishing: (() => Promise<void>) | undefined;

beforeAll(async () => {
  bucket = await makeBucket();
  const { hostname, port } = new URL(endpoint);
  gate = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    const publishes = method === 'PUT' ? !url.includes('partNumber=') : method === 'POST' && url.includes('uploadId=');
    const onward = request({ hostname, port, method, path: url, headers }, (reply) => {
      void (async () => {
        if (publishes) await publishing?.();
        answer.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(answer);
      })();
    });
    onward.once('error', () => answer.destroy());
    answer.once('close', () => onward.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const backend = bucket.backend({ endpoint: `http://127.0.0.1:${(gate.address() as AddressInfo).port}` });
  @Module({ imports: [StorageModule.forRoot({ backend, env: {} })], controllers: [UploadController] })
  class AppModule {}
  app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  base = await app.getUrl();
});

afterAll(async () => {
  await app.close();
  gate.closeAllConnections();
  gate.close();
  await bucket.remove();
});

beforeEach(() => {
  after = [];
  publishing = undefined;
});

/** Sends a file and leaves once the gateway has published it, before anybody is told. */
async function leaveWhilePublished(path: string, bytes: number): Promise<void> {
  const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head), Buffer.alloc(bytes, 7), Buffer.from('\r\n--x--\r\n')]);
  const client = request(`${base}/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': body.length },
  });
  client.on('error', () => {});
  let told = false;
  publishing = async () => {
    client.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    told = true;
  };
  client.end(body);
  expect(await eventually(() => told)).toBe(true);
}

const KINDS = [
  ['in one request', 1000],
  ['in parts', 14 * MIB],
] as const;

it.each(KINDS)('a new file, %s, is taken back', async (_, bytes) => {
  const storage = app.get(StorageService);
  await leaveWhilePublished('new', bytes);
  expect(await eventually(async () => (await storage.listKeys()).length === 0)).toBe(true);
  expect(await bucket.openUploads()).toEqual([]);
  expect(after).toEqual([]);
});

it.each(KINDS)('a file that may have replaced another, %s, is there, and the app is told so', async (_, bytes) => {
  const storage = app.get(StorageService);
  await storage.put('again', 'old', { url: false });
  await leaveWhilePublished('again', bytes);
  expect(await eventually(() => after.length === 1)).toBe(true);
  expect(await storage.getMetadata('again')).toMatchObject({ size: bytes, etag: after[0]!.etag });
  expect(await bucket.openUploads()).toEqual([]);
  await storage.delete('again');
});
