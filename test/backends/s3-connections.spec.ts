/** Sockets and time-outs of the S3 backend: who waits for a socket, who for the store, and who for a reader. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { S3Backend, type S3BackendOptions } from '../../lib/backends/s3/index.js';
import { StorageService } from '../../lib/index.js';

const MIB = 1024 * 1024;

let server: Server;
let respond: (request: IncomingMessage, response: ServerResponse) => void;
let came: string[];
let backends: S3Backend[];

beforeEach(async () => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  came = [];
  backends = [];
  server = createServer((request, response) => {
    came.push(`${request.method} ${request.url!.split('?')[0]}`);
    request.resume().once('end', () => respond(request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await Promise.all(backends.map((backend) => backend.close()));
  server.closeAllConnections();
  server.close();
});

const addressOf = (one: { address(): unknown }) => `127.0.0.1:${(one.address() as AddressInfo).port}`;

function storageWith(options: Partial<S3BackendOptions>): StorageService {
  const backend = new S3Backend({
    bucket: 'bucket',
    endpoint: `http://${addressOf(server)}`,
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
    maxAttempts: 1,
    ...options,
  });
  backends.push(backend);
  return new StorageService(backend);
}

const large = Buffer.alloc(8 * MIB, 'x');
const sendLarge = (response: ServerResponse) =>
  response.writeHead(200, { etag: '"e"', 'content-length': large.length }).end(large);

describe('a full pool', () => {
  it('is waited for: a request that finds no free socket does not time out, nor is it sent twice', async () => {
    respond = (_request, response) => void setTimeout(() => response.setHeader('etag', '"e"').end(), 400);
    const storage = storageWith({ maxSockets: 1, connectTimeout: 0.1, maxAttempts: 3 });
    await Promise.all(['a', 'b', 'c'].map((key) => storage.put(key, key, { url: false })));
    expect(came.toSorted()).toEqual(['PUT /bucket/a', 'PUT /bucket/b', 'PUT /bucket/c']);
  });

  it('of bodies that nobody reads on leaves the other requests alone, and gives way to the next read', async () => {
    respond = ({ method }, response) =>
      method === 'GET' ? sendLarge(response) : response.writeHead(200, { etag: '"e"', 'content-length': 5 }).end();
    const storage = storageWith({ maxSockets: 1, connectTimeout: 0.1, idleTimeout: 0.3 });
    const held = await Promise.all([1, 2, 3, 4].map((index) => storage.open(`held/${index}`)));
    for (const { body } of held)
      await once(
        body.once('readable', () => body.read()),
        'readable',
      );
    expect(await storage.exists('any')).toBe(true);
    await storage.put('any', 'x', { url: false });
    let opened = false;
    const next = storage.get('next').finally(() => (opened = true));
    await sleep(600);
    expect(opened).toBe(false);
    held[0]!.body.destroy();
    expect((await next).length).toBe(large.length);
    for (const { body } of held) body.destroy();
  });
});

describe('a reader that pauses', () => {
  it('for longer than the idle time-out gets its whole body', async () => {
    respond = (_request, response) => sendLarge(response);
    const { body } = await storageWith({ idleTimeout: 0.2 }).open('large');
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (Math.floor(length / (3 * MIB)) < Math.floor((length + chunk.length) / (3 * MIB))) await sleep(700);
      length += chunk.length;
    }
    expect(length).toBe(large.length);
  });

  it('learns of a store that falls silent when it reads on', async () => {
    respond = (_request, response) => {
      response.writeHead(200, { etag: '"e"', 'content-length': MIB }).write(Buffer.alloc(1000));
    };
    const { body } = await storageWith({ idleTimeout: 0.3 }).open('half');
    const reading = body[Symbol.asyncIterator]();
    expect((await reading.next()).value).toHaveLength(1000);
    const started = Date.now();
    await expect(reading.next()).rejects.toMatchObject({ code: 'timeout', operation: 'get', key: 'half' });
    expect(Date.now() - started).toBeLessThan(2000);
  });
});

describe('silence', () => {
  it('in the middle of a listing is a time-out', async () => {
    respond = (_request, response) => void response.writeHead(200).write('<ListBucketResult><Contents>');
    await expect(storageWith({ idleTimeout: 0.3 }).listKeys()).rejects.toMatchObject({ code: 'timeout' });
    expect(came).toHaveLength(1);
  });

  it('instead of an answer is a time-out, after as many attempts as there may be', async () => {
    respond = () => undefined;
    const put = storageWith({ idleTimeout: 0.2, maxAttempts: 2 }).put('k', 'x', { url: false });
    await expect(put).rejects.toMatchObject({ code: 'timeout', key: 'k' });
    expect(came).toHaveLength(2);
  });

  it('before a body is read is no unhandled error', async () => {
    respond = (_request, response) => {
      response.writeHead(200, { etag: '"e"', 'content-length': MIB }).write(Buffer.alloc(1000));
    };
    const { body } = await storageWith({ idleTimeout: 0.1 }).open('half');
    await sleep(400);
    await expect(buffer(body)).rejects.toMatchObject({ code: 'timeout' });
  });

  it('in place of a TLS handshake is a connection that did not come about', async () => {
    const sockets: Socket[] = [];
    const silent = createTcpServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const storage = storageWith({ endpoint: `https://${addressOf(silent)}`, connectTimeout: 0.2, idleTimeout: 20 });
    await expect(storage.exists('k')).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('no connection to the store came about in time'),
    });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
});

describe('closing the backend', () => {
  it('ends what is under way, and nothing is sent again after it', async () => {
    respond = () => {};
    const storage = storageWith({ maxAttempts: 4, maxSockets: 1 });
    const puts = ['first', 'waiting'].map((key) => storage.put(key, 'x', { url: false }));
    const ended = Promise.allSettled(puts);
    while (came.length === 0) await sleep(10);
    await backends[0]!.close();
    const reason = { code: 'unavailable', message: expect.stringContaining('the backend was closed') };
    const rejected = { status: 'rejected', reason: expect.objectContaining(reason) };
    expect(await ended).toEqual([rejected, rejected]);
    // Longer than the SDK's first pause.
    await sleep(300);
    expect(came).toEqual(['PUT /bucket/first']);
  });
});

it.each([
  { maxAttempts: 0 },
  { maxSockets: NaN },
  { maxSockets: -1 },
  { connectTimeout: 0 },
  { idleTimeout: -5 },
  { idleTimeout: 1e9 },
  { unreadTimeout: NaN },
])('%o is a configuration error', (options) => {
  const [name] = Object.keys(options);
  expect(() => new S3Backend({ bucket: 'b', ...options })).toThrow(
    expect.objectContaining({ code: 'configuration', message: expect.stringContaining(`${name} must be`) }),
  );
});
