/** What the S3 backend promises beyond the conformance suite, against the gateway. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateMultipartUploadCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { partBuffers, S3Backend } from '../../../lib/backends/s3/index.js';
import { parseKey, StorageService, type StorageBackend } from '../../../lib/index.js';
import {
  bareClient,
  cephConf,
  credentials,
  endpoint,
  gatewayPid,
  makeBucket,
  MIB,
  otherCredentials,
  region,
  type Bucket,
} from './ceph.js';

let bucket: Bucket;
/** A test that fails may leave one open, which would keep the process. */
const proxies = new Set<Server>();

beforeAll(async () => {
  bucket = await makeBucket();
});

afterAll(async () => {
  await bucket.remove();
  for (const server of proxies) server.close();
});

const service = (backend: StorageBackend) => new StorageService(backend);

/** Bytes in pieces, without a length. */
async function* pieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'nothing',
    (error: { code?: string; message: string }) => error.code ?? error,
  );
}

/** A TCP proxy before the gateway that cuts a connection where it is told to. */
async function proxy(cut: (socket: Socket, toServer: Socket) => void): Promise<{ url: string; server: Server }> {
  const { port } = new URL(endpoint);
  const server = createServer((socket) => {
    const toServer = connect(Number(port), '127.0.0.1');
    for (const one of [socket, toServer]) one.on('error', () => {});
    socket.on('close', () => toServer.destroy());
    toServer.on('close', () => socket.destroy());
    socket.pipe(toServer);
    toServer.pipe(socket);
    cut(socket, toServer);
  });
  server.listen(0, '127.0.0.1');
  proxies.add(server);
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('uploads', () => {
  it('sends a small body in one request, and a larger one of unknown length in parts', async () => {
    const storage = service(bucket.backend({ partSize: 5 * MIB }));
    const small = randomBytes(5 * MIB);
    const large = randomBytes(5 * MIB + 1);
    const one = await storage.put('small', pieces(small));
    const two = await storage.put('large', pieces(large));
    expect(one.etag).toBe(createHash('md5').update(small).digest('hex'));
    expect(two.etag).toMatch(/^[0-9a-f]{32}-2$/);
    expect((await storage.get('small')).equals(small)).toBe(true);
    expect((await storage.get('large')).equals(large)).toBe(true);
    expect(await bucket.openUploads()).toEqual([]);
  });

  it.each(['crc32', 'md5', 'sha256', 'none'] as const)(
    'stores whole bodies with checksums of kind %s',
    async (kind) => {
      const storage = service(bucket.backend({ partSize: 5 * MIB, checksums: kind }));
      const bytes = randomBytes(6 * MIB);
      await storage.put(`sums/${kind}`, pieces(bytes, 1000));
      expect((await storage.get(`sums/${kind}`)).equals(bytes)).toBe(true);
    },
  );

  it('has the store refuse bytes that changed on the way', async () => {
    const backend = bucket.backend({ maxAttempts: 1 });
    const bytes = randomBytes(20_000);
    const staged = await backend.stage(parseKey('changed'), pieces(bytes), { contentType: 'a/b', metadata: {} });
    bytes[0]! ^= 1;
    expect(await codeOf(staged.commit())).toBe('unavailable');
    expect(await service(backend).exists('changed')).toBe(false);
  });

  it('sends parts larger than the budget as they arrive', async () => {
    const before = partBuffers.limit;
    const backend = bucket.backend({ partSize: 6 * MIB, partBufferBytes: 5 * MIB });
    try {
      const bytes = randomBytes(15 * MIB);
      const file = await service(backend).put('streamed', pieces(bytes), { size: bytes.length });
      expect(file.etag).toMatch(/-3$/);
      expect((await service(backend).get('streamed')).equals(bytes)).toBe(true);
      const short = service(backend).put('short', pieces(bytes.subarray(0, 9 * MIB)), { size: bytes.length });
      expect(await codeOf(short)).toBe('size-mismatch');
      expect(await service(backend).exists('short')).toBe(false);
      expect(await bucket.openUploads()).toEqual([]);
    } finally {
      partBuffers.limit = before;
    }
  });

  it('keeps many uploads at once under the budget, and all of them come through', async () => {
    const before = partBuffers.limit;
    const storage = service(bucket.backend({ partSize: 5 * MIB, partBufferBytes: 12 * MIB }));
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, partBuffers.used)), 1);
    try {
      const bytes = randomBytes(11 * MIB);
      const names = Array.from({ length: 8 }, (_, index) => `budget/${index}`);
      await Promise.all(names.map((name) => storage.put(name, Readable.from(pieces(bytes)))));
      for (const name of names) expect((await storage.getMetadata(name)).size).toBe(bytes.length);
      // The budget, and one part of one upload that may go over it.
      expect(most).toBeLessThanOrEqual(17 * MIB);
      expect(most).toBeGreaterThan(5 * MIB);
      expect(partBuffers.used).toBe(0);
    } finally {
      clearInterval(watch);
      partBuffers.limit = before;
    }
  });

  it('does not let small bodies that wait for their commit stop others', async () => {
    const before = partBuffers.limit;
    const backend = bucket.backend({ partSize: 5 * MIB, partBufferBytes: 8 * MIB });
    try {
      const bytes = randomBytes(4 * MIB);
      const options = { contentType: 'a/b', metadata: {} };
      const keys = Array.from({ length: 6 }, (_, index) => parseKey(`held/${index}`));
      const staged = [];
      for (const key of keys) staged.push(await backend.stage(key, pieces(bytes), options));
      expect(partBuffers.used).toBeLessThanOrEqual(8 * MIB);
      await Promise.all(staged.map((one) => one.commit()));
      for (const key of keys) expect((await backend.stat(key)).size).toBe(bytes.length);
      expect(partBuffers.used).toBe(0);
    } finally {
      partBuffers.limit = before;
    }
  });

  it('stops a body of unknown length where its parts run out, and a given size sets the part size', async () => {
    const { partSizeFor } = await import('../../../lib/backends/s3/part-plan.js');
    expect(partSizeFor(undefined, 8 * MIB)).toBe(8 * MIB);
    expect(partSizeFor(5 * 1024 ** 4, 8 * MIB)).toBe(525 * MIB);
    const storage = service(bucket.backend());
    const over = storage.put('5 TiB', pieces(Buffer.from('x')), { size: 5 * 1024 ** 4 + 1 });
    expect(await codeOf(over)).toBe('file-too-large');
  });

  it('tells a failed abort, counts it, and tries again when it closes', async () => {
    const { url, server } = await proxy(() => {});
    const warnings: string[] = [];
    const backend = bucket.backend({
      endpoint: url,
      partSize: 5 * MIB,
      maxAttempts: 1,
      onWarning: ({ message, uploadId }) => warnings.push(`${message} ${uploadId}`),
    });
    const staged = await backend.stage(parseKey('orphan'), pieces(randomBytes(6 * MIB)), {
      contentType: 'a/b',
      metadata: {},
    });
    const { port } = server.address() as AddressInfo;
    // The server is gone for the time of the abort.
    const gone = once(server, 'close');
    server.close();
    for (const socket of sockets()) socket.destroy();
    await gone;
    await staged.abort();
    expect(backend.failedAborts).toBe(1);
    expect(warnings).toHaveLength(1);
    expect(await bucket.openUploads()).toHaveLength(1);
    const again = createServer((socket) => {
      const toServer = connect(Number(new URL(endpoint).port), '127.0.0.1');
      socket.pipe(toServer).pipe(socket);
      socket.on('close', () => toServer.destroy());
    });
    again.listen(port, '127.0.0.1');
    await once(again, 'listening');
    await backend.close();
    again.close();
    expect(await bucket.openUploads()).toEqual([]);
  });

  it('sweeps old uploads of killed processes and leaves young ones alone', async () => {
    const backend = bucket.backend();
    const input = { Bucket: bucket.name, Key: 'killed/a b+c 公司' };
    await bucket.client.send(new CreateMultipartUploadCommand(input));
    await bucket.client.send(new CreateMultipartUploadCommand({ ...input, Key: 'other/x' }));
    expect(await backend.sweepUploads({ prefix: 'killed/' })).toEqual({ aborted: 0, kept: 1, failed: [] });
    await sleep(1100);
    expect(await backend.sweepUploads({ prefix: 'killed/', olderThan: 1 })).toMatchObject({ aborted: 1, kept: 0 });
    expect(await bucket.openUploads()).toHaveLength(1);
    expect(await backend.sweepUploads({ olderThan: 0 })).toMatchObject({ aborted: 1, failed: [] });
  });

  it('knows its own object when the answer to a create-only write was lost', async () => {
    let cuts = 0;
    // The first answer to a PUT is thrown away, after the gateway has done the work.
    const { url, server } = await proxy((socket, toServer) => {
      toServer.unpipe(socket).resume();
      toServer.on('data', (chunk: Buffer) => {
        if (cuts++ === 0) socket.destroy();
        else socket.write(chunk);
      });
    });
    const storage = service(bucket.backend({ endpoint: url }));
    const file = await storage.put('created once', 'mine', { ifNoneMatch: '*', metadata: { a: 'b' }, url: false });
    expect(cuts).toBeGreaterThan(1);
    expect(file.metadata).toEqual({ a: 'b' });
    expect((await storage.getMetadata('created once')).metadata).toEqual({ a: 'b' });
    expect(await codeOf(storage.put('created once', 'not mine', { ifNoneMatch: '*', url: false }))).toBe(
      'already-exists',
    );
    server.close();
  });
});

