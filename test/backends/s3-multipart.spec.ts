/** Multipart uploads against a server that answers as a test says: checksums, lost answers, aborts, and their account. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { partBuffers, type S3BackendOptions, type S3Warning } from '../../lib/backends/s3/index.js';
import { PartStream } from '../../lib/backends/s3/part-stream.js';
import { S3Connection } from '../../lib/backends/s3/s3.connection.js';
import { resolveSettings } from '../../lib/backends/s3/s3.settings.js';
import { UploadLedger } from '../../lib/backends/s3/upload-ledger.js';
import { parseKey, StorageService } from '../../lib/index.js';
import { failure, MIB, startService, WAYS, type Answer, type Sent, type Service } from './s3-rig.js';

let service: Service;
let answer: (request: Sent) => Answer | undefined;
let warnings: S3Warning[];

beforeEach(async () => {
  answer = () => undefined;
  warnings = [];
  service = await startService((request) => answer(request));
});

afterEach(async () => {
  expect(partBuffers.used).toBe(0);
  await service.close();
});

function backend(options: Partial<S3BackendOptions> = {}) {
  return service.backend({
    dialect: 'aws',
    endpoint: `http://s3.example.com:${service.port}`,
    region: 'us-east-1',
    pathStyle: true,
    partSize: 5 * MIB,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  });
}

async function* pieces(bytes: number): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= 256 * 1024) yield Buffer.alloc(Math.min(left, 256 * 1024), 7);
}

const isBegin = ({ method, path }: Sent) => method === 'POST' && path.includes('uploads');
const isComplete = ({ method, path }: Sent) => method === 'POST' && path.includes('uploadId=');
const isAbort = ({ method, path }: Sent) => method === 'DELETE' && path.includes('uploadId=');
const isLook = ({ method }: Sent) => method === 'HEAD';
const count = (which: (request: Sent) => boolean) => service.sent.filter(which).length;

describe('the algorithm of an upload', () => {
  const algorithms = () => service.sent.filter(isBegin).map(({ headers }) => headers['x-amz-checksum-algorithm']);

  it('is named where every part brings its checksum', async () => {
    await new StorageService(backend()).put('k', pieces(11 * MIB), { url: false });
    expect(algorithms()).toEqual(['CRC32']);
  });

  it.each(['aws', 'minio'] as const)('is not named on %s where parts are sent as they arrive', async (dialect) => {
    const { limit } = partBuffers;
    try {
      const storage = new StorageService(backend({ dialect, partSize: 6 * MIB, partBufferBytes: 5 * MIB }));
      await storage.put('k', pieces(13 * MIB), { size: 13 * MIB, url: false });
      expect(algorithms()).toEqual([undefined]);
      expect(count(isComplete)).toBe(1);
    } finally {
      partBuffers.limit = limit;
    }
  });

  it.each(['aws', 'minio'] as const)(
    'is not named on %s for copies, whatever it tells of their parts',
    async (dialect) => {
      answer = ({ headers, method }) => {
        if (method === 'HEAD') return { headers: { etag: '"v1"', 'content-length': String(6 * MIB) } };
        const told = '<CopyPartResult><ETag>"p"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></CopyPartResult>';
        return 'x-amz-copy-source' in headers ? { body: told } : undefined;
      };
      await new StorageService(backend({ dialect, copyLimit: 5 * MIB })).copy('from', 'to');
      expect(algorithms()).toEqual([undefined]);
      expect(count(isComplete)).toBe(1);
    },
  );

  it.each(['crc32', 'md5'] as const)(
    'is ours (%s) with a client of the app that sets checksums itself',
    async (checksums) => {
      const client = new S3Client({
        endpoint: `http://s3.example.com:${service.port}`,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
        requestChecksumCalculation: 'WHEN_SUPPORTED',
      });
      const storage = new StorageService(backend({ client, checksums }));
      await storage.put('k', pieces(6 * MIB), { url: false });
      expect(algorithms()).toEqual([checksums === 'crc32' ? 'CRC32' : undefined]);
      client.destroy();
    },
  );
});

describe('an abort while an upload begins', () => {
  it('waits for its id and aborts it', async () => {
    const controller = new AbortController();
    answer = (request) => {
      if (!isBegin(request)) return undefined;
      controller.abort();
      return {
        after: new Promise((resolve) => setTimeout(resolve, 50)),
        body: '<InitiateMultipartUploadResult><UploadId>u7</UploadId></InitiateMultipartUploadResult>',
      };
    };
    const store = backend();
    const put = new StorageService(store).put('k', pieces(11 * MIB), { signal: controller.signal, url: false });
    await expect(put).rejects.toMatchObject({ code: 'aborted', operation: 'put', key: 'k' });
    expect(service.sent.filter(isAbort).map(({ path }) => path)).toEqual([expect.stringContaining('uploadId=u7')]);
    expect(store.failedAborts).toBe(0);
  });
});

describe('an upload whose beginning is not answered', () => {
  const CUT = expect.objectContaining({ code: 'ECONNRESET' });
  const isTold = (cause: unknown) => ({
    key: 'k',
    message: expect.stringContaining('sweepUploads()'),
    cause,
  });

  it('is counted and told: it may be open, and nobody knows its id', async () => {
    answer = (request) => (isBegin(request) ? { lost: true } : undefined);
    const store = backend({ maxAttempts: 2 });
    const put = new StorageService(store).put('k', pieces(6 * MIB), { url: false });
    await expect(put).rejects.toMatchObject({ operation: 'put', key: 'k' });
    expect(warnings).toEqual([isTold(CUT)]);
    expect(store.failedAborts).toBe(1);
  });

  it.each([
    ['a connection that broke', { lost: true }, CUT],
    ['a store that failed', failure(500, 'InternalError'), { message: 'the store answered 500' }],
  ])('is told too where its repetition succeeds: %s', async (_, first, cause) => {
    answer = (request) => (isBegin(request) && count(isBegin) === 1 ? first : undefined);
    const store = backend({ maxAttempts: 2 });
    await new StorageService(store).put('k', pieces(6 * MIB), { url: false });
    expect([count(isBegin), store.failedAborts]).toEqual([2, 1]);
    expect(warnings).toMatchObject([isTold(cause)]);
  });

  it('is not, where the store turned it away or was never reached', async () => {
    answer = (request) => (isBegin(request) && count(isBegin) === 1 ? failure(503, 'SlowDown') : undefined);
    const store = backend({ maxAttempts: 2 });
    await new StorageService(store).put('k', pieces(6 * MIB), { url: false });
    const unreached = backend({ endpoint: 'http://s3.example.com:9', maxAttempts: 2 });
    await expect(new StorageService(unreached).put('k', pieces(6 * MIB), { url: false })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect([store.failedAborts, unreached.failedAborts, warnings]).toEqual([0, 0, []]);
  });
});

describe('a completion that nobody confirms', () => {
  const MARK = 'x-amz-meta-nestjs-storage-write';
  const markOf = () => String(service.sent.find(isBegin)!.headers[MARK]);

  it('is a failure where the object is another write’s, though its bytes be the same', async () => {
    // As the earlier upload of the same bytes made it: a digest of the digests of its parts.
    const part = '0'.repeat(32);
    const etag = `"${createHash('md5')
      .update(Buffer.from(part + part, 'hex'))
      .digest('hex')}-2"`;
    answer = (request) => {
      if (isComplete(request)) return failure(503, 'SlowDown');
      if (isLook(request)) return { headers: { etag, [MARK]: 'another' } };
      return request.method === 'PUT' ? { headers: { etag: `"${part}"` } } : undefined;
    };
    const storage = new StorageService(backend({ maxAttempts: 3 }));
    const put = storage.put('k', pieces(6 * MIB), { metadata: { new: 'yes' }, url: false });
    await expect(put).rejects.toMatchObject({ code: 'unavailable' });
    expect([count(isComplete), count(isAbort)]).toEqual([3, 1]);
  });

  it('is a success where the object has its mark', async () => {
    answer = (request) => {
      if (isComplete(request)) return { lost: true };
      return isLook(request) ? { headers: { etag: '"whole-2"', [MARK]: markOf() } } : undefined;
    };
    const storage = new StorageService(backend({ maxAttempts: 2 }));
    const file = await storage.put('k', pieces(6 * MIB), { metadata: { new: 'yes' }, url: false });
    expect(file).toMatchObject({ etag: 'whole-2', metadata: { new: 'yes' } });
    expect(count(isAbort)).toBe(0);
  });

  it('leaves no room for a mark where the metadata is as large as may be', async () => {
    const metadata = { k: 'v'.repeat(2047) };
    const file = await new StorageService(backend()).put('k', pieces(6 * MIB), { metadata, url: false });
    expect(file.metadata).toEqual(metadata);
    expect(service.sent.find(isBegin)!.headers[MARK]).toBeUndefined();
  });
});

describe.each(WAYS)('a commit, %s', (_, settings) => {
  it.each([
    ['of a held body', 100, ({ method }: Sent) => method === 'PUT'],
    ['of an upload', 6 * MIB, isComplete],
  ] as const)('%s goes through to its end, whatever the signal says meanwhile', async (_case, bytes, isCommit) => {
    const controller = new AbortController();
    const store = backend(settings);
    const { signal } = controller;
    const staged = await store.stage(parseKey('k'), pieces(bytes), { contentType: 'a/b', metadata: {}, signal });
    answer = (request) => {
      if (!isCommit(request)) return undefined;
      controller.abort();
      const body = '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>';
      return { after: new Promise((resolve) => setTimeout(resolve, 30)), headers: { etag: '"e"' }, body };
    };
    await expect(staged.commit()).resolves.toMatchObject({ key: 'k', etag: 'e', size: bytes });
    expect([count(isCommit), count(isAbort)]).toEqual([1, 0]);
  });

  it('does not begin once the signal has fired', async () => {
    for (const bytes of [100, 6 * MIB]) {
      const controller = new AbortController();
      const { signal } = controller;
      const store = backend(settings);
      const staged = await store.stage(parseKey('k'), pieces(bytes), { contentType: 'a/b', metadata: {}, signal });
      controller.abort();
      await expect(staged.commit()).rejects.toMatchObject({ code: 'aborted' });
      expect(count(isComplete)).toBe(0);
    }
  });
});

describe('bodies that have to be held, for a condition that holds at PutObject alone', () => {
  const options = { contentType: 'a/b', metadata: {}, ifNoneMatch: '*' as const };

  it('are refused where others fill their share of the budget, and taken in when it is free', async () => {
    const { patience } = partBuffers;
    partBuffers.patience = 50;
    const store = backend({ dialect: 'ceph', partSize: 12 * MIB });
    try {
      const stage = (key: string) => store.stage(parseKey(key), pieces(10 * MIB), options);
      const tried = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => stage(`k${index}`)));
      const staged = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      const refused = tried.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      // Half of 64 MiB.
      expect([staged.length, partBuffers.used]).toEqual([3, 30 * MIB]);
      for (const error of refused) {
        expect(error).toMatchObject({
          code: 'unavailable',
          operation: 'put',
          message: expect.stringContaining('partBufferBytes'),
        });
      }
      // What can be sent goes on beside them.
      await new StorageService(store).put('other', pieces(20 * MIB), { url: false });
      partBuffers.patience = patience;
      const waiting = stage('late');
      await staged[0]!.abort();
      await (await waiting).commit();
      await Promise.all(staged.slice(1).map((one) => one.commit()));
      expect(count(({ headers }) => headers['if-none-match'] === '*')).toBe(3);
    } finally {
      partBuffers.patience = patience;
    }
  });
});

describe('the account of uploads that stay open', () => {
  it('is settled side by side, and within a time', async () => {
    const connection = new S3Connection(
      resolveSettings({
        bucket: 'bucket',
        endpoint: `http://s3.example.com:${service.port}`,
        credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
        onWarning: () => {},
      }),
    );
    const ledger = new UploadLedger(connection, () => Promise.reject(new Error('not asked')));
    for (let index = 0; index < 20; index++) ledger.abandoned(`k${index}`, `u${index}`, undefined);
    answer = (request) => (isAbort(request) ? { status: 204, after: new Promise(() => {}) } : undefined);
    await connection.ready();
    const started = performance.now();
    await ledger.settle(1500);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(count(isAbort)).toBe(20);
    await connection.close();
  });
});

describe('a store that answers before it has read a body', () => {
  let early: Server;
  let sockets: Set<Socket>;

  beforeEach(async () => {
    sockets = new Set();
    early = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).once('close', () => sockets.delete(socket));
      socket.once('data', () => {
        socket.pause();
        const error = failure(403, 'AccessDenied').body!;
        socket.write(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${error.length}\r\n\r\n${error}`);
      });
    }).listen(0, '127.0.0.1');
    await once(early, 'listening');
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    early.close();
  });

  const port = () => (early.address() as AddressInfo).port;

  /** It noticed no end, because it does not read. */
  async function areLeft(): Promise<boolean> {
    for (const socket of sockets) socket.resume();
    for (let wait = 0; wait < 100 && sockets.size > 0; wait++) await new Promise((resolve) => setTimeout(resolve, 20));
    return sockets.size === 0;
  }

  describe.each(WAYS)('%s', (_, settings) => {
    it.each([
      ['many chunks', () => pieces(4 * MIB)],
      ['one chunk', () => Buffer.alloc(4 * MIB)],
    ])('is left at once: the socket waits for nothing (%s)', async (_case, body) => {
      const store = backend({ ...settings, endpoint: `http://s3.example.com:${port()}` });
      const put = new StorageService(store).put('k', body(), { url: false });
      await expect(put).rejects.toMatchObject({ code: 'permission-denied' });
      expect(sockets.size).toBe(1);
      expect(await areLeft()).toBe(true);
    });
  });

  it('is left too where a part waits for the socket to drain, as over TLS', async () => {
    const sent = http.request({
      host: '127.0.0.1',
      port: port(),
      method: 'PUT',
      headers: { 'content-length': 8 * MIB },
    });
    Object.assign(sent, { protocol: 'https:' });
    sent.on('error', () => {}).on('response', (response) => response.resume());
    new PartStream([Buffer.alloc(4 * MIB), Buffer.alloc(4 * MIB)]).pipe(sent);
    await once(sent, 'response');
    expect(await areLeft()).toBe(true);
  });
});
