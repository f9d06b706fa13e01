/** PUT of signed URLs over real HTTP: what is bound holds, and what fails leaves nothing. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { GetUploadUrlOptions } from '../../lib/service/index.js';
import { pathOf, raw, send, startRig, until, WatchedBackend, type Rig } from './rig.js';
import { onPlatforms } from '../support/platforms.js';

const STALL_SECONDS = 1;
onPlatforms('on $name', (platform) => {
  const backend = new WatchedBackend(new MemoryBackend());
  let rig: Rig;

  beforeAll(async () => {
    rig = await startRig(platform, {
      storages: [{ name: 'default', backend }],
      policy: { stallTimeout: STALL_SECONDS },
    });
  });

  afterAll(() => rig.close());

  async function uploadUrl(key: string, options: GetUploadUrlOptions = {}): Promise<string> {
    return (await rig.storage().getUploadUrl(key, options)).url;
  }

  const put = (url: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    send(url, { method: 'PUT', body, headers });

  const head = (url: string, ...headers: string[]) =>
    [`PUT ${pathOf(url)} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');

  async function textOf(key: string): Promise<string | undefined> {
    return (await rig.storage().exists(key)) ? (await rig.storage().get(key)).toString() : undefined;
  }

  describe('PUT', () => {
    it('stores the file, and tells its size and etag and no more', async () => {
      const answer = await put(await uploadUrl('plain.txt'), 'hello', { 'content-type': 'text/plain' });
      const file = await rig.storage().getMetadata('plain.txt');
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toEqual({ size: 5, etag: file.etag });
      expect(answer.headers).toMatchObject({
        etag: `"${file.etag}"`,
        'cache-control': 'private, no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'content-security-policy': expect.stringContaining('sandbox'),
      });
      expect([await textOf('plain.txt'), file.contentType]).toEqual(['hello', 'text/plain']);
    });

    it.each([
      ['application/json', '{"a":  1}'],
      ['application/json', 'this is {not json'],
      ['application/json', `"${'x'.repeat(300_000)}"`],
      ['application/vnd.api+json', '[1,2]'],
      ['application/x-www-form-urlencoded', 'a=1&b=%zz&c'],
      ['text/plain; charset=utf-16', 'text'],
      ['multipart/form-data; boundary=x', '--x\r\n\r\n--x--'],
      ['application/octet-stream', 'bytes'],
      ['made/up; with="param"', 'x'],
    ])('takes %s unread by any parser', async (contentType, body) => {
      const answer = await put(await uploadUrl('typed'), body, { 'content-type': contentType });
      expect([answer.status, JSON.parse(answer.text).size]).toEqual([200, Buffer.byteLength(body)]);
      expect([await textOf('typed'), (await rig.storage().getMetadata('typed')).contentType]).toEqual([
        body,
        contentType,
      ]);
    });

    it('takes a body without a type, and names it by the key', async () => {
      expect((await put(await uploadUrl('a/logo.png'), 'png')).status).toBe(200);
      expect((await rig.storage().getMetadata('a/logo.png')).contentType).toBe('image/png');
    });

    it('takes an empty body, announced or not', async () => {
      expect((await put(await uploadUrl('empty-1'), '', { 'content-length': '0' })).status).toBe(200);
      const { text } = await raw(rig.port, head(await uploadUrl('empty-2'), 'Connection: close'));
      expect(text).toMatch(/^HTTP\/1.1 200 /);
      expect([await textOf('empty-1'), await textOf('empty-2')]).toEqual(['', '']);
    });

    it('takes a body of unknown length', async () => {
      const chunked = head(await uploadUrl('chunked'), 'Transfer-Encoding: chunked', 'Connection: close');
      const { text } = await raw(rig.port, `${chunked}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`);
      expect(text).toMatch(/^HTTP\/1.1 200 /);
      expect(await textOf('chunked')).toBe('abcde');
    });

    it('takes a large body from fetch, streamed', async () => {
      const chunk = new Uint8Array(100_000).fill(7);
      let left = 30;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- > 0) controller.enqueue(chunk);
          else controller.close();
        },
      });
      const answer = await fetch(await uploadUrl('large'), { method: 'PUT', body, duplex: 'half' } as RequestInit);
      expect(answer.status).toBe(200);
      expect((await rig.storage().getMetadata('large')).size).toBe(3_000_000);
    });

    it('stores the metadata that the URL binds', async () => {
      await put(await uploadUrl('meta', { metadata: { owner: 'Zoë', n: 1 } }), 'x');
      expect((await rig.storage().getMetadata('meta')).metadata).toEqual({ owner: 'Zoë', n: '1' });
    });

    it('keeps the connection after a good upload', async () => {
      const url = await uploadUrl('kept');
      const once = `${head(url, 'Content-Length: 1')}x`;
      const { text, closed } = await raw(rig.port, once + once, 400);
      expect([text.match(/HTTP\/1.1 200 /g)?.length, closed]).toEqual([2, false]);
    });
  });

  describe('what the URL binds', () => {
    it.each([
      ['text/plain', 'text/plain', 200],
      ['text/plain', 'Text/Plain', 200],
      ['text/plain', 'text/plain;charset=UTF-8', 200],
      ['text/plain; charset=utf-8', 'text/plain;charset="UTF-8"', 200],
      ['text/plain; charset=utf-8', 'text/plain', 415],
      ['text/plain; charset=utf-8', 'text/plain; charset=latin1', 415],
      ['image/png', 'text/html', 415],
      ['image/png', 'image/pngx', 415],
      ['image/png', undefined, 415],
    ])('type %s against %s is %d', async (contentType, given, status) => {
      await rig.storage().delete('bound');
      const url = await uploadUrl('bound', { contentType });
      const answer = await put(url, 'x', given === undefined ? {} : { 'content-type': given });
      expect(answer.status).toBe(status);
      if (status === 200) expect((await rig.storage().getMetadata('bound')).contentType).toBe(contentType);
      else expect(await textOf('bound')).toBeUndefined();
    });

    const LENGTHS: [GetUploadUrlOptions, number, number, string][] = [
      [{ size: 5 }, 5, 200, ''],
      [{ size: 5 }, 4, 400, 'size-mismatch'],
      [{ size: 5 }, 6, 413, 'file-too-large'],
      [{ size: 0 }, 0, 200, ''],
      [{ size: 0 }, 1, 413, 'file-too-large'],
      [{ maxSize: 5 }, 0, 200, ''],
      [{ maxSize: 5 }, 5, 200, ''],
      [{ maxSize: 5 }, 6, 413, 'file-too-large'],
      [{ size: 5, maxSize: 9 }, 9, 413, 'file-too-large'],
    ];
    it.each(LENGTHS)('%j against %d bytes is %d, announced or counted', async (bound, length, status, code) => {
      const body = 'x'.repeat(length);
      for (const announced of [true, false]) {
        await rig.storage().delete('sized');
        const url = await uploadUrl('sized', bound);
        const framing = announced ? `Content-Length: ${length}` : 'Transfer-Encoding: chunked';
        const chunks = length === 0 ? '0\r\n\r\n' : `${length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
        const { text, closed } = await raw(
          rig.port,
          head(url, framing, 'Connection: close') + (announced ? body : chunks),
        );
        expect([announced, text.slice(9, 12), closed]).toEqual([announced, String(status), true]);
        expect(await textOf('sized')).toBe(status === 200 ? body : undefined);
        if (status !== 200) expect(text).toContain(`"code":"${code}"`);
      }
    });

    it('refuses by the announced length before a byte of the body is sent', async () => {
      const url = await uploadUrl('too-large', { maxSize: 10 });
      const start = Date.now();
      const { text, closed } = await raw(rig.port, head(url, 'Content-Length: 1000000000', 'Expect: 100-continue'));
      expect(text).toMatch(/^HTTP\/1.1 413 /);
      expect(text).toMatch(/Connection: close/i);
      expect(closed && Date.now() - start < 1000).toBe(true);
    });

    it('lets a client that is busy sending read the 413', async () => {
      const url = await uploadUrl('too-large', { maxSize: 10 });
      const answer = await put(url, Buffer.alloc(4_000_000));
      expect([answer.status, JSON.parse(answer.text).message]).toEqual([
        413,
        'The file is larger than the allowed 10 bytes.',
      ]);
      expect((await fetch(url, { method: 'PUT', body: Buffer.alloc(4_000_000) })).status).toBe(413);
    });

    it('creates only, once, however many come at the same time', async () => {
      const url = await uploadUrl('once', { ifNoneMatch: '*' });
      const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => put(url, `body ${n}`)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(11).fill(409)]);
      const winner = answers.findIndex(({ status }) => status === 201);
      expect(await textOf('once')).toBe(`body ${winner}`);
      expect((await put(url, 'again')).status).toBe(409);
    });
  });

  describe('conditions of the request', () => {
    it.each([
      ['If-None-Match: *', 412, 200],
      ['If-None-Match: TAG', 412, 200],
      ['If-None-Match: W/TAG', 412, 200],
      ['If-None-Match: "x"', 200, 200],
      ['If-Match: TAG', 200, 412],
      ['If-Match: "x"', 412, 412],
      ['If-Match: W/TAG', 412, 412],
      ['If-Match: *', 200, 412],
      ['If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT', 412, 200],
      ['If-Unmodified-Since: Fri, 01 Jan 2100 00:00:00 GMT', 200, 200],
    ])('%s is %d over a file and %d without one', async (header, over, without) => {
      const { etag } = await rig.storage().put('cond', 'old', { url: false });
      const [name, value] = header.replace('TAG', `"${etag}"`).split(': ') as [string, string];
      const url = await uploadUrl('cond');
      expect((await put(url, 'new', { [name]: value })).status).toBe(over);
      expect(await textOf('cond')).toBe(over === 200 ? 'new' : 'old');
      await rig.storage().delete('cond');
      expect((await put(url, 'new', { [name]: value })).status).toBe(without);
      expect(await textOf('cond')).toBe(without === 200 ? 'new' : undefined);
    });

    it('cannot widen a URL that only creates', async () => {
      const { etag } = await rig.storage().put('fixed', 'old', { url: false });
      const url = await uploadUrl('fixed', { ifNoneMatch: '*' });
      expect((await put(url, 'new', { 'if-match': `"${etag}"` })).status).toBe(412);
      expect((await put(url, 'new', { 'if-match': '*' })).status).toBe(412);
      expect(await textOf('fixed')).toBe('old');
    });

    it.each([
      [{ 'content-encoding': 'gzip' }, 415],
      [{ 'content-encoding': 'identity' }, 200],
      [{ 'content-range': 'bytes 0-0/2' }, 400],
    ])('%j is %d', async (headers, status) => {
      expect((await put(await uploadUrl('encoded'), 'x', headers)).status).toBe(status);
    });
  });

  describe('refusals', () => {
    it('are the neutral 403 for wrong tokens, whatever the body', async () => {
      const url = await uploadUrl('never');
      const token = pathOf(url).split('/')[2]!;
      const get = await rig.storage().getUrl('never', { mustExist: false });
      for (const bad of [
        url.replace(token, `${token.slice(0, -2)}xx`),
        url.replace(token, token.slice(1)),
        get,
        `${url}?a=1`,
      ]) {
        const answer = await put(bad, '{"a":1}', { 'content-type': 'application/json' });
        expect([answer.status, JSON.parse(answer.text).message]).toEqual([
          403,
          'This link is not valid or has expired.',
        ]);
      }
      expect(await textOf('never')).toBeUndefined();
    });

    it('ask for no body with 100 Continue that will not be taken', async () => {
      const good = await uploadUrl('expected', { size: 2 });
      const token = pathOf(good).split('/')[2]!;
      const bad = good.replace(token, `${token.slice(0, -2)}xx`);
      const refused = await raw(rig.port, head(bad, 'Content-Length: 2', 'Expect: 100-continue'), 1000);
      expect([refused.text.slice(0, 12), refused.closed]).toEqual(['HTTP/1.1 403', true]);
      const socket = connect(rig.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
      socket.write(head(good, 'Content-Length: 2', 'Expect: 100-continue'));
      await until(() => text === 'HTTP/1.1 100 Continue\r\n\r\n');
      socket.write('ok');
      await until(() => text.includes('HTTP/1.1 200 '));
      socket.destroy();
      expect(await textOf('expected')).toBe('ok');
    });

    it('come for a whole URL as well, as proxies send it', async () => {
      const url = await uploadUrl('absolute.json');
      const body = '{"a":  1}';
      const request = head(url, 'Content-Type: application/json', `Content-Length: ${body.length}`);
      const whole = request.replace('PUT /', `PUT http://127.0.0.1:${rig.port}/`);
      expect(whole).toMatch(/^PUT http:/);
      expect((await raw(rig.port, `${whole}${body}`, 1000)).text).toMatch(/^HTTP\/1.1 200 /);
      expect(await textOf('absolute.json')).toBe(body);
    });

    it('serve what a URL may write to nobody who may only write', async () => {
      const url = await uploadUrl('plain.txt');
      expect((await send(url)).status).toBe(403);
      expect((await send(url, { method: 'HEAD' })).status).toBe(403);
    });
  });

  describe('uploads that do not end', () => {
    function partial(url: string, ...headers: string[]): Socket {
      const socket = connect(rig.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(`${head(url, 'Content-Length: 1000', ...headers)}some bytes`);
      return socket;
    }

    it('store nothing and leave the old file when the client leaves', async () => {
      await rig.storage().put('left', 'old', { url: false });
      const url = await uploadUrl('left');
      for (let i = 0; i < 5; i++) {
        const socket = partial(url);
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
        if (i % 2) socket.destroy();
        else socket.resetAndDestroy();
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      expect(await textOf('left')).toBe('old');
      expect((await put(url, 'new')).status).toBe(200);
    });

    it('end with 408 when the client stops sending, and close the connection', async () => {
      const url = await uploadUrl('stalled');
      const start = Date.now();
      const { text, closed } = await raw(rig.port, `${head(url, 'Content-Length: 1000')}some bytes`);
      const took = Date.now() - start;
      expect(text).toMatch(/^HTTP\/1.1 408 /);
      expect(text).toContain('"code":"upload-stalled"');
      expect([closed, took >= STALL_SECONDS * 1000 - 20, took < STALL_SECONDS * 1000 + 1500]).toEqual([
        true,
        true,
        true,
      ]);
      expect(await textOf('stalled')).toBeUndefined();
    });

    it('go on while a slow client keeps sending', async () => {
      const socket = connect(rig.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
      socket.write(head(await uploadUrl('slow'), 'Content-Length: 5'));
      for (const byte of 'bytes') {
        await new Promise((resolve) => {
          setTimeout(resolve, STALL_SECONDS * 300);
        });
        socket.write(byte);
      }
      await until(() => text.startsWith('HTTP/1.1 200 '));
      socket.destroy();
      expect(await textOf('slow')).toBe('bytes');
    });

    it('answer when the store fails in the middle', async () => {
      const small = await startRig(platform, {
        storages: [{ name: 'default', backend: new MemoryBackend({ maxBytes: 1000 }) }],
      });
      const { url } = await small.storage().getUploadUrl('full');
      const answer = await put(url, Buffer.alloc(2_000_000));
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([507, 'quota-exceeded']);
      expect(await small.storage().exists('full')).toBe(false);
      await small.close();
    });
  });
});