/** Open sockets of this process. Not `instanceof`: they are made outside of the realm of the tests. */
function sockets(): Socket[] {
  const handles = (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();
  return handles.filter((handle): handle is Socket => 'remotePort' in handle);
}

describe('reads', () => {
  const connections = () => {
    const { port } = new URL(endpoint);
    return sockets().filter((socket) => socket.remotePort === Number(port)).length;
  };

  it('lets the socket of an unread body go: at once when it is small, after the time-out when it is large', async () => {
    // Reads have four times as many sockets as other requests.
    const backend = bucket.backend({ maxSockets: 1, unreadTimeout: 0.5 });
    const storage = service(backend);
    await storage.put('unread/small', randomBytes(50_000), { url: false });
    await storage.put('unread/large', randomBytes(4 * MIB), { url: false });
    const small = await Promise.all(Array.from({ length: 20 }, () => storage.open('unread/small')));
    expect(small).toHaveLength(20);
    const large = await Promise.all(Array.from({ length: 4 }, () => storage.open('unread/large')));
    // All sockets are taken: this waits until the unread bodies are given up.
    expect((await storage.get('unread/small')).length).toBe(50_000);
    await sleep(600);
    for (const { body } of large) expect(await codeOf(body.toArray())).toBe('timeout');
  });

  it('cuts the connection when a body is destroyed, and leaves none open after 100 early leaves', async () => {
    const storage = service(bucket.backend());
    await storage.put('left', randomBytes(4 * MIB), { url: false });
    const before = connections();
    for (let round = 0; round < 100; round++) {
      const { body } = await storage.open('left');
      if (round % 2 === 0) await once(body, 'readable');
      body.destroy();
    }
    await sleep(200);
    expect(connections()).toBeLessThanOrEqual(before + 1);
  });

  it('never ends a truncated body', async () => {
    const { url, server } = await proxy((socket, toServer) => {
      let bytes = 0;
      toServer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MIB) socket.destroy();
      });
    });
    await service(bucket.backend()).put('truncated', randomBytes(4 * MIB), { url: false });
    const { body } = await service(bucket.backend({ endpoint: url })).open('truncated');
    expect(await codeOf(body.toArray())).toBe('unavailable');
    server.close();
  });
});

