/** Answers without a Content-Length, as they come through proxies that compress: no object counts as empty for it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { S3Backend } from '../../lib/backends/s3/index.js';
import { StorageService } from '../../lib/index.js';

const bytes = Buffer.from('0123456789');

let server: Server;
let backend: S3Backend;
let storage: StorageService;
let etags: string[];
let came: string[];
/** Says the size when a range is asked for. */
let tellsRange: boolean;
let cut: boolean;

function respond({ method, headers }: IncomingMessage, response: ServerResponse): void {
  came.push(`${method} ${headers.range ?? ''}`.trim());
  const etag = etags.length > 1 ? etags.shift()! : etags[0]!;
  response.setHeader('etag', `"${etag}"`);
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  if (range && tellsRange && bytes.length > 0) {
    const end = Math.min(Number(range[2] === '' ? bytes.length - 1 : range[2]), bytes.length - 1);
    response.writeHead(206, { 'content-range': `bytes ${range[1]}-${end}/${bytes.length}` });
    response.end(bytes.subarray(Number(range[1]), end + 1));
    return;
  }
  response.writeHead(200);
  if (method === 'HEAD') response.end();
  else if (cut) response.write(bytes.subarray(0, 4), () => response.destroy());
  else response.end(bytes);
}

beforeEach(async () => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  [etags, came, tellsRange, cut] = [['e'], [], true, false];
  server = createServer(respond).listen(0, '127.0.0.1');
  await once(server, 'listening');
  backend = new S3Backend({
    bucket: 'bucket',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });
  storage = new StorageService(backend);
});

afterEach(async () => {
  await backend.close();
  server.closeAllConnections();
  server.close();
});

it('an object is read whole, and its size asked for by the range of its first byte', async () => {
  const { body, size } = await storage.open('k').then(({ body: opened, file }) => ({ body: opened, size: file.size }));
  expect(size).toBe(10);
  expect(Buffer.concat(await body.toArray()).equals(bytes)).toBe(true);
  expect(came).toEqual(['GET', 'GET bytes=0-0']);
});

it('a range tells the size by itself', async () => {
  const { body } = await storage.open('k', { range: { start: 2, end: 4 } });
  expect(Buffer.concat(await body.toArray()).toString()).toBe('234');
  expect(came).toEqual(['GET bytes=2-4']);
});

it('facts of an object tell its size', async () => {
  expect((await storage.getMetadata('k')).size).toBe(10);
});

it('a body that breaks off is no whole one', async () => {
  cut = true;
  await expect(storage.get('k')).rejects.toMatchObject({ code: 'unavailable' });
});

it('the size of another version is not taken for that of the opened one', async () => {
  etags = ['old', 'new'];
  await expect(storage.get('k')).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('changed while it was looked at'),
  });
});

it('a store that never tells a size is an error, not an empty object', async () => {
  tellsRange = false;
  const told = { code: 'unavailable', message: expect.stringContaining('does not say how large') };
  await expect(storage.getMetadata('k')).rejects.toMatchObject(told);
  await expect(storage.get('k')).rejects.toMatchObject(told);
});
