/** A scoped storage held against everything that could move it: later commits, pages and URLs, hostile and missing ids. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ForbiddenException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  createStorage,
  DynamicScopeBackend,
  getStorageToken,
  InvalidKeyError,
  InvalidOptionsError,
  MemoryBackend,
  parseKey,
  PermissionDeniedError,
  StorageModule,
  StorageService,
  type StorageBackend,
  type StorageModuleOptions,
} from '../../lib/index.js';
import { FakeStorage } from '../../lib/testing/index.js';

const SECRET = 'a-secret-of-at-least-32-bytes-000';
const shared: StorageModuleOptions = { backend: 'memory', urls: { secret: SECRET }, env: {} };

function keysOf(store: StorageBackend): Promise<string[]> {
  return new StorageService(store).listKeys();
}

describe('a scoped storage', () => {
  const tenants = new AsyncLocalStorage<string>();
  const store = new MemoryBackend();
  let storage: StorageService;

  beforeAll(async () => {
    storage = await createStorage({
      ...shared,
      backend: store,
      urls: { secret: SECRET, baseUrl: 'https://app.example/files' },
      scope: () => {
        const tenant = tenants.getStore();
        return tenant === undefined ? undefined : ['tenants', tenant];
      },
    });
    for (const tenant of ['a', 'b']) {
      await tenants.run(tenant, async () => {
        for (let i = 0; i < 5; i++) await storage.put(`f${i}`, `${tenant}${i}`);
      });
    }
  });

  it('commits what was begun in one scope there, whatever holds by then', async () => {
    const staged = await tenants.run('a', () => storage.stage('later', 'of a'));
    const stored = await tenants.run('b', () => staged.commit());
    const other = await tenants.run('a', () => storage.stage('gone', 'of a'));
    await other.abort();
    expect(stored.key).toBe('later');
    expect(stored.etag).toBe((await new StorageService(store).getMetadata('tenants/a/later')).etag);
    // Neither needs a scope: the file knows whose it is.
    expect(claims(await stored.getUrl())).toContain('tenants/a/later');
    expect(claims(await tenants.run('b', () => stored.getUrl()))).toContain('tenants/a/later');
    expect(await keysOf(store)).not.toContain('tenants/b/later');
  });

  it('goes on listing and reading where it began', async () => {
    const list = tenants.run('a', () => storage.list());
    const first = await tenants.run('b', () => list.next());
    const rest: string[] = [];
    for await (const { key } of list) rest.push(key);
    expect([first.value!.key, ...rest].sort()).toEqual(['f0', 'f1', 'f2', 'f3', 'f4', 'later']);
    const stream = await tenants.run('a', () => storage.getStream('f1'));
    expect(await tenants.run('b', () => text(stream))).toBe('a1');
  });

  it('takes no cursor of another scope', async () => {
    const { cursor } = await tenants.run('a', () => storage.listPage({ limit: 2 }));
    await expect(tenants.run('b', () => storage.listPage({ limit: 2, cursor }))).rejects.toThrow(InvalidOptionsError);
  });

  it('can be held on to, as a whole and within', async () => {
    const own = tenants.run('a', () => storage.forCurrentScope());
    expect((await own.get('f2')).toString()).toBe('a2');
    expect((await tenants.run('b', () => own.get('f2'))).toString()).toBe('a2');
    const folder = storage.scope('docs');
    await tenants.run('b', () => folder.put('x', 'of b'));
    expect(await keysOf(store)).toContain('tenants/b/docs/x');
    await expect(tenants.run('a', () => folder.get('x'))).rejects.toThrow(/tenants\/a\/docs\/x/);
    // It is not the scope that closes the store.
    await own.close();
    expect(await own.exists('f1')).toBe(true);
    const plain = new StorageService(store);
    expect(plain.forCurrentScope()).toBe(plain);
  });

  it('refuses every operation where there is no scope, and lets bodies go', async () => {
    const body = Readable.from(['x']);
    const operations: readonly (() => Promise<unknown>)[] = [
      () => storage.put('k', body),
      () => storage.stage('k', 'x'),
      () => storage.get('f1'),
      () => storage.getStream('f1'),
      () => storage.open('f1'),
      () => storage.exists('f1'),
      () => storage.getMetadata('f1'),
      () => storage.delete('f1'),
      () => storage.deleteMany(['f1']),
      () => storage.deletePrefix('docs/'),
      () => storage.copy('f1', 'f9'),
      () => storage.move('f1', 'f9'),
      () => nextOf(storage),
      () => storage.listPage(),
      () => storage.listKeys(),
      () => storage.getUrl('f1'),
      () => storage.getUploadUrl('f9'),
      () => storage.scope('docs').get('x'),
      async () => storage.forCurrentScope(),
    ];
    const before = await keysOf(store);
    for (const operation of operations) {
      const error = await operation().then(
        () => undefined,
        (failure: unknown) => failure,
      );
      expect([operation.toString(), error]).toEqual([operation.toString(), expect.any(PermissionDeniedError)]);
    }
    expect(body.destroyed).toBe(true);
    expect(await keysOf(store)).toEqual(before);
  });

  it('keeps a bare backend apart in the same way', async () => {
    const backend = new DynamicScopeBackend(store, () => undefined);
    const key = parseKey('f1');
    for (const operation of [
      () => backend.stage(key, Readable.from([Buffer.from('x')]), { contentType: 'a/b', metadata: {} }),
      () => backend.open(key),
      () => backend.stat(key),
      () => backend.delete(key),
      () => backend.deleteMany([key]),
      () => backend.copy(key, key),
      () => backend.move(key, key),
      () => backend.list({ prefix: '', limit: 1 }),
      () => backend.getUrl(key, { expiresIn: 1 }),
      () => backend.getUploadUrl(key, { expiresIn: 1 }),
    ]) {
      await expect(operation()).rejects.toThrow(PermissionDeniedError);
    }
  });

  it.each<[unknown, typeof InvalidKeyError | typeof PermissionDeniedError]>([
    ['tenants/', PermissionDeniedError],
    ['tenants/undefined', PermissionDeniedError],
    ['tenants/null', PermissionDeniedError],
    ['tenants/[object Object]', PermissionDeniedError],
    [['tenants', undefined], PermissionDeniedError],
    [['tenants', ''], PermissionDeniedError],
    [[], PermissionDeniedError],
    ['', PermissionDeniedError],
    [undefined, PermissionDeniedError],
    [null, PermissionDeniedError],
    [7, PermissionDeniedError],
    [Promise.resolve('tenants/a'), PermissionDeniedError],
    ['acme', InvalidKeyError],
    ['tenants/a/b', InvalidKeyError],
    ['tenants/../a', InvalidKeyError],
    ['tenants/..', InvalidKeyError],
    ['../tenants', InvalidKeyError],
    [['tenants', 'a/b'], InvalidKeyError],
    [['tenants', '..'], InvalidKeyError],
    [['tenants', 'a\0'], InvalidKeyError],
    [['tenants', 'a '], InvalidKeyError],
    [['tenants', '.nestjs-storage'], InvalidKeyError],
  ])('refuses the scope %j', async (path, ErrorClass) => {
    const wrong = new StorageService(new DynamicScopeBackend(store, () => path as string));
    const error = await wrong.put('k', 'x').catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ErrorClass);
    expect((error as InvalidKeyError).clientMessage).not.toContain('tenants');
  });

  it('refuses a scope that leaves no room for keys', async () => {
    const wrong = new StorageService(new DynamicScopeBackend(store, () => ['tenants', 'x'.repeat(1100)]));
    await expect(wrong.put('k', 'x')).rejects.toThrow(InvalidKeyError);
  });

  it('keeps why a scope could not be told, as the cause', async () => {
    const reason = new ForbiddenException('not yours');
    const failing = new StorageService(
      new DynamicScopeBackend(store, () => {
        throw reason;
      }),
    );
    await expect(failing.get('k')).rejects.toMatchObject({ code: 'permission-denied', cause: reason });
  });

  it('gives way to a fake in tests, signed routes included', async () => {
    const fake = await new FakeStorage().seed({ 'a.txt': 'seeded' });
    const module = await Test.createTestingModule({
      imports: [StorageModule.forRoot({ ...shared, scope: () => undefined })],
    })
      .overrideProvider(getStorageToken())
      .useValue(fake)
      .compile();
    expect((await module.get(StorageService).get('a.txt')).toString()).toBe('seeded');
    await module.close();
  });
});

async function nextOf(storage: StorageService): Promise<unknown> {
  return storage.list().next();
}

/** What the signed part of a URL says. */
function claims(url: string): string {
  return Buffer.from(new URL(url).pathname.split('/')[2]!, 'base64url').toString();
}
