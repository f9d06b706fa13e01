/** Bounds: the number of parts of a body of unknown length, and the memory of a slow reader. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newObject } from '../../../lib/backends/s3/new-object.js';
import { partBuffers } from '../../../lib/backends/s3/part-buffers.js';
import { S3Connection } from '../../../lib/backends/s3/s3.connection.js';
import { resolveSettings } from '../../../lib/backends/s3/s3.settings.js';
import { BodyIntake } from '../../../lib/backends/s3/upload.js';
import { parseKey, StorageModule, StorageService } from '../../../lib/index.js';
import { credentials, endpoint, makeBucket, MIB, region, type Bucket } from './ceph.js';

let bucket: Bucket;

beforeAll(async () => {
  bucket = await makeBucket();
});

afterAll(async () => {
  await bucket.remove();
});

it('a body of unknown length ends at the most parts there may be, with an error that says what helps, and leaves nothing', async () => {
  const resolved = resolveSettings({ bucket: bucket.name, endpoint, region, credentials, dialect: 'ceph' });
  expect(resolved.maxParts).toBe(10_000);
  // 10,000 parts of the least size would be 50 GB. The gateway looks at sizes when an upload is completed, which this one
  // never is. More than ten parts at once must not draw a warning about listeners either.
  const settings = { ...resolved, partSize: 256, maxParts: 200, partConcurrency: 16 };
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on('warning', warned);
  const connection = new S3Connection(settings);
  const details = { operation: 'put' as const, backend: 's3', key: 'endless' };
  const options = { contentType: 'a/b', metadata: {} };
  const object = newObject(settings, parseKey('endless'), options, details);
  const keeper = { abandoned: () => undefined, unnamed: () => undefined, look: async () => undefined };
  let given = 0;
  let left = false;
  async function* endless() {
    try {
      for (;;) {
        given += 256;
        yield randomBytes(256);
      }
    } finally {
      left = true;
    }
  }
  const taken = new BodyIntake(connection, object, keeper, endless()).take();
  await expect(taken).rejects.toMatchObject({
    code: 'file-too-large',
    limit: 51_200,
    message: expect.stringContaining('Give the size beforehand'),
  });
  expect([given, left]).toEqual([51_456, true]);
  expect(await bucket.openUploads()).toEqual([]);
  expect(partBuffers.used).toBe(0);
  await connection.close();
  process.off('warning', warned);
  expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([]);
});

it("via: 'app' holds no more than a little of a large file for a client that reads slowly", async () => {
  const backend = bucket.backend({ via: 'app' });
  @Module({ imports: [StorageModule.forRoot({ backend, urls: { secret: 'x'.repeat(32) }, env: {} })] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const storage = app.get(StorageService);
  const size = 256 * MIB;
  const sent = createHash('sha256');
  async function* bytes() {
    const block = randomBytes(MIB);
    for (let at = 0; at < size; at += MIB) {
      block.writeUInt32BE(at);
      sent.update(block);
      yield Buffer.from(block);
    }
  }
  await storage.put('slow', bytes(), { url: false });
  const url = await storage.getUrl('slow');
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let most = before;
  const request = get(url);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const got = createHash('sha256');
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    got.update(chunk);
    const wasAt = Math.floor(length / (16 * MIB));
    length += chunk.length;
    // Now and then nothing is read for a while: whoever does not wait for the client would fill memory meanwhile.
    if (Math.floor(length / (16 * MIB)) > wasAt) await sleep(100);
    most = Math.max(most, process.memoryUsage.rss());
  }
  expect([length, got.digest('hex')]).toEqual([size, sent.digest('hex')]);
  expect(most - before).toBeLessThan(64 * MIB);
  await app.close();
}, 120_000);
