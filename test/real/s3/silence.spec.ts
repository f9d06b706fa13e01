/** Who is silent: a gateway that stands still in the middle of a body, or a reader that takes its time. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { StorageService } from '../../../lib/index.js';
import { gatewayPid, makeBucket, MIB, type Bucket } from './ceph.js';

const bytes = randomBytes(32 * MIB);
let bucket: Bucket;

beforeAll(async () => {
  bucket = await makeBucket();
  await new StorageService(bucket.backend()).put('large', bytes, { url: false });
});

afterAll(() => bucket.remove());

it('a gateway that stands still in the middle of a body is a time-out', async () => {
  const { body } = await new StorageService(bucket.backend({ idleTimeout: 1, maxAttempts: 1 })).open('large');
  const reading = body[Symbol.asyncIterator]();
  await reading.next();
  process.kill(gatewayPid, 'SIGSTOP');
  try {
    const rest = async () => {
      while (!(await reading.next()).done);
    };
    await expect(rest()).rejects.toMatchObject({ code: 'timeout', operation: 'get', key: 'large' });
  } finally {
    process.kill(gatewayPid, 'SIGCONT');
  }
});

it('a reader that pauses for longer than the idle time-out gets its whole body', async () => {
  const { body } = await new StorageService(bucket.backend({ idleTimeout: 0.5 })).open('large');
  const got: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (Math.floor(length / (15 * MIB)) < Math.floor((length + chunk.length) / (15 * MIB))) await sleep(1500);
    got.push(chunk);
    length += chunk.length;
  }
  expect(Buffer.concat(got).equals(bytes)).toBe(true);
});

it('readers that pause, more than there are sockets for requests, do not hold up the others', async () => {
  const storage = new StorageService(bucket.backend({ maxSockets: 2, connectTimeout: 1, idleTimeout: 1 }));
  const slow = await Promise.all(Array.from({ length: 6 }, () => storage.open('large')));
  for (const { body } of slow)
    await once(
      body.once('readable', () => body.read()),
      'readable',
    );
  await sleep(2000);
  await storage.put('meanwhile', 'x', { url: false });
  expect((await storage.get('meanwhile')).toString()).toBe('x');
  expect(await storage.exists('large')).toBe(true);
  for (const { body } of slow) body.destroy();
});