describe('copies', () => {
  it('copies part by part what is too large for one request, with its facts', async () => {
    const storage = service(bucket.backend({ copyLimit: 5 * MIB }));
    const bytes = randomBytes(12 * MIB);
    const facts = { contentType: 'x/y', metadata: { a_b: 'naïve' }, cacheControl: 'no-store' };
    await storage.put('copy/from ü+', bytes, { ...facts, url: false });
    const copied = await storage.copy('copy/from ü+', 'copy/to');
    expect(copied.etag).toMatch(/-3$/);
    expect(await storage.getMetadata('copy/to')).toMatchObject({ ...facts, size: bytes.length, etag: copied.etag });
    expect((await storage.get('copy/to')).equals(bytes)).toBe(true);
    expect(await bucket.openUploads()).toEqual([]);
  });
});

describe('deletes', () => {
  it('tells whether there was anything to delete', async () => {
    const storage = service(bucket.backend());
    await storage.put('deleted', 'x', { url: false });
    expect(await storage.delete('deleted')).toBe(true);
    expect(await storage.delete('deleted')).toBe(false);
  });

  it('deletes more than one batch, awkward names included', async () => {
    const storage = service(bucket.backend());
    const names = ['<&>"\'', ' lead', '公司/😀', '%2F', 'a+b'].map((name) => `many/${name}`);
    await Promise.all(names.map((name) => storage.put(name, 'x', { url: false })));
    const { deleted, failed } = await storage.deleteMany([
      ...names,
      ...Array.from({ length: 1100 }, (_, index) => `many/absent-${index}`),
    ]);
    expect(failed).toEqual([]);
    expect(deleted).toHaveLength(1105);
    expect(await storage.listKeys('many/')).toEqual([]);
  });
});

