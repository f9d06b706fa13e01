import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigModule, ConfigService, registerAs } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import { storageConfig, storageOptionsFrom } from '../../lib/config/index.js';
import { getStorageToken, StorageModule, StorageService } from '../../lib/index.js';

const before = { ...process.env };
let module: TestingModule | undefined;

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('STORAGE_')) delete process.env[name];
});

afterEach(async () => {
  await module?.close();
  process.env = { ...before };
});

describe('storageConfig', () => {
  it('gives StorageModule its options through @nestjs/config', async () => {
    Object.assign(process.env, { STORAGE_BACKEND: 'memory', STORAGE_MEMORY_MAX_BYTES: '5b', STORAGE_STRICT_KEYS: '1' });
    module = await Test.createTestingModule({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true }), StorageModule.forRootAsync(storageConfig.asProvider())],
    }).compile();
    const storage = module.get(StorageService);
    await storage.put('a', 'five.');
    await expect(storage.put('b', '!')).rejects.toMatchObject({ code: 'quota-exceeded' });
    await expect(storage.put('ä', '')).rejects.toMatchObject({ code: 'invalid-key' });
  });

  it('is a namespace that an app reads, typed', async () => {
    Object.assign(process.env, { STORAGE_S3_BUCKET: 'files', STORAGE_URL_EXPIRATION: '60' });
    module = await Test.createTestingModule({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [storageConfig] })],
    }).compile();
    const config = module.get(ConfigService);
    expect(config.get('storage.backend')).toBe('s3');
    expect(config.get('storage.s3.bucket')).toBe('files');
    expect(config.get('storage.urls.expiresIn')).toBe(60);
  });

  it('has one beside it for a storage with a prefix of its own', async () => {
    Object.assign(process.env, {
      STORAGE_BACKEND: 'memory',
      STORAGE_AVATARS_BACKEND: 'memory',
      STORAGE_AVATARS_MEMORY_MAX_BYTES: '5b',
    });
    const avatarsConfig = registerAs('avatars', () =>
      storageOptionsFrom(process.env, { envPrefix: 'STORAGE_AVATARS_', strictKeys: true }),
    );
    module = await Test.createTestingModule({
      imports: [
        ConfigModule.forRoot({ ignoreEnvFile: true }),
        StorageModule.forRootAsync(storageConfig.asProvider()),
        StorageModule.forRootAsync({ name: 'avatars', ...avatarsConfig.asProvider() }),
      ],
    }).compile();
    await module.get(StorageService).put('ä', 'no limit here');
    const avatars = module.get<StorageService>(getStorageToken('avatars'));
    await expect(avatars.put('a', 'sixth.')).rejects.toMatchObject({ code: 'quota-exceeded' });
    await expect(avatars.put('ä', '')).rejects.toMatchObject({ code: 'invalid-key' });
  });

  it('stops the app with every problem at once', async () => {
    Object.assign(process.env, { STORAGE_BACKEND: 'ftp', STORAGE_URL_EXPIRATION: 'soon' });
    const compiled = Test.createTestingModule({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true }), StorageModule.forRootAsync(storageConfig.asProvider())],
    }).compile();
    await expect(compiled).rejects.toThrow(/STORAGE_BACKEND must be.*STORAGE_URL_EXPIRATION must be/);
  });
});

describe('storageOptionsFrom', () => {
  it('keeps the fallback a fallback, so that the module still warns of it', () => {
    expect(storageOptionsFrom({})).not.toHaveProperty('backend');
    expect(storageOptionsFrom({ STORAGE_BACKEND: 'memory' }).backend).toBe('memory');
  });

  it('lets options win', () => {
    const options = storageOptionsFrom(
      { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: '/a' },
      { local: { root: '/b' } },
    );
    expect(options).toMatchObject({ backend: 'local', local: { root: '/b' } });
  });
});
