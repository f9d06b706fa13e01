/** Links of several storages in one app that STORAGE_BASE_URL speaks for: each leads to the routes of its own storage. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Module, type INestApplication, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { storageOptionsFrom } from '../../lib/config/index.js';
import {
  getStorageToken,
  MemoryBackend,
  StorageConfigurationError,
  StorageModule,
  type StorageModuleOptions,
  type StorageService,
} from '../../lib/index.js';
import { pathOf, send } from '../files/rig.js';
import { onPlatforms } from '../support/platforms.js';

const PUBLIC = 'https://public.example';
const open: INestApplicationContext[] = [];

afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

@Module({})
class AppModule {}

const environment = (baseUrl: string, more: Record<string, string> = {}) => ({
  STORAGE_URL_SECRET: 'a-secret-of-at-least-32-bytes-000',
  STORAGE_BASE_URL: baseUrl,
  ...more,
});

const appOf = (...storages: StorageModuleOptions[]) => ({
  module: AppModule,
  imports: storages.map((options) => StorageModule.forRoot({ backend: 'memory', ...options })),
});

/** An app without HTTP, as a worker is. */
async function worker(...storages: StorageModuleOptions[]): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(appOf(...storages), { logger: false, abortOnError: false });
  open.push(app);
  return app;
}

const storageOf = (app: INestApplicationContext, name?: string) => app.get<StorageService>(getStorageToken(name));

onPlatforms('STORAGE_BASE_URL on $name', (platform) => {
  async function listen(...storages: StorageModuleOptions[]): Promise<INestApplication> {
    const app = await platform.create(appOf(...storages), { abortOnError: false });
    open.push(app);
    app.setGlobalPrefix('api');
    await app.listen(0, '127.0.0.1');
    return app;
  }

  /** Uploads and reads by links, as a proxy at the public address hands requests on. */
  async function roundTrip(app: INestApplication, storage: StorageService): Promise<unknown[]> {
    const origin = await app.getUrl();
    const upload = await storage.getUploadUrl('k');
    const { status } = await send(origin + pathOf(upload.url), { method: 'PUT', body: `of ${storage.name}` });
    const url = await storage.getUrl('k');
    return [new URL(url).href.split(/\/[\w-]{40,}\//)[0], status, (await send(origin + pathOf(url))).text];
  }

  it.each([
    ['avatars', '/api/files', '/api/avatars'],
    ['avatars', '/api/files/', '/api/avatars'],
    ['/media/avatars/', '/api/files', '/api/media/avatars'],
    ['avatars', '/api/avatars', '/api/avatars'],
    ['files', '/api/files', '/api/files'],
  ])('leads to a storage under the path %s by %s', async (path, shared, expected) => {
    const env = environment(PUBLIC + shared);
    const app = await listen({ env }, { name: 'avatars', controller: { path }, env });
    expect(await roundTrip(app, storageOf(app, 'avatars'))).toEqual([PUBLIC + expected, 200, 'of avatars']);
  });

  it('leads to the root, where the routes of a storage are there', async () => {
    const env = environment(`${PUBLIC}/api/files`);
    const app = await listen({ env }, { name: 'avatars', controller: { path: '' }, env });
    expect(await roundTrip(app, storageOf(app, 'avatars'))).toEqual([`${PUBLIC}/api`, 200, 'of avatars']);
    expect(await roundTrip(app, storageOf(app))).toEqual([`${PUBLIC}/api/files`, 200, 'of default']);
  });

  it('reaches a storage through the namespace of @nestjs/config too', async () => {
    const options = storageOptionsFrom(environment(`${PUBLIC}/api/files`, { STORAGE_BACKEND: 'memory' }));
    const app = await listen(options, { ...options, name: 'avatars', controller: { path: 'avatars' } });
    expect(await roundTrip(app, storageOf(app, 'avatars'))).toEqual([`${PUBLIC}/api/avatars`, 200, 'of avatars']);
  });

  it('serves what a worker without routes has signed', async () => {
    const env = environment(`${PUBLIC}/api/files`);
    const backend = new MemoryBackend();
    const app = await listen({ env, backend });
    const signing = storageOf(await worker({ env, backend, controller: false }));
    expect(await roundTrip(app, signing)).toEqual([`${PUBLIC}/api/files`, 200, 'of default']);
  });
});

describe('a base URL', () => {
  const env = environment(`${PUBLIC}/files`, { STORAGE_AVATARS_BASE_URL: 'https://avatars.example/a' });
  const first = async (storage: StorageService) =>
    (await storage.getUrl('k', { mustExist: false })).split(/\/[\w-]{40,}\//)[0];

  it.each<[string, StorageModuleOptions, string]>([
    ['an option', { urls: { baseUrl: 'https://cdn.example' } }, 'https://cdn.example'],
    ['a variable under a prefix of its own', { envPrefix: 'STORAGE_AVATARS_' }, 'https://avatars.example/a'],
    [
      'the namespace of such a prefix',
      storageOptionsFrom(env, { envPrefix: 'STORAGE_AVATARS_' }),
      'https://avatars.example/a',
    ],
  ])("of a storage's own, by %s, stays as it is, with or without routes", async (_source, own, expected) => {
    for (const controller of [{ path: 'avatars' }, false] as const) {
      const app = await worker({ env }, { name: 'avatars', env, ...own, controller });
      expect(await first(storageOf(app, 'avatars'))).toBe(expected);
    }
  });

  it('of the default storage stays as it is, whatever the path of its routes', async () => {
    expect(await first(storageOf(await worker({ env, controller: { path: 'media' } })))).toBe(`${PUBLIC}/files`);
  });

  it('of the app makes no links of a named storage without routes', async () => {
    const app = await worker({ env }, { name: 'all-tenants', controller: false, env });
    const all = storageOf(app, 'all-tenants');
    expect((await all.put('k', 'x')).url).toBeUndefined();
    await expect(all.getUrl('k')).rejects.toMatchObject({ code: 'not-supported' });
  });

  it.each([
    ['STORAGE_', 'Set the option urls.baseUrl of this storage, or a variable under an envPrefix of its own, to'],
    ['STORAGE_PICTURES_', 'Set the option urls.baseUrl of this storage or STORAGE_PICTURES_BASE_URL to'],
  ])('that says nothing of a path is refused at start (variables %s)', async (envPrefix, advice) => {
    for (const baseUrl of ['https://files', `${PUBLIC}/media`, `${PUBLIC}/my-files`, `${PUBLIC}/old-avatars`]) {
      const shared = environment(baseUrl);
      const avatars = { name: 'avatars', env: shared, envPrefix, controller: { path: '/avatars' } };
      const starting = worker({ env: shared }, avatars);
      await expect(starting).rejects.toThrow(StorageConfigurationError);
      await expect(starting).rejects.toThrow(
        /routes of the storage "avatars" are under the path "avatars".*STORAGE_BASE_URL.*neither "\/avatars" nor "\/files"/,
      );
      await expect(starting).rejects.toThrow(advice);
    }
  });

  it('is not asked of a storage whose store signs its links', async () => {
    const shared = environment(`${PUBLIC}/media`);
    const s3 = { bucket: 'b', region: 'eu-central-1', credentials: { accessKeyId: 'k', secretAccessKey: 's' } };
    const avatars = { name: 'avatars', backend: 's3', s3, env: shared, controller: { path: 'avatars' } } as const;
    expect(await first(storageOf(await worker({ env: shared }, avatars), 'avatars'))).toMatch(/amazonaws\.com/);
  });
});