describe('new objects', () => {
  it('get the tags of the storage, and non-ASCII metadata that other tools can read', async () => {
    const storage = service(bucket.backend({ tags: { team: 'a b', 'cost+centre': '1=2' } }));
    await storage.put('tagged', 'x', { metadata: { title: 'naïve 公司' }, url: false });
    const head = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: 'tagged' }));
    expect(head.Metadata).toEqual({ title: '=?UTF-8?B?bmHDr3ZlIOWFrOWPuA==?=' });
    await storage.put('tagged in parts', randomBytes(13 * MIB), { url: false });
    for (const Key of ['tagged', 'tagged in parts']) {
      const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: bucket.name, Key }));
      expect(TagSet).toHaveLength(2);
      expect(TagSet).toEqual(
        expect.arrayContaining([
          { Key: 'team', Value: 'a b' },
          { Key: 'cost+centre', Value: '1=2' },
        ]),
      );
    }
  });

  it('of other tools are read, with names that no key can have passed over in listings', async () => {
    for (const Key of ['foreign/', 'foreign/ok', 'foreign//x', 'foreign/.nestjs-storage/x', '.nestjs-storage/y']) {
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: 'x' }));
    }
    const storage = service(bucket.backend());
    expect(await storage.listKeys('foreign/')).toEqual(['foreign/ok']);
    const { prefixes } = await storage.listPage({ delimiter: '/' });
    expect(prefixes).toContain('foreign/');
    expect(prefixes).not.toContain('.nestjs-storage/');
  });
});

describe('health', () => {
  it('passes, with and without writing, and leaves nothing in the bucket', async () => {
    const own = await makeBucket();
    const backend = own.backend();
    await backend.check({ write: false });
    await Promise.all([1, 2, 3].map(() => backend.check({ write: true })));
    // Asked of the gateway itself: listings of the backend hide such names.
    const { KeyCount } = await own.client.send(new ListObjectsV2Command({ Bucket: own.name }));
    expect(KeyCount).toBe(0);
    await own.remove();
  });
});

describe('errors by reason', () => {
  const put = (backend: S3Backend) => service(backend).put('error', 'x', { url: false });

  it('no such bucket is a configuration error, not a missing file', async () => {
    const storage = service(bucket.backend({ bucket: 'no-such-bucket-here' }));
    for (const work of [
      () => storage.exists('a'),
      () => storage.get('a'),
      () => storage.delete('a'),
      () => storage.listKeys(),
      () => storage.checkHealth(),
      () => storage.put('a', 'x'),
      () => storage.put('a', pieces(randomBytes(9 * MIB))),
    ]) {
      expect(await codeOf(work())).toBe('configuration');
    }
  });

  it('another user is denied, and exists() does not say no', async () => {
    await service(bucket.backend()).put('denied', 'x', { url: false });
    const storage = service(bucket.backend({ credentials: otherCredentials }));
    expect(await codeOf(storage.get('denied'))).toBe('permission-denied');
    expect(await codeOf(storage.exists('denied'))).toBe('permission-denied');
    expect(await codeOf(storage.put('denied', 'y'))).toBe('permission-denied');
    expect(await codeOf(storage.checkHealth())).toBe('permission-denied');
    const { failed } = await storage.deleteMany(['denied']);
    expect(failed).toMatchObject([{ key: 'denied', error: { code: 'permission-denied' } }]);
  });

  it('a wrong secret is a refused signature, and a wrong clock is named as the cause with its offset', async () => {
    const wrong = put(bucket.backend({ credentials: { ...credentials, secretAccessKey: 'x' } }));
    await expect(wrong).rejects.toMatchObject({
      code: 'permission-denied',
      message: expect.stringContaining('The clock agrees'),
    });
    const real = Date.now;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() - 3_600_000);
    try {
      await expect(put(bucket.backend({ maxAttempts: 1 }))).rejects.toMatchObject({
        code: 'permission-denied',
        message: expect.stringMatching(/it is 3\d{3} s behind the store's/),
      });
      // With another try the SDK mends the offset by itself.
      await put(bucket.backend());
    } finally {
      clock.mockRestore();
    }
  });

  it('an unknown access key is denied', async () => {
    const backend = bucket.backend({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'x' } });
    await expect(put(backend)).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('a full quota is quota-exceeded, and leaves nothing', async () => {
    const full = await makeBucket();
    const admin = (...args: string[]) =>
      execFileSync('radosgw-admin', ['--conf', cephConf, ...args], { stdio: 'pipe' });
    admin('quota', 'set', '--quota-scope=bucket', `--bucket=${full.name}`, '--max-size=100K', '--uid=first');
    admin('quota', 'enable', '--quota-scope=bucket', `--bucket=${full.name}`, '--uid=first');
    const storage = service(full.backend());
    expect(await codeOf(storage.put('big', randomBytes(400_000)))).toBe('quota-exceeded');
    expect(await codeOf(storage.put('bigger', pieces(randomBytes(9 * MIB))))).toBe('quota-exceeded');
    expect(await storage.listKeys()).toEqual([]);
    expect(await full.openUploads()).toEqual([]);
    await full.remove();
  });

  it('nothing listening and a host without a name are unavailable', async () => {
    await expect(put(bucket.backend({ endpoint: 'http://127.0.0.1:9', maxAttempts: 2 }))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('nothing answers'),
    });
    await expect(
      put(bucket.backend({ endpoint: 'http://no-such-host.invalid', maxAttempts: 1 })),
    ).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('resolved') });
  });

  it('a store that stands still is a time-out', async () => {
    const backend = bucket.backend({ idleTimeout: 1, maxAttempts: 1 });
    await put(backend);
    process.kill(gatewayPid, 'SIGSTOP');
    try {
      expect(await codeOf(service(backend).get('error'))).toBe('timeout');
    } finally {
      process.kill(gatewayPid, 'SIGCONT');
    }
  });

  it('an abort is an abort, at every step, and leaves nothing', async () => {
    const storage = service(bucket.backend({ partSize: 5 * MIB }));
    for (const after of [1, 60, 100, 150]) {
      const controller = new AbortController();
      const body = async function* () {
        for (let index = 0; index < 200; index++) {
          if (index === after) controller.abort();
          yield randomBytes(64 * 1024);
        }
      };
      expect(await codeOf(storage.put('aborted', body(), { signal: controller.signal }))).toBe('aborted');
    }
    expect(await storage.exists('aborted')).toBe(false);
    expect(await bucket.openUploads()).toEqual([]);
    expect(partBuffers.used).toBe(0);
  });
});

