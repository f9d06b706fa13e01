/** What an account does with images: keeps their bytes, names their format, and changes them on their way out. */
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StorageBackend } from '../../../lib/contract/index.js';
import { StorageService } from '../../../lib/storage.service.js';

const POLL_MS = 500;
const WIDTH = 4;

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(data.length);
  numbers.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([numbers.subarray(0, 4), body, numbers.subarray(4)]);
}

/** Four grey pixels by two. */
function smallPng(): Buffer {
  const header = Buffer.from([0, 0, 0, WIDTH, 0, 0, 0, 2, 8, 0, 0, 0, 0]);
  const rows = Buffer.from([0, 0, 80, 160, 240, 0, 240, 160, 80, 0]);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The first number after the head of a PNG's first chunk. */
function widthOf(png: Buffer): number {
  expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  return png.readUInt32BE(16);
}

export interface ImageTestSettings {
  /** Makes a backend that keeps images as images. */
  create(): Promise<StorageBackend>;
  /** The other side really changes the picture. */
  readonly draws: boolean;
  /** How long a write may take to be seen. */
  readonly settleSeconds: number;
}

export function registerImageTests(name: string, { create, draws, settleSeconds }: ImageTestSettings): void {
  describe(`images of ${name}`, () => {
    const png = smallPng();
    let backend: StorageBackend;
    let storage: StorageService;

    beforeAll(async () => {
      backend = await create();
      storage = new StorageService(backend);
      await storage.put('pictures/small.png', png, { metadata: { alt: '公司' }, url: false });
      await storage.put('pictures/really-a-png.jpg', png, { url: false });
    });

    afterAll(async () => {
      await storage.deletePrefix('pictures/');
      await backend.close();
    });

    const eventually = async (check: () => Promise<void>) => {
      const deadline = Date.now() + settleSeconds * 1000;
      for (;;) {
        try {
          return await check();
        } catch (error) {
          if (Date.now() > deadline) throw error;
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        }
      }
    };

    it('keep their bytes and facts', async () => {
      await eventually(async () => {
        expect(await storage.get('pictures/small.png')).toEqual(png);
        const file = await storage.getMetadata('pictures/small.png');
        expect(file).toMatchObject({ size: png.length, contentType: 'image/png', metadata: { alt: '公司' } });
      });
    });

    it.each(['small.png', 'really-a-png.jpg'])('have a URL of the bytes as they were stored: %s', async (file) => {
      await eventually(async () => {
        const answer = await fetch(await storage.getUrl(`pictures/${file}`));
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toBe('image/png');
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(png);
      });
    });

    it('are made smaller by a URL that grants nothing else', async () => {
      await eventually(async () => {
        const transform = { width: 2, format: 'png' } as const;
        const url = await storage.getUrl('pictures/small.png', { transform });
        const answer = await fetch(url);
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toBe('image/png');
        expect(widthOf(Buffer.from(await answer.arrayBuffer()))).toBe(draws ? 2 : WIDTH);
        const changed = url.replace('w_2', 'w_3');
        expect(changed).not.toBe(url);
        expect((await fetch(changed)).status).toBeGreaterThanOrEqual(400);
      });
    });
  });
}
