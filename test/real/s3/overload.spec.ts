/** A store that asks to slow down: retries are bounded and wait, and bytes that cannot be had again are sent once. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { partBuffers, type S3BackendOptions } from '../../../lib/backends/s3/index.js';
import { StorageService } from '../../../lib/index.js';
import { endpoint, makeBucket, MIB, type Bucket } from './ceph.js';

const BUSY =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

let bucket: Bucket;
let gate: Server;
/** Requests that came, as method and number of the part. */
let came: { readonly what: string }[] = [];
/** Which requests are turned away. */
let busy: (what: string, count: number) => boolean = () => false;

beforeAll(async () => {
  bucket = await makeBucket();
  const { hostname, port } = new URL(endpoint);
  gate = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    const part = /partNumber=\d+/.exec(url)?.[0];
    const what = part === undefined ? method : `${method} ${part}`;
    came.push({ what });
    if (busy(what, came.filter((one) => one.what === what).length)) {
      incoming.resume().once('end', () => answer.writeHead(503, { 'content-type': 'application/xml' }).end(BUSY));
      return;
    }
    const onward = request({ hostname, port, method, path: url, headers }, (reply) => {
      answer.writeHead(reply.statusCode!, reply.headers);
      reply.pipe(answer);
    });
    onward.once('error', () => answer.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
});

afterEach(() => {
  came = [];
  busy = () => false;
});

afterAll(async () => {
  await bucket.remove();
  gate.closeAllConnections();
  gate.close();
});

function storage(options: Partial<S3BackendOptions> = {}): StorageService {
  // The gate passes on the name under which it was called, which is what is signed.
  const { port } = gate.address() as AddressInfo;
  return new StorageService(bucket.backend({ endpoint: `http://127.0.0.1:${port}`, ...options }));
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}

describe('a store that is busy for a moment', () => {
  it('gets small writes and reads again, whole', async () => {
    busy = (_what, count) => count <= 2;
    const bytes = randomBytes(100_000);
    await storage().put('busy/small', bytes, { url: false });
    expect(came.map(({ what }) => what)).toEqual(['PUT', 'PUT', 'PUT']);
    expect((await storage().get('busy/small')).equals(bytes)).toBe(true);
    expect(came.slice(3).map(({ what }) => what)).toEqual(['GET', 'GET', 'GET']);
  });

  it('gets a part again, from memory', async () => {
    busy = (what, count) => what.includes('partNumber=2') && count <= 2;
    const bytes = randomBytes(12 * MIB);
    await storage({ partSize: 5 * MIB }).put('busy/large', pieces(bytes), { url: false });
    expect(came.filter(({ what }) => what.includes('partNumber=2'))).toHaveLength(3);
    expect((await storage().get('busy/large')).equals(bytes)).toBe(true);
  });
});

describe('a store that stays busy', () => {
  it('is tried maxAttempts times, with waits in between, and told by reason', async () => {
    busy = () => true;
    const failed = storage({ maxAttempts: 4 }).put('busy/never', 'x', { url: false });
    const error: { cause?: { $metadata?: { attempts?: number; totalRetryDelay?: number } } } = await failed.then(
      () => ({}),
      (thrown: object) => thrown,
    );
    expect(error).toMatchObject({
      code: 'unavailable',
      operation: 'put',
      key: 'busy/never',
      message: expect.stringContaining('asks to slow down'),
      cause: { $metadata: { attempts: 4, httpStatusCode: 503 } },
    });
    expect(error.cause!.$metadata!.totalRetryDelay).toBeGreaterThan(0);
    expect(came).toHaveLength(4);
  });

  it('leaves no unfinished upload of a body whose part it never takes', async () => {
    busy = (what) => what.includes('partNumber=1');
    const failed = storage({ partSize: 5 * MIB }).put('busy/parts', pieces(randomBytes(11 * MIB)), { url: false });
    await expect(failed).rejects.toMatchObject({ code: 'unavailable' });
    expect(came.filter(({ what }) => what.includes('partNumber=1'))).toHaveLength(3);
    expect(await bucket.openUploads()).toEqual([]);
    expect(await storage().exists('busy/parts')).toBe(false);
    expect(partBuffers.used).toBe(0);
  });

  it('never gets a second time what cannot be read a second time', async () => {
    const { limit } = partBuffers;
    busy = (what) => what.includes('partNumber=');
    try {
      // A part larger than all that may be held goes to the socket as it arrives.
      const service = storage({ partSize: 6 * MIB, partBufferBytes: 5 * MIB });
      const bytes = randomBytes(13 * MIB);
      const failed = service.put('busy/streamed', Readable.from(pieces(bytes)), { size: bytes.length, url: false });
      await expect(failed).rejects.toMatchObject({ code: 'unavailable' });
      expect(came.filter(({ what }) => what.includes('partNumber='))).toHaveLength(1);
      expect(await bucket.openUploads()).toEqual([]);
      busy = () => false;
      // A body of unknown length is held in smaller parts instead.
      await service.put('busy/unknown', pieces(bytes), { url: false });
      expect((await service.get('busy/unknown')).equals(bytes)).toBe(true);
    } finally {
      partBuffers.limit = limit;
    }
  });
});
