import { describe, expect, it } from '@jest/globals';
import { localSettings } from '../../lib/config/backend-settings.js';
import { detectBackend, readEnvironment, type StorageOptions } from '../../lib/config/index.js';
import { resolveOptions, signingSecrets } from '../../lib/config/resolve-options.js';
import { createStorage, MemoryBackend, StorageConfigurationError, type EnvironmentSource } from '../../lib/index.js';

const SECRET = 'a-secret-of-at-least-32-bytes-000';

describe('readEnvironment', () => {
  it('takes unset, empty and blank variables for the same', () => {
    expect(readEnvironment({ STORAGE_BACKEND: '', STORAGE_BASE_PATH: '  ' })).toEqual({});
  });

  it('types what it reads', () => {
    const source = {
      STORAGE_BACKEND: 'local',
      STORAGE_URL_EXPIRATION: '60',
      STORAGE_MAX_FILE_SIZE: '20mb',
      STORAGE_STRICT_KEYS: 'true',
      UNRELATED: 'x',
    };
    expect(readEnvironment(source)).toEqual({
      STORAGE_BACKEND: 'local',
      STORAGE_URL_EXPIRATION: 60,
      STORAGE_MAX_FILE_SIZE: 20 * 1024 * 1024,
      STORAGE_STRICT_KEYS: true,
    });
  });

  it('tells every problem in one error, each with its variable', () => {
    const read = () =>
      readEnvironment({
        STORAGE_BACKEND: 'S3!',
        STORAGE_URL_EXPIRATION: '1h',
        STORAGE_BASE_URL: 'files.example.com',
        STORAGE_MAX_FILE_SIZE: 'big',
        STORAGE_STRICT_KEYS: 'perhaps',
      });
    expect(read).toThrow(StorageConfigurationError);
    expect(read).toThrow(/STORAGE_BACKEND must be one of local, s3, gcs, cloudinary, memory/);
    expect(read).toThrow(/STORAGE_URL_EXPIRATION must be a whole number of seconds/);
    expect(read).toThrow(/STORAGE_BASE_URL must be an http\(s\) URL/);
    expect(read).toThrow(/STORAGE_MAX_FILE_SIZE must be a size/);
    expect(read).toThrow(/STORAGE_STRICT_KEYS must be true or false/);
  });
});

describe('detectBackend', () => {
  it.each<[EnvironmentSource, string, RegExp, string[]]>([
    [{}, 'memory', /no variable/, []],
    [{ STORAGE_BACKEND: 'memory' }, 'memory', /STORAGE_BACKEND/, []],
    [{ RAILWAY_VOLUME_MOUNT_PATH: '/data' }, 'local', /RAILWAY_VOLUME_MOUNT_PATH/, []],
    [{ AWS_ACCESS_KEY_ID: 'x' }, 's3', /AWS_ACCESS_KEY_ID/, []],
    [{ STORAGE_S3_BUCKET: 'x' }, 's3', /STORAGE_S3_BUCKET/, []],
    [{ GOOGLE_APPLICATION_CREDENTIALS: 'x' }, 'gcs', /GOOGLE_APPLICATION_CREDENTIALS/, []],
    [{ CLOUDINARY_URL: 'cloudinary://x' }, 'cloudinary', /CLOUDINARY_URL/, []],
    [
      { RAILWAY_VOLUME_MOUNT_PATH: '/d', AWS_ACCESS_KEY_ID: 'x', CLOUDINARY_URL: 'c' },
      'local',
      /RAILWAY/,
      ['s3 (AWS_ACCESS_KEY_ID)', 'cloudinary (CLOUDINARY_URL)'],
    ],
    [{ STORAGE_BACKEND: 'local', AWS_ACCESS_KEY_ID: 'x' }, 'local', /STORAGE_BACKEND/, ['s3 (AWS_ACCESS_KEY_ID)']],
  ])('of %j is %s', (source, backend, reason, alsoFound) => {
    const found = detectBackend(readEnvironment(source));
    expect(found).toMatchObject({ backend, alsoFound });
    expect(found.reason).toMatch(reason);
  });
});

