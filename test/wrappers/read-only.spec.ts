/** A read-only storage gives links for reading, and none by which somebody else could write. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  createStorage,
  MemoryBackend,
  ReadOnlyBackend,
  StorageModule,
  StorageService,
  type StorageOptions,
} from '../../lib/index.js';

const urls = { secret: 'a-secret-of-at-least-32-bytes-000', baseUrl: 'https://api.example.com/files' };
const s3 = { bucket: 'b', region: 'eu-central-1', credentials: { accessKeyId: 'k', secretAccessKey: 's' } };

const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function injected(options: StorageOptions): Promise<StorageService> {
  const module = await Test.createTestingModule({ imports: [StorageModule.forRoot(options)] }).compile();
  open.push(module);
  return module.get(StorageService);
}

async function made(options: StorageOptions): Promise<StorageService> {
  const storage = await createStorage(options);
  open.push(storage);
  return storage;
}

describe.each<[string, StorageOptions]>([
  ['of the app', { backend: 'memory', readOnly: true }],
  ['over a backend that was handed in', { backend: new MemoryBackend(), readOnly: true }],
  ['over a backend that was handed in read-only', { backend: new ReadOnlyBackend(new MemoryBackend()) }],
  ['with a scope', { backend: 'memory', readOnly: true, scope: () => 'tenants/acme' }],
  ['whose store signs its links', { backend: 's3', s3, readOnly: true }],
])('a read-only storage %s', (_title, options) => {
  it.each([
    ['injected', injected],
    ['made outside Nest', made],
  ])('refuses upload URLs, and claims none: %s', async (_place, make) => {
    const storage = await make({ env: {}, urls, ...options });
    for (const subject of [storage, storage.scope('a')]) {
      expect(subject.capabilities.getUploadUrl).toEqual([]);
      for (const asked of [{}, { contentType: 'text/plain', maxSize: 10 }]) {
        await expect(subject.getUploadUrl('k', asked)).rejects.toMatchObject({
          code: 'permission-denied',
          operation: 'getUploadUrl',
          reason: 'this storage is read-only',
        });
      }
      expect(subject.capabilities.getUrl).toContain('expiry');
      expect(await subject.getUrl('k', { mustExist: false })).toMatch(/^https:/);
    }
  });
});
