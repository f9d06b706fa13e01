/** Uploads to disk in an app with StorageModule: what is on disk afterwards, signed URLs, and memory. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConflictException, Module, type INestApplication } from '@nestjs/common';
import type { AddressInfo, Socket } from 'node:net';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { getStorageToken } from '../../lib/storage.constants.js';
import { StorageModule } from '../../lib/storage.module.js';
import type { StorageService } from '../../lib/storage.service.js';
import { StorageFilesInterceptor } from '../../lib/uploads/index.js';
import {
  type FormEntry,
  eventually,
  filePart,
  multipart,
  openUpload,
  readAnswer,
  route,
  send,
  sendRaw,
  BOUNDARY,
} from './upload-app.js';
import { onPlatforms } from '../support/platforms.js';

const MB = 1024 * 1024;
let root: string;
let app: INestApplication;
let url: string;
let port: number;
let storage: StorageService;
let fails = false;
/** A client that got its refusal, then neither sends nor leaves. */
let silent: Socket;
let silentClosed = 0;
let silentRefused = 0;

onPlatforms('on $name', (platform) => {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'uploads-'));
    const settings = { key: ({ safeName }: { safeName: string }) => `docs/${safeName}` };
    @Module({
      imports: [
        StorageModule.forRoot({ env: {}, backend: 'local', local: { root }, urls: { secret: 's'.repeat(32) } }),
      ],
      controllers: [
        route(
          'many',
          StorageFilesInterceptor('files', 3, { ...settings, limits: { fileSize: '300mb' } }),
          ({ files }) => {
            if (fails) throw new ConflictException();
            return files;
          },
        ),
        route('images', StorageFilesInterceptor('files', 3, { ...settings, accept: ['image/*'] })),
      ],
    })
    class AppModule {}
    app = await platform.create(AppModule);
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as AddressInfo);
    url = `http://127.0.0.1:${port}`;
    storage = app.get<StorageService>(getStorageToken());
    silentClosed = 0;
    silentRefused = 0;
    silent = await openUpload(port, '/images', 2 ** 30);
    silent.write(filePart('name="files"; filename="a.png"', 'x'.repeat(10_000)));
    silent.once('close', () => {
      silentClosed = Date.now();
    });
    silent.once('data', () => {
      silentRefused = Date.now();
    });
  });
  afterAll(async () => {
    app.getHttpServer().closeAllConnections();
    await app.close();
    await rm(root, { recursive: true });
  });
  beforeEach(async () => {
    fails = false;
    await storage.deletePrefix('docs/');
  });

  /** Every file on disk that holds an upload or a part of one: the library's own folder included, its records not. */
  async function onDisk(): Promise<string[]> {
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
      .filter((path) => !path.startsWith('.nestjs-storage/') || path.startsWith('.nestjs-storage/tmp/'))
      .sort();
  }

  describe('on disk', () => {
    it('stores what was sent, and the signed URL that the handler had serves it', async () => {
      const { status, body } = await send(`${url}/many`, [
        ['files', 'hello', 'a.txt'],
        ['files', 'world', 'b.txt'],
      ]);
      expect(status).toBe(201);
      const [first] = body as unknown as { url: string; key: string }[];
      expect(await (await fetch(first!.url)).text()).toBe('hello');
      expect(await onDisk()).toEqual(['docs/a.txt', 'docs/b.txt']);
    });

    it.each([
      [
        'the handler fails',
        async () => {
          fails = true;
          return (
            await send(`${url}/many`, [
              ['files', 'x'.repeat(500_000), 'a.txt'],
              ['files', 'y', 'b.txt'],
            ])
          ).status;
        },
        409,
      ],
      ['the type is refused', async () => (await send(`${url}/images`, [['files', 'x', 'a.png']])).status, 415],
      [
        'a file is too large',
        async () =>
          (
            await send(`${url}/images`, [
              [
                'files',
                new Blob([Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), new Uint8Array(11 * MB)]),
                'a.png',
              ],
            ])
          ).status,
        413,
      ],
      [
        'one file too many comes',
        async () =>
          (
            await send(
              `${url}/many`,
              'abcd'.split('').map((name): FormEntry => ['files', name, name]),
            )
          ).status,
        400,
      ],
      [
        'the last boundary is missing',
        async () =>
          (await sendRaw(`${url}/many`, filePart('name="files"; filename="a.txt"', 'x'.repeat(100_000)))).status,
        400,
      ],
      [
        'a key is a folder of another',
        async () => {
          await storage.put('docs/a/b', 'old');
          const { status } = await send(`${url}/many`, [
            ['files', '1', 'z.txt'],
            ['files', '2', 'a'],
          ]);
          await storage.delete('docs/a/b');
          return status;
        },
        409,
      ],
    ] as [string, () => Promise<number>, number][])('nothing is left when %s', async (_, attempt, status) => {
      expect(await attempt()).toBe(status);
      expect(await eventually(async () => (await onDisk()).length === 0)).toBe(true);
    });

    it('nothing is left when clients leave in the middle', async () => {
      const body = multipart(filePart('name="files"; filename="a.txt"', Buffer.alloc(3 * MB, 'x')));
      const sockets = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const socket = await openUpload(port, '/many', body.length);
          socket.write(body.subarray(0, Math.floor(((i * 0.618) % 1) * (body.length - 1))));
          return socket;
        }),
      );
      await eventually(async () => (await onDisk()).length > 10, 1);
      for (const socket of sockets) socket.destroy();
      expect(await eventually(async () => (await onDisk()).length === 0)).toBe(true);
    });
  });

  it('an app that closes ends the work after its uploads before it closes their store', async () => {
    const events: string[] = [];
    const closing = jest.spyOn(LocalBackend.prototype, 'close').mockImplementation(async () => {
      events.push('store closed');
    });
    const settings = {
      afterCommit: async () => {
        events.push('work began');
        await new Promise((resolve) => {
          setTimeout(resolve, 150);
        });
        events.push('work ended');
      },
    };
    @Module({
      imports: [
        StorageModule.forRoot({ env: {}, backend: 'local', local: { root }, urls: { secret: 's'.repeat(32) } }),
      ],
      controllers: [route('thumbnails', StorageFilesInterceptor('files', 3, settings))],
    })
    class WorkModule {}
    const own = await platform.create(WorkModule);
    await own.listen(0, '127.0.0.1');
    expect((await send(`${await own.getUrl()}/thumbnails`, [['files', 'x', 'a.txt']])).status).toBe(201);
    own.getHttpServer().closeAllConnections();
    await own.close();
    closing.mockRestore();
    expect(events).toEqual(['work began', 'work ended', 'store closed']);
    await storage.deletePrefix('uploads/');
  });

  describe('memory', () => {
    /** Sends one file of so many MiB and gives its checksum. */
    async function upload(size: number): Promise<{ answer: string; sum: string }> {
      const chunk = Buffer.alloc(MB, 'abcdefg\n');
      const sum = createHash('sha256');
      for (let i = 0; i < size; i++) sum.update(chunk);
      const head = filePart('name="files"; filename="big.txt"', '').subarray(0, -2);
      const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
      const socket = await openUpload(port, '/many', head.length + size * MB + tail.length);
      const answer = readAnswer(socket, /\r\n\r\n[^]*\]/);
      socket.write(head);
      for (let i = 0; i < size; i++) {
        if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
      }
      socket.write(tail);
      const text = await answer;
      socket.destroy();
      return { answer: text, sum: sum.digest('hex') };
    }

    it('does not grow with the file: 200 MB pass in less than 64 MB', async () => {
      await upload(16);
      const before = process.memoryUsage.rss();
      let peak = before;
      const sampling = setInterval(() => {
        peak = Math.max(peak, process.memoryUsage.rss());
      }, 10);
      const { answer, sum } = await upload(200);
      clearInterval(sampling);
      expect(answer).toMatch(/^HTTP\/1.1 201/);
      expect(answer).toContain(`"checksum":"${sum}"`);
      expect((await storage.getMetadata('docs/big.txt')).size).toBe(200 * MB);
      expect((peak - before) / MB).toBeLessThan(64);
    });
  });

  it('stores files of an app that listens on no port, without a URL', async () => {
    const socket = join(root, 'app.sock');
    @Module({
      imports: [
        StorageModule.forRoot({ env: {}, backend: 'local', local: { root }, urls: { secret: 's'.repeat(32) } }),
      ],
      controllers: [route('any', StorageFilesInterceptor('files', 3, { key: () => 'docs/unaddressed.txt' }))],
    })
    class SocketModule {}
    const local = await platform.create(SocketModule);
    try {
      await local.listen(socket);
      const body = multipart(filePart('name="files"; filename="a.txt"'));
      const answer = await new Promise<string>((resolve, reject) => {
        const headers = { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`, 'Content-Length': body.length };
        const sending = request({ socketPath: socket, path: '/any', method: 'POST', headers }, (response) => {
          textOf(response).then((told) => resolve(`${response.statusCode} ${told}`), reject);
        });
        sending.once('error', reject).end(body);
      });
      expect(answer).toMatch(/^201 /);
      expect(answer).not.toContain('"url"');
      expect((await storage.get('docs/unaddressed.txt')).toString()).toBe('hello');
    } finally {
      await local.close();
    }
  });

  it('a refused client that stays silent is cut off after some seconds', async () => {
    expect(await eventually(() => silentClosed > 0, 8)).toBe(true);
    expect(silentRefused).toBeGreaterThan(0);
    expect(silentClosed - silentRefused).toBeGreaterThan(4500);
  });
});
