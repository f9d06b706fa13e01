/** GET and HEAD of signed URLs over real HTTP. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { PutOptions } from '../../lib/service/index.js';
import { send, startRig, WatchedBackend, type Rig } from './rig.js';
import { onPlatforms } from '../support/platforms.js';

const TEXT = '0123456789abcdefghij';
const backend = new WatchedBackend(new MemoryBackend());
let rig: Rig;

async function put(key: string, body: string | Buffer = TEXT, options: PutOptions = {}) {
  return rig.storage().put(key, body, { url: false, ...options });
}

async function urlOf(key: string, options = {}): Promise<string> {
  return rig.storage().getUrl(key, { mustExist: false, ...options });
}

onPlatforms('on $name', (platform) => {
  beforeAll(async () => {
    rig = await startRig(platform, {
      storages: [
        { name: 'default', backend },
        { name: 'other', backend: new MemoryBackend(), path: 'others' },
      ],
      policy: { inlineTypes: ['text/markdown', 'image/svg+xml'] },
    });
  });

  afterAll(() => rig.close());

  beforeEach(() => {
    backend.opens = 0;
    backend.stats = 0;
    backend.opened.length = 0;
    backend.replaceBody = undefined;
    backend.beforeOpen = undefined;
  });

  const GUARDS = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'cross-origin',
    'content-security-policy': expect.stringMatching(/^default-src 'none'.*; sandbox$/),
  };

  describe('GET', () => {
    it('answers the file with everything that is known of it, at the cost of one open', async () => {
      const file = await put('docs/Bericht März.txt', TEXT, { contentType: 'text/plain; charset=utf-8' });
      const answer = await send(await urlOf(file.key, { expiresIn: 100 }));
      expect(answer.status).toBe(200);
      expect(answer.text).toBe(TEXT);
      expect(answer.headers).toMatchObject({
        ...GUARDS,
        'content-type': 'text/plain; charset=utf-8',
        'content-length': '20',
        etag: `"${file.etag}"`,
        'last-modified': file.lastModified.toUTCString(),
        'accept-ranges': 'bytes',
        'content-disposition': `inline; filename="Bericht M?rz.txt"; filename*=UTF-8''Bericht%20M%C3%A4rz.txt`,
      });
      expect([backend.opens, backend.stats]).toEqual([1, 0]);
    });

    it('answers an empty file', async () => {
      await put('empty', '');
      const answer = await send(await urlOf('empty'));
      expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([200, '', '0']);
    });

    it('streams a large file whole', async () => {
      const bytes = Buffer.alloc(3_000_001, 'pattern');
      await put('large', bytes);
      const answer = await send(await urlOf('large'));
      expect(answer.body.equals(bytes)).toBe(true);
    });

    it('lets the same URL be asked many times, whatever stands for the name', async () => {
      await put('a.txt');
      const { origin, pathname } = new URL(await urlOf('a.txt'));
      const token = pathname.split('/')[2];
      for (const name of ['a.txt', 'other.exe', '%00', '%2e%2e', '..%2f..%2fetc', '%0d%0aX:%20y', '%F0%9F%8E%89']) {
        const answer = await send(`${origin}/files/${token}/${name}`);
        expect([name, answer.status, answer.text]).toEqual([name, 200, TEXT]);
        expect(answer.headers['content-disposition']).toBe('inline; filename=a.txt');
      }
    });

    it('serves a key of 1,024 bytes outside ASCII', async () => {
      const key = `${'公'.repeat(341)}x`;
      await put(key);
      expect((await send(await urlOf(key, { download: true }))).text).toBe(TEXT);
    });

    it.each(['a+b (1).png', 'foo../x', '.env', '100%.txt', "it's;a=b,c", '#?&', 'a"b', 'emoji 🎉.txt', '%2e%2e'])(
      'serves the key %j',
      async (key) => {
        await put(key);
        expect((await send(await urlOf(key))).text).toBe(TEXT);
      },
    );
  });

  describe('HEAD', () => {
    it.each(['GET answer', 'missing file', 'refused token', 'query'])('has the headers of GET: %s', async (what) => {
      await put('parity.txt', TEXT, { contentType: 'text/plain' });
      const urls: Record<string, string> = {
        'GET answer': await urlOf('parity.txt'),
        'missing file': await urlOf('gone.txt'),
        'refused token': `${rig.origin}/files/${'A'.repeat(80)}/x`,
        query: `${await urlOf('parity.txt')}?x=1`,
      };
      const get = await send(urls[what]!);
      const opens = backend.opens;
      const head = await send(urls[what]!, { method: 'HEAD' });
      const { date: _get, ...expected } = get.headers;
      const { date: _head, ...found } = head.headers;
      expect(found).toEqual(expected);
      expect(head.status).toBe(get.status);
      expect(head.body.length).toBe(0);
      expect(backend.opens).toBe(opens);
    });

    it('ignores Range, which is defined for GET only', async () => {
      await put('a');
      const head = await send(await urlOf('a'), { method: 'HEAD', headers: { range: 'bytes=0-1' } });
      expect([head.status, head.headers['content-length']]).toEqual([200, '20']);
    });
  });

  describe('Range', () => {
    it.each([
      ['bytes=0-0', 206, '0', 'bytes 0-0/20'],
      ['bytes=0-9', 206, '0123456789', 'bytes 0-9/20'],
      ['bytes=10-', 206, 'abcdefghij', 'bytes 10-19/20'],
      ['bytes=19-19', 206, 'j', 'bytes 19-19/20'],
      ['bytes=15-99', 206, 'fghij', 'bytes 15-19/20'],
      ['bytes=-1', 206, 'j', 'bytes 19-19/20'],
      ['bytes=-5', 206, 'fghij', 'bytes 15-19/20'],
      ['bytes=-20', 206, TEXT, 'bytes 0-19/20'],
      ['bytes=-999', 206, TEXT, 'bytes 0-19/20'],
      ['bytes=0-99999999999999999999999999', 206, TEXT, 'bytes 0-19/20'],
      ['BYTES=1-2', 206, '12', 'bytes 1-2/20'],
      ['bytes= 1-2 ', 206, '12', 'bytes 1-2/20'],
      ['bytes=20-', 416, undefined, 'bytes */20'],
      ['bytes=20-30', 416, undefined, 'bytes */20'],
      ['bytes=99999999999999999999999999-', 416, undefined, 'bytes */20'],
      ['bytes=-0', 416, undefined, 'bytes */20'],
      ['bytes=5-2', 200, TEXT, undefined],
      ['bytes=0-1,3-4', 200, TEXT, undefined],
      [`bytes=${'0-,'.repeat(2000)}0-`, 200, TEXT, undefined],
      ['bytes=a-b', 200, TEXT, undefined],
      ['bytes=', 200, TEXT, undefined],
      ['bytes=-', 200, TEXT, undefined],
      ['bytes=--1', 200, TEXT, undefined],
      ['bytes=+1-2', 200, TEXT, undefined],
      ['bytes=1.0-2', 200, TEXT, undefined],
      ['pages=0-1', 200, TEXT, undefined],
      ['0-1', 200, TEXT, undefined],
    ])('%.40s is %d', async (range, status, text, contentRange) => {
      await put('range.txt');
      const answer = await send(await urlOf('range.txt'), { headers: { range } });
      expect([answer.status, answer.headers['content-range']]).toEqual([status, contentRange]);
      if (text === undefined) expect(JSON.parse(answer.text)).toMatchObject({ statusCode: 416, code: 'invalid-range' });
      else expect([answer.text, answer.headers['content-length']]).toEqual([text, String(text.length)]);
      if (status === 416) expect(backend.opens).toBe(0);
    });

    it('is 416 for every part of an empty file', async () => {
      await put('empty', '');
      for (const range of ['bytes=0-', 'bytes=-5']) {
        const answer = await send(await urlOf('empty'), { headers: { range } });
        expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */0']);
      }
    });

    it('holds If-Range against tag and date', async () => {
      const { etag, lastModified } = await put('if-range');
      const url = await urlOf('if-range');
      const statusFor = async (ifRange: string) =>
        (await send(url, { headers: { range: 'bytes=0-1', 'if-range': ifRange } })).status;
      expect(await statusFor(`"${etag}"`)).toBe(206);
      expect(await statusFor('"another"')).toBe(200);
      expect(await statusFor(`W/"${etag}"`)).toBe(200);
      expect(await statusFor('nonsense')).toBe(200);
      // Within its own second a date tells no versions apart.
      await new Promise((resolve) => {
        setTimeout(resolve, 1001 - (Date.now() % 1000));
      });
      expect(await statusFor(lastModified.toUTCString())).toBe(206);
      expect(await statusFor(new Date(lastModified.getTime() + 5000).toUTCString())).toBe(200);
      expect(await statusFor(new Date(lastModified.getTime() - 5000).toUTCString())).toBe(200);
    });

    it('sends parts of the version it looked at, when the file is replaced in between', async () => {
      await put('moving', 'old old old');
      backend.beforeOpen = async () => {
        backend.beforeOpen = undefined;
        await put('moving', 'new!');
      };
      const answer = await send(await urlOf('moving'), { headers: { range: 'bytes=-4' } });
      expect([answer.status, answer.text, answer.headers['content-range']]).toEqual([206, 'new!', 'bytes 0-3/4']);
    });

    it('gives up with 503 on a file that never holds still', async () => {
      await put('moving', 'old old old');
      backend.beforeOpen = () => put('moving', 'new');
      const answer = await send(await urlOf('moving'), { headers: { range: 'bytes=0-1' } });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
    });
  });

  describe('conditions', () => {
    const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
    const future = 'Fri, 01 Jan 2100 00:00:00 GMT';

    it.each([
      [{ 'if-none-match': 'TAG' }, 304],
      [{ 'if-none-match': 'W/TAG' }, 304],
      [{ 'if-none-match': '"x", TAG' }, 304],
      [{ 'if-none-match': '*' }, 304],
      [{ 'if-none-match': '"x"' }, 200],
      [{ 'if-none-match': '"x"', 'if-modified-since': future }, 200],
      [{ 'if-none-match': 'TAG', 'if-modified-since': past }, 304],
      [{ 'if-modified-since': future }, 304],
      [{ 'if-modified-since': 'DATE' }, 304],
      [{ 'if-modified-since': past }, 200],
      [{ 'if-modified-since': 'not a date' }, 200],
      [{ 'if-modified-since': '2100-01-01' }, 200],
      [{ 'if-match': 'TAG' }, 200],
      [{ 'if-match': '"x", TAG' }, 200],
      [{ 'if-match': '*' }, 200],
      [{ 'if-match': '"x"' }, 412],
      [{ 'if-match': 'W/TAG' }, 412],
      [{ 'if-match': '"x"', 'if-none-match': 'TAG' }, 412],
      [{ 'if-match': 'TAG', 'if-none-match': 'TAG' }, 304],
      [{ 'if-unmodified-since': past }, 412],
      [{ 'if-unmodified-since': future }, 200],
      [{ 'if-unmodified-since': 'not a date' }, 200],
      [{ 'if-match': 'TAG', 'if-unmodified-since': past }, 200],
      [{ 'if-match': '"x"', range: 'bytes=0-1' }, 412],
      [{ 'if-none-match': 'TAG', range: 'bytes=0-1' }, 304],
      [{ 'if-match': 'TAG', range: 'bytes=0-1' }, 206],
    ])('%j is %d', async (template, status) => {
      const file = await put('conditional.txt');
      const fill = (value: string) =>
        value.replace('TAG', `"${file.etag}"`).replace('DATE', file.lastModified.toUTCString());
      const headers = Object.fromEntries(Object.entries(template).map(([name, value]) => [name, fill(value)]));
      for (const method of ['GET', 'HEAD']) {
        const answer = await send(await urlOf('conditional.txt'), { method, headers });
        expect([method, answer.status]).toEqual([method, method === 'HEAD' && status === 206 ? 200 : status]);
        expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
        if (status === 304) {
          expect(answer.headers).toMatchObject({
            etag: `"${file.etag}"`,
            'cache-control': expect.stringMatching(/^private/),
          });
          expect([answer.text, answer.headers['content-type']]).toEqual(['', undefined]);
        }
      }
      expect(backend.opens).toBe(status < 300 ? 1 : 0);
    });
  });

  describe('caching', () => {
    it.each([
      [undefined, 1000, /^private, max-age=300, no-transform$/],
      [undefined, 100, /^private, max-age=(?:100|9\d), no-transform$/],
      ['public, max-age=31536000, immutable', 1000, /^private, max-age=(?:1000|99\d), no-transform$/],
      ['max-age=10', 1000, /^private, max-age=10, no-transform$/],
      ['max-age=0, must-revalidate', 1000, /^private, max-age=0, no-transform$/],
      ['max-age="20"', 1000, /^private, max-age=20, no-transform$/],
      ['max-age=-5', 1000, /^private, max-age=300, no-transform$/],
      ['NO-STORE', 1000, /^private, no-store, no-transform$/],
      ['no-cache', 1000, /^private, no-cache, no-transform$/],
    ])('stored %j with %d seconds to live', async (cacheControl, expiresIn, expected) => {
      await put('cached', TEXT, { cacheControl });
      expect((await send(await urlOf('cached', { expiresIn }))).headers['cache-control']).toMatch(expected);
    });
  });
});
