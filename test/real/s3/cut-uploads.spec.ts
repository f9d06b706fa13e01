/** 200 uploads cut at random positions: no object is seen, and no multipart upload stays open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, Post, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { partBuffers } from '../../../lib/backends/s3/index.js';
import { StorageModule, StorageService } from '../../../lib/index.js';
import { StorageFileInterceptor } from '../../../lib/uploads/index.js';
import { builtLibrary } from '../../support/build-library.mjs';
import { endpoint, eventually, makeBucket, MIB, type Bucket } from './ceph.js';

const SIZE = 16 * MIB;
const AT_ONCE = 4;

let bucket: Bucket;

beforeAll(async () => {
  bucket = await makeBucket();
});

afterAll(async () => {
  await bucket.remove();
});

/** A body that ends as a client's does who leaves: with an error, after so many bytes. */
async function* leavingAfter(bytes: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(64 * 1024, 7);
  for (let sent = 0; sent + chunk.length <= bytes; sent += chunk.length) yield chunk;
  yield chunk.subarray(0, bytes % chunk.length);
  throw new Error('the client is gone');
}

async function* whole(): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < SIZE; sent += 64 * 1024) yield Buffer.alloc(64 * 1024, 7);
}

async function repeat(times: number, work: (round: number) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    for (let round = next++; round < times; round = next++) await work(round);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

async function expectNothingLeft(): Promise<void> {
  const storage = new StorageService(bucket.backend());
  expect(await storage.listKeys()).toEqual([]);
  expect(await bucket.openUploads()).toEqual([]);
  expect(partBuffers.used).toBe(0);
}

describe('uploads that are cut', () => {
  it('30 whose body breaks off', async () => {
    const backend = bucket.backend({ partSize: 5 * MIB });
    const storage = new StorageService(backend);
    let failed = 0;
    await repeat(30, async (round) => {
      const body = leavingAfter(Math.floor(Math.random() * SIZE) + 1);
      await storage.put(`gone/${round}`, body, { url: false }).catch((error: { code: string }) => {
        if (error.code === 'source-failed') failed++;
      });
    });
    expect(failed).toBe(30);
    expect(backend.failedAborts).toBe(0);
    await expectNothingLeft();
  });

  it('30 that are aborted by their signal, at any byte and at any time', async () => {
    const backend = bucket.backend({ partSize: 5 * MIB });
    const storage = new StorageService(backend);
    const stored: string[] = [];
    await repeat(30, async (round) => {
      const controller = new AbortController();
      const { signal } = controller;
      const cut = Math.random() * SIZE;
      async function* body() {
        let sent = 0;
        for await (const chunk of whole()) {
          sent += chunk.length;
          // Half of them at a byte; the others while whatever is on its way then.
          if (round % 2 === 0 && sent > cut) controller.abort();
          yield chunk;
        }
      }
      if (round % 2 === 1) setTimeout(() => controller.abort(), Math.random() * 150);
      try {
        stored.push((await storage.put(`aborted/${round}`, body(), { url: false, signal })).key);
      } catch (error) {
        expect(error).toMatchObject({ code: 'aborted' });
      }
    });
    // An abort that comes while a file is published is too late.
    expect(stored.length).toBeLessThan(10);
    expect((await storage.listKeys()).sort()).toEqual(stored.sort());
    await storage.deletePrefix('aborted/');
    expect(backend.failedAborts).toBe(0);
    await expectNothingLeft();
  });

  it('40 whose HTTP client leaves', async () => {
    let handled = 0;
    @Controller()
    class UploadController {
      @Post()
      @UseInterceptors(StorageFileInterceptor('file', { limits: { fileSize: SIZE } }))
      upload() {
        handled++;
      }
    }
    const backend = bucket.backend({ partSize: 5 * MIB });
    @Module({ imports: [StorageModule.forRoot({ backend, env: {} })], controllers: [UploadController] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    let begun = 0;
    await repeat(40, async (round) => {
      const client = request(url, {
        method: 'POST',
        headers: { 'Content-Type': 'multipart/form-data; boundary=x', 'Content-Length': SIZE },
      });
      client.on('error', () => {});
      client.write('--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n');
      const bytes = Math.floor(Math.random() * (SIZE - 1000));
      await new Promise((resolve) => client.write(Buffer.alloc(bytes, 7), resolve));
      if (round % 4 === 0) begun += (await bucket.openUploads()).length;
      if (round % 2 === 0) client.destroy();
      else client.socket!.resetAndDestroy();
    });
    expect(await eventually(async () => partBuffers.used === 0 && (await bucket.openUploads()).length === 0)).toBe(
      true,
    );
    expect(begun).toBeGreaterThan(0);
    expect(handled).toBe(0);
    await app.close();
    expect(backend.failedAborts).toBe(0);
    await expectNothingLeft();
  });

  it('80 whose connection is reset on the way', async () => {
    const { port } = new URL(endpoint);
    let cutting = true;
    let resets = 0;
    const proxy = createServer((socket) => {
      const toServer = connect(Number(port), '127.0.0.1');
      for (const one of [socket, toServer]) one.on('error', () => {});
      socket.on('close', () => toServer.destroy());
      toServer.on('close', () => socket.destroy());
      toServer.pipe(socket);
      let left = cutting ? Math.floor(Math.random() * 6 * MIB) : Number.POSITIVE_INFINITY;
      socket.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0) {
          resets++;
          socket.resetAndDestroy();
        } else if (!toServer.write(chunk)) {
          socket.pause();
          toServer.once('drain', () => socket.resume());
        }
      });
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const backend = bucket.backend({ endpoint: url, partSize: 5 * MIB, maxAttempts: 1, onWarning: () => {} });
    const storage = new StorageService(backend);
    const stored: string[] = [];
    await repeat(80, async (round) => {
      try {
        stored.push((await storage.put(`reset/${round}`, whole(), { url: false })).key);
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' });
      }
    });
    expect(resets).toBeGreaterThan(80);
    // What was reported as stored is stored, and nothing else is.
    expect((await new StorageService(bucket.backend()).listKeys('reset/')).sort()).toEqual(stored.sort());
    expect(stored.length).toBeLessThan(20);
    cutting = false;
    const sweep = await backend.sweepUploads({ olderThan: -60 });
    expect(sweep.failed).toEqual([]);
    await new StorageService(bucket.backend()).deletePrefix('reset/');
    proxy.close();
    await expectNothingLeft();
  });

  it('20 whose process, one of ten, is killed', async () => {
    const program = fileURLToPath(new URL('upload-until-killed.mjs', import.meta.url));
    let open = 0;
    for (let round = 0; round < 10; round++) {
      const child = spawn(process.execPath, [program, builtLibrary.href, bucket.name, '2'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const cut = (2 + Math.random() * 20) * MIB;
      let sent = 0;
      child.stdout.on('data', (lines: Buffer) => {
        sent = Number(lines.toString().trim().split('\n').at(-1));
        if (sent > cut) child.kill('SIGKILL');
      });
      const [, signal] = (await once(child, 'exit')) as [number | null, string];
      expect(signal).toBe('SIGKILL');
      open += (await bucket.openUploads()).length;
      const swept = await bucket.backend().sweepUploads({ olderThan: -60, prefix: 'killed/' });
      expect(swept.failed).toEqual([]);
    }
    expect(open).toBeGreaterThan(0);
    await expectNothingLeft();
  });
});
