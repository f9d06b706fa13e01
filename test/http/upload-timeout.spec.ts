/** The advice on Node's own time-out: given once, where it helps, and nowhere else. */
import 'reflect-metadata';
import { setImmediate as soon } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Logger, Post, UseInterceptors, type INestApplication, type Type } from '@nestjs/common';
import { MemoryBackend, StorageModule, type StorageModuleOptions } from '../../lib/index.js';
import { StorageFileInterceptor, type UploadLimits } from '../../lib/uploads/index.js';
import { onPlatforms } from '../support/platforms.js';

const NODE_DEFAULT = 300_000;

let routes = 0;

class AppModule {}

function uploads(limits: UploadLimits, storage?: string): Type {
  @Controller(`uploads/${routes++}`)
  class UploadController {
    @Post()
    @UseInterceptors(StorageFileInterceptor('file', { limits, storage }))
    upload() {}
  }
  return UploadController;
}

const storage = (options: StorageModuleOptions = {}) =>
  StorageModule.forRoot({ env: {}, backend: new MemoryBackend(), urls: { secret: 's'.repeat(32) }, ...options });

onPlatforms('on $name', (platform) => {
  let warned: jest.SpiedFunction<Logger['warn']>;

  beforeEach(() => {
    warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
  });

  afterEach(() => warned.mockRestore());

  const told = async (
    parts: { storages?: StorageModuleOptions[]; controllers?: Type[] },
    setUp: (app: INestApplication) => void = (app) => {
      // Fastify has no such time-out of its own.
      app.getHttpServer().requestTimeout = NODE_DEFAULT;
    },
  ): Promise<string[]> => {
    const { storages = [{}], controllers = [] } = parts;
    const app = await platform.create({ module: AppModule, imports: storages.map(storage), controllers });
    setUp(app);
    await app.listen(0, '127.0.0.1');
    await soon();
    await soon();
    await app.close();
    return warned.mock.calls.map(([message]) => String(message)).filter((text) => text.includes('requestTimeout'));
  };

  describe('says nothing', () => {
    it('of default apps', async () => {
      expect(await told({ controllers: [uploads({})] })).toEqual([]);
    });

    it('of what arrives in time at 2 Mbit/s', async () => {
      expect(await told({ controllers: [uploads({ fileSize: 75_000_000 })] })).toEqual([]);
    });

    it('of larger limits that the storage does not allow', async () => {
      const parts = { storages: [{ maxFileSize: '10mb' as const }], controllers: [uploads({ fileSize: Infinity })] };
      expect(await told(parts)).toEqual([]);
    });

    it('to apps that chose a time-out, before listening or right behind it', async () => {
      const parts = { controllers: [uploads({ fileSize: '2gb' })] };
      const choose = (app: INestApplication) => (app.getHttpServer().requestTimeout = 600_000);
      expect(await told(parts, choose)).toEqual([]);
      const late = (app: INestApplication) => {
        app.getHttpServer().requestTimeout = NODE_DEFAULT;
        app.getHttpServer().once('listening', () => choose(app));
      };
      expect(await told(parts, late)).toEqual([]);
    });
  });

  describe('says once what to set', () => {
    it('for the largest file of upload routes', async () => {
      const controllers = [uploads({ fileSize: '100mb' }), uploads({ fileSize: '2gb' }), uploads({})];
      const [text, ...more] = await told({ controllers });
      expect(more).toEqual([]);
      expect(text).toContain('Uploads of up to 2GB through an interceptor may be cut off');
      expect(text).toContain('2GB take 8590 s at 2 Mbit/s');
      expect(text).toMatch(/ app\.getHttpServer\(\)\.requestTimeout = 17_220_000;$/);
    });

    it('for files of any size', async () => {
      const [text] = await told({ controllers: [uploads({ fileSize: Infinity })] });
      expect(text).toMatch(/any size.*requestTimeout = 3_600_000;$/);
    });

    it('for signed uploads to a storage that allows large files', async () => {
      const texts = await told({ storages: [{}, { name: 'films', maxFileSize: '5gb' }] });
      expect(texts).toEqual([expect.stringContaining('Uploads to signed URLs of the storage "films" may be cut off')]);
    });
  });

  it('knows the default of the platform', async () => {
    const texts = await told({ controllers: [uploads({ fileSize: '2gb' })] }, () => undefined);
    expect(texts).toHaveLength(platform.name === 'express' ? 1 : 0);
  });
});
