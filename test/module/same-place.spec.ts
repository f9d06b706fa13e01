/** Two storages of one app that keep their files in one place: each would overwrite the other's, and nobody is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { pathToFileURL } from 'node:url';
import { LocalBackend, StorageModule, type StorageModuleOptions } from '../../lib/index.js';

let folder: string;
let module: TestingModule | undefined;
let warned: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(() => {
  warned = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((message: unknown) => void warned.push(String(message)));
});

afterEach(async () => {
  jest.restoreAllMocks();
  await module?.close();
});

async function start(...storages: StorageModuleOptions[]): Promise<string[]> {
  const urls = { secret: 'a-secret-of-at-least-32-bytes-000' };
  module = await Test.createTestingModule({
    imports: storages.map((options) => StorageModule.forRoot({ env: {}, urls, ...options })),
  }).compile();
  return warned;
}

const local = (more: StorageModuleOptions = {}): StorageModuleOptions => ({
  backend: 'local',
  local: { root: folder },
  ...more,
});

describe('two storages in one place', () => {
  it('are told, with how to separate them', async () => {
    expect(await start(local(), local({ name: 'user-avatars' }))).toEqual([
      `The storages "default" and "user-avatars" keep their files in one place, ${pathToFileURL(folder).href}/: each ` +
        "lists, overwrites and deletes the other's. Give one of them a place of its own, by the option local.root or " +
        "by STORAGE_USER_AVATARS_BASE_PATH with envPrefix: 'STORAGE_USER_AVATARS_'. Where one place is meant, make " +
        'one of them readOnly, or give it a scope.',
    ]);
  });

  it('are told on a Railway volume, where variables of the one choose what the other has', async () => {
    const env = { RAILWAY_VOLUME_MOUNT_PATH: folder };
    expect(await start({ env }, { env, name: 'avatars', envPrefix: 'FILES_' })).toEqual([
      expect.stringMatching(/"default" and "avatars".*by the option local\.root or by FILES_BASE_PATH\. Where/),
    ]);
    await module!.close();
    warned.length = 0;
    expect(
      await start(
        { env },
        { env: { ...env, FILES_BASE_PATH: join(folder, 'avatars') }, name: 'avatars', envPrefix: 'FILES_' },
      ),
    ).toEqual([]);
  });

  it('are told by the setting of their backend', async () => {
    const bucket = { bucket: 'files', region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
    const s3 = { backend: 's3', s3: bucket } as const;
    expect(await start(s3, { ...s3, name: 'avatars' })).toEqual([
      expect.stringMatching(/s3:\/\/amazonaws\.com\/files\/: .*the option s3\.bucket or by STORAGE_AVATARS_S3_BUCKET/),
    ]);
  });

  it('are told of instances that were handed in', async () => {
    const backend = () => new LocalBackend({ root: folder });
    expect(await start({ backend: backend() }, { backend: backend(), name: 'avatars' })).toEqual([
      expect.stringMatching(/Give one of them a place of its own, by another instance of its backend\. Where/),
    ]);
  });

  it.each<[string, StorageModuleOptions]>([
    ['another folder', { local: { root: join(tmpdir(), 'elsewhere') } }],
    ['a folder within', { local: { root: join(tmpdir(), 'elsewhere', 'within') } }],
    ['a scope', { scope: () => 'tenants/a' }],
    ['no right to change anything', { readOnly: true }],
    ['another backend', { backend: 'memory' }],
  ])('are not told where one has %s', async (_what, more) => {
    expect(await start(local(), local({ name: 'avatars', ...more }))).toEqual([]);
    await module!.close();
    expect(await start(local({ name: 'avatars', ...more }), local())).toEqual([]);
  });
});