describe('an abort during a request', () => {
  it.each([/\?uploads/, /partNumber=1\b/, /partNumber=2\b/])('(%s) leaves no upload open', async (request) => {
    const controller = new AbortController();
    let met = 0;
    const { url, server } = await proxy((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (!request.test(chunk.toString('latin1'))) return;
        met++;
        controller.abort();
      });
    });
    const backend = bucket.backend({ endpoint: url, partSize: 5 * MIB });
    const put = service(backend).put('cut', pieces(randomBytes(11 * MIB)), { signal: controller.signal });
    expect(await codeOf(put)).toBe('aborted');
    expect([met, backend.failedAborts]).toEqual([1, 0]);
    expect(await bucket.openUploads()).toEqual([]);
    expect(await service(bucket.backend()).exists('cut')).toBe(false);
    expect(partBuffers.used).toBe(0);
    server.close();
  });

  it.each([
    ['one request', 1000, 'PUT /'],
    ['parts', 6 * MIB, 'POST /'],
  ] as const)('that publishes, in %s, comes too late: the file is there, and said to be', async (_, bytes, request) => {
    const controller = new AbortController();
    const { url, server } = await proxy((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes(request) && !chunk.includes('?uploads')) controller.abort();
      });
    });
    const storage = service(bucket.backend({ endpoint: url, partSize: 5 * MIB }));
    const file = await storage.put('late', pieces(randomBytes(bytes)), { signal: controller.signal, url: false });
    expect([controller.signal.aborted, file.size]).toEqual([true, bytes]);
    expect(await storage.getMetadata('late')).toMatchObject({ size: bytes, etag: file.etag });
    expect(await bucket.openUploads()).toEqual([]);
    server.close();
  });
});

describe('a client that is handed in', () => {
  it('is used with whatever checksums it is set to, and not closed', async () => {
    const client = bareClient({
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      responseChecksumValidation: 'WHEN_SUPPORTED',
    });
    const backend = new S3Backend({ bucket: bucket.name, client, dialect: 'ceph', region, partSize: 5 * MIB });
    const storage = service(backend);
    const bytes = randomBytes(6 * MIB);
    await storage.put('handed/small', 'x', { url: false });
    await storage.put('handed/large', pieces(bytes), { url: false });
    expect((await storage.get('handed/large')).equals(bytes)).toBe(true);
    await storage.deleteMany(['handed/large']);
    await backend.close();
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: 'handed/small' }));
    expect(head.ContentLength).toBe(1);
    client.destroy();
  });
});
