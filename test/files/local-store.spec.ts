/** The whole way on disk: StorageModule, signed routes, local backend. No descriptor and no file is left over. */
import 'reflect-metadata';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { getStorageToken, StorageModule, type StorageService } from '../../lib/index.js';
import { pathOf, send, until } from './rig.js';
import { onPlatforms } from '../support/platforms.js';

const SIZE = 24_000_000;

class AppModule {}

/** Bytes of buffers in use: what waits for the garbage collector is not counted. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().arrayBuffers;
}

onPlatforms('on $name', (platform) => {
  describe('signed routes over the local store', () => {
    let root: string;
    let app: INestApplication;
    let storage: StorageService;
    let port: number;

    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), 'signed-routes-'));
      app = await platform.create(
        {
          module: AppModule,
          imports: [
            StorageModule.forRoot({
              backend: 'local',
              local: { root, durability: 'rename' },
              urls: { secret: 'a secret of the tests with 32 bytes' },
            }),
          ],
        },
        { logger: false },
      );
      await app.listen(0, '127.0.0.1');
      port = Number(new URL(await app.getUrl()).port);
      storage = app.get<StorageService>(getStorageToken());
    });

    afterAll(async () => {
      app.getHttpServer().closeAllConnections();
      await app.close();
      await rm(root, { recursive: true });
    });

    /** Descriptors of this process that lead into the store. */
    async function openFiles(): Promise<number> {
      const targets = await Promise.all(
        (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
      );
      return targets.filter((target) => target.startsWith(root)).length;
    }

    async function temporaryFiles(): Promise<string[]> {
      const entries = await readdir(join(root, '.nestjs-storage', 'tmp'), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    }

    const pause = (ms: number) =>
      new Promise((resolve) => {
        setTimeout(resolve, ms);
      });

    it('takes an upload and gives it back', async () => {
      const { url } = await storage.getUploadUrl('docs/公司 (1).json', { contentType: 'application/json' });
      const body = '{"not": parsed';
      expect((await send(url, { method: 'PUT', body, headers: { 'content-type': 'application/json' } })).status).toBe(
        200,
      );
      const link = await storage.getUrl('docs/公司 (1).json');
      const answer = await send(link);
      expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, body, 'application/json']);
      const part = await send(link, { headers: { range: 'bytes=-6' } });
      expect([part.status, part.text]).toEqual([206, 'parsed']);
      const unchanged = await send(link, { headers: { 'if-none-match': answer.headers.etag! } });
      expect(unchanged.status).toBe(304);
    });

    it('leaks no descriptor when clients leave in the middle of a download', async () => {
      await storage.put('large', Buffer.alloc(SIZE, 'x'), { url: false });
      const path = pathOf(await storage.getUrl('large'));
      const sockets = await Promise.all(
        Array.from({ length: 10 }, async (_, n) => {
          const socket = connect(port, '127.0.0.1').pause();
          socket.on('error', () => {});
          socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nRange: bytes=${n}-\r\n\r\n`);
          return socket;
        }),
      );
      await until(async () => (await openFiles()) === 10);
      for (const [n, socket] of sockets.entries()) {
        if (n % 2) socket.destroy();
        else socket.resetAndDestroy();
      }
      await until(async () => (await openFiles()) === 0);
    });

    it('leaks none by HEAD, conditions, ranges that miss, and refusals', async () => {
      const url = await storage.getUrl('large');
      const { etag } = (await send(url, { method: 'HEAD' })).headers;
      const requests = Array.from({ length: 10 }, () => [
        send(url, { method: 'HEAD' }),
        send(url, { headers: { 'if-none-match': etag! } }),
        send(url, { headers: { 'if-match': '"x"' } }),
        send(url, { headers: { range: `bytes=${SIZE}-` } }),
        send(`${url}?x`),
      ]).flat();
      expect([...new Set((await Promise.all(requests)).map(({ status }) => status))]).toEqual([
        200, 304, 412, 416, 403,
      ]);
      await until(async () => (await openFiles()) === 0);
    });

    it('leaves no temporary file when clients leave in the middle of an upload', async () => {
      await storage.put('target', 'old', { url: false });
      const path = pathOf((await storage.getUploadUrl('target')).url);
      const sockets = Array.from({ length: 10 }, () => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(`PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${SIZE}\r\n\r\n`);
        socket.write(Buffer.alloc(2_000_000));
        return socket;
      });
      await until(async () => (await temporaryFiles()).length === 10);
      await pause(20);
      for (const [n, socket] of sockets.entries()) {
        if (n % 2) socket.destroy();
        else socket.resetAndDestroy();
      }
      await until(async () => (await openFiles()) === 0 && (await temporaryFiles()).length === 0);
      expect((await storage.get('target')).toString()).toBe('old');
      expect(await storage.listKeys('target')).toEqual(['target']);
    });

    it('holds little memory while a slow client has a large file', async () => {
      const path = pathOf(await storage.getUrl('large'));
      const before = heldBytes();
      const sockets = Array.from({ length: 10 }, () => {
        const socket = connect(port, '127.0.0.1').pause();
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
        return socket;
      });
      await until(async () => (await openFiles()) === 10);
      await pause(100);
      // Ten whole files would be ten times the size. Buffers that were let go are counted until a sweep in the background.
      await until(() => heldBytes() - before < SIZE);
      await pause(100);
      expect(await openFiles()).toBe(10);
      for (const socket of sockets) socket.destroy();
      await until(async () => (await openFiles()) === 0);
    });
  });
});
