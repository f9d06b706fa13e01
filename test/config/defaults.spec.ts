/** The defaults that the table of variables names are those that are used, with and without the configuration. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/index.js';
import { checkedOptions } from '../../lib/backends/cloudinary/cloudinary-options.js';
import { localSettings } from '../../lib/backends/local/local.options.js';
import { getBindings } from '../../lib/backends/s3/s3.urls.js';
import { resolveSettings } from '../../lib/backends/s3/s3.settings.js';
import { environmentSchema } from '../../lib/config/index.js';
import { resolveOptions } from '../../lib/config/resolve-options.js';
import { MIN_SECRET_BYTES } from '../../lib/files/signing-keys.js';
import { checkedExpiry } from '../../lib/service/url-requests.js';
import { StorageService } from '../../lib/storage.service.js';
import { filesPath } from '../../lib/storage.providers.js';
import { CLOUD, start } from './start.js';

const FIELDS = Object.entries(environmentSchema.shape).map(([name, field]) => ({
  name,
  description: field.description ?? '',
  /** As data of the schema. */
  value: field.meta()?.['default'],
}));
const DATA = new Map(FIELDS.map(({ name, value }) => [name, value]));
const details = { operation: 'getUrl' } as const;

describe('the defaults of the schema', () => {
  it('are data wherever a description names a value', () => {
    for (const { name, description, value } of FIELDS) {
      const said = /Default (?!expiry)(\S+?)(?: \(.*\))?\.$/.exec(description)?.[1];
      if (name !== 'STORAGE_BASE_PATH')
        expect([name, said]).toEqual([name, value === undefined ? undefined : String(value)]);
    }
    expect(FIELDS.filter(({ value }) => value !== undefined).map(({ name }) => name)).toEqual([
      'STORAGE_BASE_PATH',
      'STORAGE_DURABILITY',
      'STORAGE_URL_EXPIRATION',
      'STORAGE_MAX_URL_EXPIRATION',
      'STORAGE_STRICT_KEYS',
      'STORAGE_S3_URLS',
      'STORAGE_CLOUDINARY_FOLDER',
      'STORAGE_CLOUDINARY_RESOURCE_TYPE',
      'STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS',
    ]);
  });

  it('are what a storage gets of which nothing is said', () => {
    const { urls, strictKeys } = resolveOptions({ env: {} });
    const local = start({}, { backend: 'local' }).settings;
    const s3 = start({}, { backend: 's3', s3: { bucket: 'files' } }).settings;
    const cloudinary = start(CLOUD).settings;
    const values = {
      STORAGE_BASE_PATH: 'root' in local && local.root,
      STORAGE_DURABILITY: 'root' in local && local.durability,
      STORAGE_URL_EXPIRATION: urls.expiresIn,
      STORAGE_MAX_URL_EXPIRATION: urls.maxExpiresIn,
      STORAGE_STRICT_KEYS: strictKeys,
      STORAGE_S3_URLS: 'via' in s3 && s3.via,
      STORAGE_CLOUDINARY_FOLDER: 'folder' in cloudinary && cloudinary.folder,
      STORAGE_CLOUDINARY_RESOURCE_TYPE: 'folder' in cloudinary && cloudinary.resourceType,
      STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS: 'folder' in cloudinary && cloudinary.lastingTransformUrls,
    };
    for (const [name, value] of Object.entries(values)) expect([name, value]).toEqual([name, DATA.get(name)]);
  });

  it('are those of drivers and service, where somebody makes them without the configuration', async () => {
    expect(localSettings({ root: '/x' }).durable).toBe(DATA.get('STORAGE_DURABILITY') === 'full');
    expect(checkedOptions({ cloudName: 'acme', apiKey: '1', apiSecret: '2' })).toMatchObject({
      folder: DATA.get('STORAGE_CLOUDINARY_FOLDER'),
      resourceType: DATA.get('STORAGE_CLOUDINARY_RESOURCE_TYPE'),
      lastingTransformUrls: DATA.get('STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS'),
    });
    const bindings = (via?: 'store' | 'app') => getBindings(resolveSettings({ bucket: 'b', region: 'r', via }));
    expect(bindings()).toEqual(bindings(DATA.get('STORAGE_S3_URLS') as 'store'));
    expect(bindings()).not.toEqual(bindings('app'));
    expect(checkedExpiry(undefined, {}, details)).toBe(DATA.get('STORAGE_URL_EXPIRATION'));
    const most = DATA.get('STORAGE_MAX_URL_EXPIRATION') as number;
    expect(checkedExpiry(most, {}, details)).toBe(most);
    expect(() => checkedExpiry(most + 1, {}, details)).toThrow(`over the maximum of ${most}`);
    const storage = new StorageService(new MemoryBackend());
    expect((await storage.put('ä b', 'x')).key).toBe('ä b');
    expect(DATA.get('STORAGE_STRICT_KEYS')).toBe(false);
  });

  it('are made of the constants of the code where they are none of a variable', () => {
    const { STORAGE_BASE_URL: base, STORAGE_URL_SECRET: secret } = environmentSchema.shape;
    expect(base.description).toContain(`and /${filesPath({})}.`);
    expect(secret.description).toContain(`at least ${MIN_SECRET_BYTES} bytes`);
    const volume = start({ RAILWAY_VOLUME_MOUNT_PATH: '/v' }).settings;
    const folder = 'root' in volume ? volume.root.replace('/v/', '') : '';
    expect(environmentSchema.shape.STORAGE_BASE_PATH.description).toContain(
      `Default: ${folder} under RAILWAY_VOLUME_MOUNT_PATH, else ${String(DATA.get('STORAGE_BASE_PATH'))}.`,
    );
  });

  it('are those that the options name beside them', () => {
    const source = readFileSync(new URL('../../lib/config/options.ts', import.meta.url), 'utf8');
    const said = [...source.matchAll(/@default (STORAGE_\w+), else ([\w,]+)/g)]
      .filter(([, name]) => DATA.get(name!) !== undefined)
      .map(([, name, value]) => [name, value!.replaceAll(',', '')]);
    expect(said).toHaveLength(3);
    for (const [name, value] of said) expect([name, value]).toEqual([name, String(DATA.get(name!))]);
  });
});
