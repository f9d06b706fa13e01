/** A scoped storage is the current tenant's own, at every operation, across awaits, streams, uploads and URLs. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Injectable,
  Param,
  Post,
  Req,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import ts from 'typescript';
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
const TENANTS = Array.from({ length: 10 }, (_, index) => `tenant-${index}`);

const pause = () => delay(Math.random() * 8);

function keysOf(store: StorageBackend): Promise<string[]> {
  return new StorageService(store).listKeys();
}

interface TenantRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  user?: { readonly tenant?: string };
}

/** The check that stands before every operation: may this user work for this tenant? */
@Injectable()
class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<TenantRequest>();
    const tenant = request.headers['x-tenant'];
    if (tenant === 'not-mine') throw new ForbiddenException('Access denied');
    request.user = { tenant };
    return true;
  }
}

@Controller('guarded')
@UseGuards(TenantGuard)
class GuardedController {
  constructor(readonly storage: StorageService) {}

  @Post(':name')
  async put(@Param('name') name: string, @Req() request: TenantRequest) {
    await pause();
    const { key } = await this.storage.put(name, request.user!.tenant!);
    return { key, files: await this.storage.listKeys() };
  }
}

const shared: StorageModuleOptions = { backend: 'memory', urls: { secret: SECRET }, env: {} };

