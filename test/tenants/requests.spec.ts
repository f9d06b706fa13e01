/** Requests of many tenants at once: each sees a storage of its own, by the request and through nestjs-cls. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Injectable,
  Module,
  Param,
  Post,
  Req,
  UploadedFile,
  UseGuards,
  UseInterceptors,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type MiddlewareConsumer,
  type NestMiddleware,
  type NestModule,
} from '@nestjs/common';
import {
  PermissionDeniedError,
  StorageModule,
  StorageService,
  type StorageBackend,
  type StorageModuleOptions,
} from '../../lib/index.js';
import { StorageFileInterceptor, type StagedFile } from '../../lib/uploads/index.js';
import { compileBesideLibrary } from '../support/beside-library.js';
import { onPlatforms } from '../support/platforms.js';

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

  @Post('uploads/:name')
  @UseInterceptors(
    StorageFileInterceptor('file', {
      key: async ({ safeName }) => {
        await pause();
        return safeName;
      },
    }),
  )
  async upload(@UploadedFile() { key, url }: StagedFile) {
    await pause();
    return { key, url };
  }
}

/** Works with the storage before any guard has run, as middleware that keeps an account of requests does. */
@Injectable()
class AccountMiddleware implements NestMiddleware {
  constructor(readonly storage: StorageService) {}

  async use(
    request: { readonly originalUrl: string } & TenantRequest,
    _response: unknown,
    next: (error?: unknown) => void,
  ) {
    request.user = { tenant: request.headers['x-tenant'] };
    try {
      await pause();
      await this.storage.put(`account/${request.originalUrl.split('/').at(-1)}`, request.user.tenant!);
      next();
    } catch (error) {
      next(error);
    }
  }
}

@Controller('accounted')
class AccountedController {
  constructor(readonly storage: StorageService) {}

  @Post(':name')
  @UseGuards(TenantGuard)
  async read(@Param('name') name: string) {
    return { account: (await this.storage.get(`account/${name}`)).toString() };
  }
}

@Module({ controllers: [AccountedController] })
class AccountedModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    consumer.apply(AccountMiddleware).forRoutes(AccountedController);
  }
}

const shared: StorageModuleOptions = { backend: 'memory', urls: { secret: SECRET }, env: {} };

async function call(base: string, path: string, tenant: string | undefined, init: RequestInit = {}) {
  const headers = new Headers(init.body instanceof FormData ? {} : { 'content-type': 'application/json' });
  if (tenant !== undefined) headers.set('x-tenant', tenant);
  const response = await fetch(base + path, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

onPlatforms('a storage scoped through nestjs-cls on $name', (platform) => {
  let app: ChildProcess;
  let base: string;

  async function ask<T>(question: string): Promise<T> {
    const answer = once(app, 'message');
    app.send(question);
    return (await answer)[0] as T;
  }

  beforeAll(async () => {
    const source = readFileSync(join(import.meta.dirname, 'cls-app.ts'), 'utf8');
    app = fork(compileBesideLibrary(`test/tenants/cls-app-${platform.name}.js`, source), [platform.name], {
      stdio: 'inherit',
    });
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

onPlatforms('a storage scoped by the request on $name', (platform) => {
  let app: INestApplication;
  let base: string;

  beforeAll(async () => {
    app = await platform.create({
      module: class AppModule {},
      imports: [
        AccountedModule,
        StorageModule.forRoot({
          ...shared,
          scope: (context) => ['tenants', context.getRequest<TenantRequest>().user!.tenant!],
        }),
      ],
      controllers: [GuardedController],
    });
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

  it('takes uploads of interceptors to the tenant that a guard found out', async () => {
    const answers = await Promise.all(
      TENANTS.map((tenant) => {
        const form = new FormData();
        form.append('file', new Blob([`of ${tenant}`]), 'up.txt');
        return call(base, '/guarded/uploads/x', tenant, { method: 'POST', body: form });
      }),
    );
    for (const [index, { status, body }] of answers.entries()) {
      expect([status, body.key]).toEqual([201, 'up.txt']);
      expect(await (await fetch(body.url as string)).text()).toBe(`of ${TENANTS[index]}`);
    }
    const keys = await keysOf(app.get<StorageBackend>('STORAGE_BACKEND'));
    expect(keys.filter((key) => key.endsWith('/up.txt'))).toEqual(TENANTS.map((tenant) => `tenants/${tenant}/up.txt`));
  });

  it('is of the tenant that middleware found out, in the middleware itself', async () => {
    const requests = TENANTS.flatMap((tenant) => ['a', 'b'].map((name) => ({ tenant, name })));
    const answers = await Promise.all(
      requests.map(({ tenant, name }) => call(base, `/accounted/${name}`, tenant, { method: 'POST', body: '{}' })),
    );
    expect(answers).toEqual(requests.map(({ tenant }) => ({ status: 201, body: { account: tenant } })));
    const refused = await call(base, '/accounted/a', undefined, { method: 'POST', body: '{}' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'permission-denied' } });
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
