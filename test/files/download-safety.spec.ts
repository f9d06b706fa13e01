/** Signed downloads in bad company: types that browsers run, wrong URLs, clients that leave, sources that fail. */
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { StorageUnavailableError } from '../../lib/contract/index.js';
import { mayShowInline, securityPolicyOf } from '../../lib/files/serving-policy.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { PutOptions } from '../../lib/service/index.js';
import { pathOf, send, startRig, until, WatchedBackend, type Rig } from './rig.js';
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

  describe('types and dispositions', () => {
    it.each([
      ['text/html', 'attachment'],
      ['TEXT/HTML; charset=utf-8', 'attachment'],
      ['application/xhtml+xml', 'attachment'],
      ['text/xml', 'attachment'],
      ['application/xml', 'attachment'],
      ['application/rss+xml', 'attachment'],
      ['application/mathml+xml', 'attachment'],
      ['text/javascript', 'attachment'],
      ['application/javascript', 'attachment'],
      ['text/css', 'attachment'],
      ['multipart/x-mixed-replace', 'attachment'],
      ['application/x-shockwave-flash', 'attachment'],
      ['application/octet-stream', 'attachment'],
      ['application/json', 'attachment'],
      ['made/up', 'attachment'],
      ['image/png', 'inline'],
      ['image/jpeg', 'inline'],
      ['video/mp4', 'inline'],
      ['audio/mpeg', 'inline'],
      ['text/plain', 'inline'],
      ['application/pdf', 'attachment'],
      // Allowed by this app.
      ['text/markdown', 'inline'],
      ['image/svg+xml', 'inline'],
    ])('%s is sent as %s, with the type as stored', async (contentType, type) => {
      await put('typed', TEXT, { contentType });
      const { headers } = await send(await urlOf('typed'));
      expect(headers['content-type']).toBe(contentType);
      expect(headers['content-disposition']).toBe(`${type}; filename=typed`);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
      expect(headers['content-security-policy']).not.toMatch(/script|allow-/);
      expect(headers['content-security-policy']).toMatch(/; sandbox$/);
    });

    it('gives up the sandbox for nothing but PDF in an app that allows it', () => {
      const policy = { inlineTypes: ['application/pdf', 'text/html'] };
      for (const type of policy.inlineTypes) expect(mayShowInline(type, policy)).toBe(true);
      expect(securityPolicyOf('application/pdf', true)).not.toMatch(/sandbox|script/);
      expect(securityPolicyOf('application/pdf', false)).toMatch(/; sandbox$/);
      expect(securityPolicyOf('text/html', true)).toMatch(/^default-src 'none'.*; sandbox$/);
    });

    it('does not let the URL or the stored disposition show what must not be shown', async () => {
      await put('x.html', TEXT, { contentType: 'text/html', contentDisposition: 'inline; filename="y.html"' });
      const stored = await send(await urlOf('x.html'));
      expect(stored.headers['content-disposition']).toBe('attachment; filename=y.html');
      await put('x.txt', TEXT, { contentType: 'text/plain' });
      const bound = await send(await urlOf('x.txt', { contentType: 'text/html' }));
      expect(bound.headers['content-type']).toBe('text/html');
      expect(bound.headers['content-disposition']).toBe('attachment; filename=x.txt');
    });

    it('takes the stored disposition, and the bound one before it', async () => {
      const contentDisposition = `attachment; filename="a.png"; filename*=UTF-8''%C3%A4.png`;
      await put('d.png', TEXT, { contentType: 'image/png', contentDisposition });
      const stored = await send(await urlOf('d.png'));
      expect(stored.headers['content-disposition']).toBe(`attachment; filename="?.png"; filename*=UTF-8''%C3%A4.png`);
      const bound = await send(await urlOf('d.png', { download: 'b.png' }));
      expect(bound.headers['content-disposition']).toBe('attachment; filename=b.png');
    });

    it.each([
      ['plain.txt', 'attachment; filename=plain.txt'],
      ['with space.txt', 'attachment; filename="with space.txt"'],
      ['say "hi".txt', 'attachment; filename="say \\"hi\\".txt"'],
      ['back\\slash', 'attachment; filename="back\\\\slash"'],
      ['été.txt', `attachment; filename="?t?.txt"; filename*=UTF-8''%C3%A9t%C3%A9.txt`],
      ['公司.docx', `attachment; filename="??.docx"; filename*=UTF-8''%E5%85%AC%E5%8F%B8.docx`],
      ['100%20.txt', `attachment; filename=100%20.txt; filename*=UTF-8''100%2520.txt`],
      ['a\r\nSet-Cookie: x=1', 'attachment; filename="aSet-Cookie: x=1"'],
      ['exe.\u202egpj', 'attachment; filename=exe.gpj'],
      ['half \ud83c pair', `attachment; filename="half ? pair"; filename*=UTF-8''half%20%EF%BF%BD%20pair`],
      ["it's;=,.txt", `attachment; filename="it's;=,.txt"`],
    ])('names a download %j', async (download, expected) => {
      await put('named');
      const { headers } = await send(await urlOf('named', { download }));
      expect(headers['content-disposition']).toBe(expected);
      expect(headers['set-cookie']).toBeUndefined();
    });

    it('keeps both halves of an emoji together', async () => {
      await put('named');
      const { headers } = await send(await urlOf('named', { download: '🎉.txt' }));
      expect(headers['content-disposition']).toContain("filename*=UTF-8''%F0%9F%8E%89.txt");
    });
  });

  describe('refusals', () => {
    const NEUTRAL = {
      statusCode: 403,
      code: 'permission-denied',
      message: 'This link is not valid or has expired.',
      error: 'Forbidden',
    };

    it('are one and the same, whatever is wrong', async () => {
      await put('secret.txt');
      const good = await urlOf('secret.txt');
      const token = pathOf(good).split('/')[2]!;
      const flipped = token.slice(0, -1) + (token.endsWith('A') ? 'E' : 'A');
      const upload = await rig.storage().getUploadUrl('secret.txt');
      const elsewhere = await rig.storage('other').getUrl('secret.txt', { mustExist: false });
      const bad = [
        good.replace(token, flipped),
        good.replace(token, token.slice(1)),
        good.replace(token, `${token}A`),
        good.replace(token, token.toLowerCase()),
        good.replace(token, 'A'.repeat(7000)),
        good.replace('/files/', '/others/'),
        elsewhere.replace('/others/', '/files/'),
        upload.url,
        `${good}?`,
        `${good}?download=1`,
        `${good}?a=1&a=2`,
      ];
      for (const url of bad) {
        const answer = await send(url);
        expect([url, answer.status, JSON.parse(answer.text)]).toEqual([url, 403, NEUTRAL]);
        expect(answer.headers).toMatchObject({
          ...GUARDS,
          'cache-control': 'private, no-store',
          'content-type': 'application/json; charset=utf-8',
        });
      }
      expect([backend.opens, backend.stats]).toEqual([0, 0]);
      expect((await send(good)).status).toBe(200);
    });

    it("are none where nothing looks like a token: such a path is the app's own", async () => {
      await put('secret.txt');
      const good = await urlOf('secret.txt');
      const token = pathOf(good).split('/')[2]!;
      for (const segment of ['x', '..%2f..', '%00', `${token}=`, `${token}.`, token.slice(0, 59)]) {
        expect([segment, (await send(good.replace(token, segment))).status]).toEqual([segment, 404]);
      }
      expect([backend.opens, backend.stats]).toEqual([0, 0]);
    });

    it('come when the time is up', async () => {
      await put('short.txt');
      const url = await urlOf('short.txt', { expiresIn: 1 });
      expect((await send(url)).status).toBe(200);
      await until(async () => (await send(url)).status === 403);
      expect(JSON.parse((await send(url)).text)).toEqual(NEUTRAL);
    });

    it('come before the question whether the file is there', async () => {
      const url = await urlOf('missing.txt');
      const missing = await send(url);
      expect([missing.status, JSON.parse(missing.text)]).toMatchObject([
        404,
        { code: 'not-found', error: 'Not Found' },
      ]);
      expect(missing.headers).toMatchObject({ ...GUARDS, 'cache-control': 'private, no-store' });
      expect(missing.text).not.toContain('missing.txt');
      expect((await send(`${url}?`)).status).toBe(403);
    });

    it('leave other methods to Nest', async () => {
      const url = await urlOf('a');
      for (const method of ['POST', 'DELETE', 'PATCH']) expect((await send(url, { method })).status).toBe(404);
    });

    it('tell nothing of what went wrong in the store', async () => {
      await put('broken.txt');
      backend.beforeOpen = async () => {
        throw new StorageUnavailableError({ operation: 'get', key: 'k', cause: new Error('/srv/secret/path') });
      };
      const down = await send(await urlOf('broken.txt'));
      expect([down.status, down.headers['retry-after']]).toEqual([503, '5']);
      expect(down.text).not.toMatch(/secret|key|"k"/);
      backend.beforeOpen = async () => {
        throw new TypeError('/srv/secret/path');
      };
      const bug = await send(await urlOf('broken.txt'));
      expect([bug.status, JSON.parse(bug.text)]).toMatchObject([500, { code: 'unknown' }]);
      expect(bug.text).not.toContain('secret');
    });
  });

  describe('what breaks midway', () => {
    const SIZE = 20_000_000;

    it('lets the body go when the client leaves', async () => {
      await put('large', Buffer.alloc(SIZE));
      const path = pathOf(await urlOf('large'));
      for (let i = 0; i < 5; i++) {
        const socket = connect(rig.port, '127.0.0.1');
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        await new Promise((resolve) => {
          socket.once('data', resolve);
        });
        socket.destroy();
      }
      await until(() => backend.opened.length === 5 && backend.allLetGo());
    });

    it('lets the body go when the client left before it was opened', async () => {
      await put('slow', Buffer.alloc(SIZE));
      let arrived = false;
      let goOn = () => {};
      backend.beforeOpen = () => {
        arrived = true;
        return new Promise<void>((resolve) => {
          goOn = resolve;
        });
      };
      const socket = connect(rig.port, '127.0.0.1');
      socket.write(`GET ${pathOf(await urlOf('slow'))} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(() => arrived);
      socket.destroy();
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      goOn();
      await until(() => backend.opened.length === 1 && backend.allLetGo());
    });

    it('waits for a client that does not read', async () => {
      await put('large', Buffer.alloc(SIZE));
      let produced = 0;
      backend.replaceBody = ({ body }) => {
        body.destroy();
        return new Readable({
          read() {
            produced += 65_536;
            this.push(Buffer.alloc(65_536));
          },
        });
      };
      const socket = connect(rig.port, '127.0.0.1');
      socket.pause();
      socket.write(`GET ${pathOf(await urlOf('large'))} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(() => produced > 0);
      await new Promise((resolve) => {
        setTimeout(resolve, 200);
      });
      // What the kernel's buffers take, not the file.
      expect(produced).toBeLessThan(SIZE * 0.75);
      socket.destroy();
      await until(() => backend.allLetGo());
    });

    it.each([
      ['fails', (sent: Buffer) => [sent, new Error('disk gone')]],
      ['fails before its first byte', () => [new Error('disk gone')]],
      ['ends too early', (sent: Buffer) => [sent]],
      ['goes on too long', (sent: Buffer) => [sent, Buffer.alloc(SIZE)]],
    ])('destroys the connection when the body %s', async (_what, make) => {
      await put('large', Buffer.alloc(SIZE));
      backend.replaceBody = ({ body }) => {
        body.destroy();
        return Readable.from(
          (async function* () {
            for (const part of make(Buffer.alloc(100_000))) {
              if (part instanceof Error) throw part;
              yield part;
            }
          })(),
        );
      };
      await expect(send(await urlOf('large'))).rejects.toThrow(/aborted|hang up|ECONNRESET/);
      await until(() => backend.allLetGo());
      backend.replaceBody = undefined;
      expect((await send(await urlOf('large'))).body.length).toBe(SIZE);
    });
  });
});