async function call(base: string, path: string, tenant: string | undefined, init: RequestInit = {}) {
  const headers = new Headers(init.body instanceof FormData ? {} : { 'content-type': 'application/json' });
  if (tenant !== undefined) headers.set('x-tenant', tenant);
  const response = await fetch(base + path, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('a storage scoped through nestjs-cls', () => {
  let app: ChildProcess;
  let base: string;

  async function ask<T>(question: string): Promise<T> {
    const answer = once(app, 'message');
    app.send(question);
    return (await answer)[0] as T;
  }

  beforeAll(async () => {
    app = fork(compiledApp(), { stdio: 'inherit' });
    await once(app, 'message');
    base = await ask<string>('url');
  });

  afterAll(async () => {
    const exited = once(app, 'exit');
    app.disconnect();
    await exited;
  });

  it('keeps 200 requests of 10 tenants apart, URLs included', async () => {
    const requests = Array.from({ length: 200 }, (_, index) => ({ id: `n${index}`, tenant: TENANTS[index % 10]! }));
    const answers = await Promise.all(
      requests.map(async ({ id, tenant }) => {
        const answer = await call(base, `/notes/${id}`, tenant, { method: 'POST', body: JSON.stringify({ tenant }) });
        return { tenant, id, status: answer.status, body: answer.body };
      }),
    );
    for (const { status, body, tenant, id } of answers) {
      expect([id, status]).toEqual([id, 201]);
      expect(body.read).toBe(`${tenant} wrote ${id}`);
      expect(new Set(body.listed as string[])).toEqual(new Set([tenant]));
    }
    // The URLs say whose file they name: they work for anybody, without any tenant, and lead nowhere else.
    const urls = answers.flatMap(({ body, tenant, id }) =>
      (body.urls as string[]).map((url) => ({ url, expected: `${tenant} wrote ${id}` })),
    );
    expect(new Set(urls.map(({ expected }) => expected)).size).toBe(200);
    const read = await Promise.all(urls.map(async ({ url }) => (await fetch(url)).text()));
    expect(read).toEqual(urls.map(({ expected }) => expected));

    const keys = await ask<string[]>('keys');
    expect(keys).toHaveLength(600);
    const wrong = keys.filter((key) => {
      const [, tenant, id] = /^tenants\/(tenant-\d)\/(?:notes|staged|copies)\/n(\d+)\.txt$/.exec(key) ?? [];
      return tenant !== TENANTS[Number(id) % 10];
    });
    expect(wrong).toEqual([]);
    const each = await Promise.all(TENANTS.map((tenant) => call(base, '/notes', tenant)));
    for (const { body } of each) expect(body).toHaveLength(60);
  });

  it('puts uploads of interceptors where they belong', async () => {
    const upload = (tenant?: string) => {
      const form = new FormData();
      form.append('file', new Blob([`of ${tenant}`]), 'same-name.txt');
      return call(base, '/uploads', tenant, { method: 'POST', body: form });
    };
    const answers = await Promise.all(TENANTS.flatMap((tenant) => [upload(tenant), upload(tenant), upload(tenant)]));
    for (const [index, { status, body }] of answers.entries()) {
      expect(status).toBe(201);
      expect(body.key).toBe('uploads/same-name.txt');
      expect(await (await fetch(body.url as string)).text()).toBe(`of ${TENANTS[Math.floor(index / 3)]}`);
    }
    expect((await ask<string[]>('keys')).filter((key) => key.includes('uploads/'))).toEqual(
      TENANTS.map((tenant) => `tenants/${tenant}/uploads/same-name.txt`),
    );
    expect(await upload(undefined)).toEqual({
      status: 403,
      body: expect.objectContaining({ code: 'permission-denied' }),
    });
  });

  it('refuses requests without a tenant, and ids that would lead elsewhere', async () => {
    const before = await ask<string[]>('keys');
    const body = JSON.stringify({ tenant: 'x' });
    const statuses = new Map<string, number>();
    for (const tenant of ['', '../tenant-1', 'tenant-1/notes', 'a/b', '..', '.', '/', 'tenant-1/', 'a\\b', 'a.']) {
      const answer = await call(base, '/notes/hostile', tenant, { method: 'POST', body });
      statuses.set(tenant, answer.status);
      expect(JSON.stringify(answer.body)).not.toContain('tenants');
    }
    expect([...statuses.values()].every((status) => status === 400 || status === 403)).toBe(true);
    expect(statuses.get('')).toBe(403);
    expect(statuses.get('a/b')).toBe(400);
    expect((await call(base, '/notes', undefined)).status).toBe(403);
    expect(await ask<string[]>('keys')).toEqual(before);
  });

  it('answers health probes, which come from nobody', async () => {
    expect(await ask('health')).toBe('healthy');
  });
});

const PLATFORMS: readonly (readonly [string, () => FastifyAdapter | undefined])[] = [
  ['Express', () => undefined],
  ['Fastify', () => new FastifyAdapter()],
];

describe.each(PLATFORMS)('a storage scoped by the request on %s', (_platform, adapter) => {
  let app: INestApplication;
  let base: string;

  beforeAll(async () => {
    const module = {
      module: class AppModule {},
      imports: [
        StorageModule.forRoot({
          ...shared,
          scope: (context) => ['tenants', context.getRequest<TenantRequest>().user!.tenant!],
        }),
      ],
      controllers: [GuardedController],
    };
    const platform = adapter();
    app = platform
      ? await NestFactory.create<NestFastifyApplication>(module, platform, { logger: false })
      : await NestFactory.create(module, { logger: false });
    await app.listen(0, '127.0.0.1');
    base = (await app.getUrl()).replace(/\/$/, '');
  });

  afterAll(() => app.close());

  it('is of the tenant that a guard found out', async () => {
    const answers = await Promise.all(
      TENANTS.flatMap((tenant) =>
        ['a', 'b'].map((name) => call(base, `/guarded/${name}`, tenant, { method: 'POST', body: '{}' })),
      ),
    );
    for (const { status } of answers) expect(status).toBe(201);
    const store = app.get<StorageBackend>('STORAGE_BACKEND');
    const files = TENANTS.flatMap((tenant) => ['a', 'b'].map((name) => [`tenants/${tenant}/${name}`, tenant]));
    expect(await keysOf(store)).toEqual(files.map(([key]) => key));
    const whole = new StorageService(store);
    const contents = await Promise.all(files.map(async ([key]) => (await whole.get(key!)).toString()));
    expect(contents).toEqual(files.map(([, tenant]) => tenant));
  });

  it('stops before the storage where the guard denies', async () => {
    expect((await call(base, '/guarded/a', 'not-mine', { method: 'POST', body: '{}' })).status).toBe(403);
    // The guard lets it pass without a tenant: the storage does not.
    expect((await call(base, '/guarded/a', undefined, { method: 'POST', body: '{}' })).status).toBe(403);
  });

  it('is refused outside of a request', async () => {
    await expect(app.get(StorageService).put('a', 'b')).rejects.toThrow(PermissionDeniedError);
    await expect(app.get(StorageService).put('a', 'b')).rejects.toThrow(/depends on a request, and none/);
  });
});

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

/** @returns path of the compiled app */
function compiledApp(): string {
  const source = join(import.meta.dirname, 'cls-app.ts');
  const { outputText } = ts.transpileModule(readFileSync(source, 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  // Beside the library that was compiled before the tests, where it finds library and packages.
  const target = resolve(import.meta.dirname, '../../node_modules/.cache/nestjs-storage/test/tenants/cls-app.mjs');
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, outputText);
  return target;
}

/** What the signed part of a URL says. */
function claims(url: string): string {
  return Buffer.from(new URL(url).pathname.split('/')[2]!, 'base64url').toString();
}