describe('resolveOptions', () => {
  const resolve = (options: StorageOptions, env: EnvironmentSource = {}) => resolveOptions({ env, ...options });

  it('lets options win over the environment', () => {
    const resolved = resolve(
      { backend: 'memory', urls: { secret: SECRET, expiresIn: 5, baseUrl: 'https://a.example/files' } },
      { STORAGE_BACKEND: 'local', STORAGE_URL_SECRET: 'x'.repeat(32), STORAGE_URL_EXPIRATION: '9' },
    );
    expect(resolved).toMatchObject({ backend: 'memory', warnings: [] });
    expect(resolved.urls).toMatchObject({ secrets: [SECRET], expiresIn: 5, baseUrl: 'https://a.example/files' });
  });

  it('warns of files in memory and of a generated secret', () => {
    const resolved = resolve({});
    expect(resolved.warnings).toEqual([expect.stringMatching(/kept in memory and are lost/)]);
    expect(resolved.summary).toBe('memory (no variable names another backend)');
    const warned: string[] = [];
    const [secret] = signingSecrets(resolved, (message) => warned.push(message));
    expect(warned).toEqual([expect.stringMatching(/STORAGE_URL_SECRET is not set: a secret was generated/)]);
    expect(Buffer.byteLength(secret!)).toBeGreaterThanOrEqual(32);
    expect(signingSecrets(resolved, () => undefined)).toEqual([secret]);
  });

  it('warns of a default expiry that the maximum cuts', () => {
    const { warnings } = resolve(
      { backend: 'local' },
      { STORAGE_URL_EXPIRATION: '90', STORAGE_MAX_URL_EXPIRATION: '60' },
    );
    expect(warnings).toEqual([
      'Links are to live for 90 seconds, over the maximum of 60: they end after 60. ' +
        'Set STORAGE_URL_EXPIRATION lower, or STORAGE_MAX_URL_EXPIRATION higher.',
    ]);
    expect(resolve({ backend: 'local', urls: { maxExpiresIn: 60 } }).warnings).toEqual([]);
  });

  it('reads several secrets, the first of which signs', () => {
    expect(resolve({}, { STORAGE_URL_SECRET: ` ${SECRET} , old-${SECRET}` }).urls.secrets).toEqual([
      SECRET,
      `old-${SECRET}`,
    ]);
  });

  it.each<[StorageOptions, EnvironmentSource, string]>([
    [{ local: { root: '/o' } }, { STORAGE_BASE_PATH: '/e' }, '/o'],
    [{}, { STORAGE_BASE_PATH: '/e', RAILWAY_VOLUME_MOUNT_PATH: '/r' }, '/e'],
    [{}, { RAILWAY_VOLUME_MOUNT_PATH: '/r' }, '/r/uploads'],
    [{}, {}, '/data/uploads'],
  ])('finds the folder of the local backend: %j, %j', (options, env, root) => {
    expect(localSettings(resolve(options, env)).root).toBe(root);
  });

  it('refuses an unknown backend and a size that is none', () => {
    expect(() => resolve({ backend: 'ftp' as 'local' })).toThrow(/no backend named "ftp": use one of local/);
    for (const maxFileSize of ['huge', '20 apples', '', '-1', -1, 1.5, Number.NaN]) {
      expect(() => resolve({ maxFileSize })).toThrow(/maxFileSize is .*, which is no size/);
    }
    expect(resolve({ maxFileSize: '1.5 MB' }).maxFileSize).toBe(1_572_864);
  });
});

describe('options that are wrong', () => {
  const wrong = (options: unknown) => createStorage({ env: {}, ...(options as StorageOptions) });

  it.each<[unknown, RegExp]>([
    [{ url: { secret: SECRET } }, /there is no option url: there are backend, .*urls/],
    [{ maxFilesize: '1mb' }, /there is no option maxFilesize/],
    [{ local: { durabilty: 'rename' } }, /there is no option local\.durabilty: there are .*local\.durability/],
    [{ urls: { expiresin: 5 } }, /there is no option urls\.expiresin/],
    [{ s3: null }, /the option s3 is no object/],
    [{ controller: false }, /no option controller here: it stands beside useFactory/],
    [{ backend: null }, /the option backend holds something that is no backend/],
    [{ backend: {} }, /the option backend holds something that is no backend/],
    [{ backend: MemoryBackend }, /the option backend holds a class .* an instance/],
    [{ backend: 'memory', urls: { expiresIn: 0 } }, /urls\.expiresIn must be a whole number of seconds from 1/],
    [{ backend: 'memory', urls: { maxExpiresIn: '1h' } }, /urls\.maxExpiresIn .* and is "1h"/],
    [{ backend: 'memory', urls: { secret: 'short' } }, /the option urls\.secret must have at least 32 bytes/],
  ])('%j', async (options, told) => {
    const failing = wrong(options);
    await expect(failing).rejects.toBeInstanceOf(StorageConfigurationError);
    await expect(failing).rejects.toThrow(told);
  });

  it('are told with those of the environment', async () => {
    const env = { STORAGE_STRICT_KEYS: 'x' };
    const failing = createStorage({ env, backend: 's3', urls: { expiresIn: 0 } });
    await expect(failing).rejects.toThrow(/STORAGE_STRICT_KEYS must .*urls\.expiresIn must .*STORAGE_S3_BUCKET/);
  });
});

describe('createStorage', () => {
  it('makes the service outside Nest', async () => {
    const storage = await createStorage({ backend: 'memory', env: {} });
    const file = await storage.put('a.txt', 'hello');
    expect(file.url).toBeUndefined();
    expect((await storage.get('a.txt')).toString()).toBe('hello');
    await expect(storage.getUrl('a.txt')).rejects.toThrow(/makes no URLs of its own/);
    await storage.close();
  });

  it('signs URLs of the app when it knows where the app is', async () => {
    const storage = await createStorage({
      backend: 'memory',
      urls: { secret: SECRET, baseUrl: 'https://api.example.com/files' },
      env: {},
    });
    const { url } = await storage.put('docs/a b.txt', 'hello');
    expect(url).toMatch(/^https:\/\/api\.example\.com\/files\/[\w.-]+\/a%20b\.txt$/);
  });

  it('takes a backend of the app', async () => {
    const backend = new MemoryBackend();
    const storage = await createStorage({ backend, env: {} });
    await storage.put('a', 'b');
    await storage.close();
    expect((await backend.list({ prefix: '', limit: 10 })).objects).toHaveLength(1);
  });

  it('refuses changes where readOnly is set', async () => {
    const storage = await createStorage({ backend: 'memory', readOnly: true, env: {} });
    for (const change of [
      storage.put('a', 'b'),
      storage.delete('a'),
      storage.deleteMany(['a']),
      storage.copy('a', 'b'),
      storage.move('a', 'b'),
      storage.getUploadUrl('a'),
    ]) {
      await expect(change).rejects.toMatchObject({
        code: 'permission-denied',
        message: expect.stringMatching(/read-only/),
      });
    }
    expect(await storage.exists('a')).toBe(false);
    await storage.checkHealth({ write: true });
  });
});
