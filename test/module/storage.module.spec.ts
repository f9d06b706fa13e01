import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Get,
  Injectable,
  Logger,
  Module,
  RequestMethod,
  SetMetadata,
  type DynamicModule,
  type INestApplication,
} from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  getStorageBackendToken,
  getStorageToken,
  InjectStorage,
  InjectStorageBackend,
  MemoryBackend,
  STORAGE_BACKEND,
  StorageConfigurationError,
  StorageFileNotFoundError,
  StorageModule,
  StorageService,
  type StorageBackend,
  type StorageModuleOptions,
  type StorageOptions,
  type StorageOptionsFactory,
} from '../../lib/index.js';
import { StorageRegistry } from '../../lib/service/storage.registry.js';
import { FakeStorage } from '../../lib/testing/index.js';
import { onPlatforms, type Platform } from '../support/platforms.js';

const SECRET = 'a-secret-of-at-least-32-bytes-000';
const open: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

async function compile(...imports: NonNullable<DynamicModule['imports']>): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports }).compile();
  module.useLogger(false);
  open.push(module);
  return module;
}

async function listen(
  platform: Platform,
  ...imports: NonNullable<DynamicModule['imports']>
): Promise<INestApplication> {
  const app = platform.createTesting(await Test.createTestingModule({ imports }).compile());
  app.useLogger(false);
  open.push(app);
  await app.listen(0, '127.0.0.1');
  return app;
}

const memory = (extra: StorageModuleOptions = {}): DynamicModule =>
  StorageModule.forRoot({ backend: 'memory', urls: { secret: SECRET }, env: {}, ...extra });

@Injectable()
class Documents {
  constructor(
    @InjectStorage() readonly storage: StorageService,
    @InjectStorage('docs') readonly docs: StorageService,
    @InjectStorageBackend('docs') readonly backend: StorageBackend,
  ) {}
}

@Module({ providers: [Documents] })
class DocumentsModule {}

describe('StorageModule.forRoot', () => {
  it('gives a storage by class, by token and by decorator', async () => {
    const module = await compile(memory(), memory({ name: 'docs' }), DocumentsModule);
    const documents = module.get(Documents, { strict: false });
    expect(documents.storage).toBe(module.get(StorageService));
    expect(documents.storage).toBe(module.get(getStorageToken()));
    expect(documents.docs).toBe(module.get(getStorageToken('docs')));
    expect(documents.docs).not.toBe(documents.storage);
    expect(documents.docs.name).toBe('docs');
    expect(documents.backend).toBe(module.get(getStorageBackendToken('docs')));
    expect(module.get(STORAGE_BACKEND)).toBeInstanceOf(MemoryBackend);
    expect(getStorageBackendToken()).toBe('STORAGE_BACKEND');
  });

  it('lists the names there are where a wrong one is injected', async () => {
    @Injectable()
    class Misspelt {
      constructor(@InjectStorage('dcos') readonly storage: StorageService) {}
    }
    @Injectable()
    class MisspeltBackend {
      @InjectStorageBackend('dcos') readonly backend!: StorageBackend;
    }
    @Module({ providers: [Misspelt] })
    class MisspeltModule {}
    @Module({ providers: [MisspeltBackend] })
    class MisspeltBackendModule {}
    const others = () => [memory(), memory({ name: 'docs' })];
    const told = 'dcos) [there is no storage named "dcos"; there are "default", "docs"';
    await expect(compile(...others(), MisspeltModule)).rejects.toThrow(`STORAGE(${told}`);
    await expect(compile(...others(), MisspeltBackendModule)).rejects.toThrow(`STORAGE_BACKEND(${told}`);
    // Once it is there, only its name is left to say.
    await compile(...others(), memory({ name: 'dcos' }), MisspeltModule, MisspeltBackendModule);
    expect(getStorageToken('dcos')).toHaveProperty('name', 'STORAGE(dcos)');
  });

  it('lets a test put its own in the place of a named storage, registered or not', async () => {
    const fake = new FakeStorage();
    const module = await Test.createTestingModule({
      providers: [Documents, { provide: getStorageBackendToken('docs'), useValue: new MemoryBackend() }],
      imports: [memory()],
    })
      .useMocker((token) => (token === getStorageToken('docs') ? fake : undefined))
      .compile();
    expect(module.get(Documents).docs).toBe(fake);
  });

  it('tells at start which backend it uses and why', async () => {
    const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    await compile(memory());
    expect(log).toHaveBeenCalledWith('Storage "default" uses memory (the options say so)');
    log.mockRestore();
  });

  it('is global unless told otherwise', async () => {
    @Injectable()
    class Consumer {
      constructor(readonly storage: StorageService) {}
    }
    @Module({ providers: [Consumer] })
    class ConsumerModule {}
    await compile(memory(), ConsumerModule);
    await expect(compile(memory({ isGlobal: false }), ConsumerModule)).rejects.toThrow(/can't resolve dependencies/);
  });

  it('refuses two storages of one name, and lists the names where one is missing', async () => {
    await expect(compile(memory(), memory({ strictKeys: true }))).rejects.toThrow(/two storages are named "default"/);
    const registry = (await compile(memory(), memory({ name: 'docs' }))).get(StorageRegistry);
    expect(() => registry.get('pictures')).toThrow(StorageConfigurationError);
    expect(() => registry.get('pictures')).toThrow(/no storage named "pictures".*There are "default", "docs"/);
  });

  it('fails at start for a wrong setting', async () => {
    await expect(compile(memory({ urls: { secret: 'short' } }))).rejects.toThrow(
      /urls.secret must have at least 32 bytes/,
    );
    await expect(compile(StorageModule.forRoot({ env: { STORAGE_BACKEND: 'ftp' } }))).rejects.toThrow(
      /STORAGE_BACKEND must be one of/,
    );
  });
});

describe('StorageModule.forRootAsync', () => {
  const environment = ConfigModule.forRoot({
    isGlobal: true,
    ignoreEnvFile: true,
    load: [() => ({ FILES: 'memory', LIMIT: 3 })],
  });

  it('asks a factory with typed dependencies', async () => {
    const module = await compile(
      environment,
      StorageModule.forRootAsync({
        name: 'docs',
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({
          backend: config.getOrThrow<'memory'>('FILES'),
          maxFileSize: config.getOrThrow<number>('LIMIT'),
          env: {},
        }),
      }),
    );
    const docs = module.get<StorageService>(getStorageToken('docs'));
    expect(docs.backendName).toBe('memory');
    await expect(docs.put('a', 'four')).rejects.toMatchObject({ code: 'file-too-large' });
  });

  it('asks a class, its own or an existing one', async () => {
    @Injectable()
    class Options implements StorageOptionsFactory {
      async createStorageOptions(): Promise<StorageOptions> {
        return { backend: new MemoryBackend({ maxBytes: 1 }), env: {} };
      }
    }
    @Module({ providers: [Options], exports: [Options] })
    class OptionsModule {}
    const module = await compile(
      StorageModule.forRootAsync({ useClass: Options }),
      StorageModule.forRootAsync({ name: 'docs', imports: [OptionsModule], useExisting: Options }),
    );
    for (const name of ['default', 'docs']) {
      const storage = module.get<StorageService>(getStorageToken(name));
      await expect(storage.put('a', 'xx')).rejects.toMatchObject({ code: 'quota-exceeded' });
    }
  });

  it('takes a backend that another module provides', async () => {
    const backend = new MemoryBackend();
    @Module({ providers: [{ provide: 'MY_BACKEND', useValue: backend }], exports: ['MY_BACKEND'] })
    class BackendModule {}
    const module = await compile(
      StorageModule.forRootAsync({
        imports: [BackendModule],
        inject: ['MY_BACKEND'],
        useFactory: (mine: StorageBackend) => ({ backend: mine, env: {} }),
      }),
    );
    await module.get(StorageService).put('a', 'b', { url: false });
    expect((await backend.list({ prefix: '', limit: 9 })).objects).toHaveLength(1);
  });

  it('names what is missing', () => {
    expect(() => StorageModule.forRootAsync({ name: 'docs' })).toThrow(
      /forRootAsync\(\) of the storage "docs".*useFactory, useClass and useExisting/,
    );
  });
});

describe('in an app', () => {
  it('uses an overridden storage everywhere', async () => {
    const fake = new StorageService(new MemoryBackend());
    const module = await Test.createTestingModule({ imports: [memory()] })
      .overrideProvider(getStorageToken())
      .useValue(fake)
      .compile();
    open.push(module);
    expect(module.get(StorageService)).toBe(fake);
    expect(module.get(StorageRegistry).get()).toBe(fake);
  });

  it('works without HTTP: no routes, no URL, and put() still answers', async () => {
    const context = await NestFactory.createApplicationContext(memory(), { logger: false });
    open.push(context);
    const storage = context.get(StorageService);
    const file = await storage.put('a.txt', 'hello');
    expect(file.url).toBeUndefined();
    await expect(file.getUrl()).rejects.toThrow(/does not listen on a port.*Set STORAGE_BASE_URL/);
  });

  it('closes what it made at shutdown, and not what it was handed', async () => {
    const handed = new MemoryBackend();
    const close = jest.spyOn(handed, 'close');
    const module = await compile(memory(), memory({ name: 'docs', backend: handed }));
    const made = jest.spyOn(module.get<StorageBackend>(STORAGE_BACKEND), 'close');
    await module.init();
    await module.close();
    expect(made).toHaveBeenCalledTimes(1);
    expect(close).not.toHaveBeenCalled();
  });

  it('refuses two storages under one path with different decorators, names both and the way out', async () => {
    const Public = SetMetadata('public', true);
    const guarded = { name: 'docs', controller: { decorators: [Public] } };
    const starting = compile(memory(), memory(guarded));
    await expect(starting).rejects.toThrow(StorageConfigurationError);
    await expect(starting).rejects.toThrow(
      /"default" and "docs" have their signed routes under the same path, "files".*controller: \{ path: 'files-docs' \}/,
    );
    await compile(memory({ controller: { decorators: [SetMetadata('public', true)] } }), memory(guarded));
    await compile(memory(), memory({ ...guarded, controller: { ...guarded.controller, path: 'files-docs' } }));
    await compile(memory(), memory({ name: 'docs', controller: false }));
  });
});

onPlatforms('over HTTP on $name', (platform) => {
  it('reads the environment when it is given nothing', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const before = { ...process.env };
    Object.assign(process.env, { STORAGE_BACKEND: 'memory', STORAGE_URL_EXPIRATION: '7' });
    try {
      const app = await listen(platform, StorageModule.forRoot());
      const { url } = await app.get(StorageService).put('a.txt', 'hello');
      expect(await (await fetch(url!)).text()).toBe('hello');
      expect(warn).toHaveBeenCalledWith(expect.stringMatching(/STORAGE_URL_SECRET is not set/));
    } finally {
      process.env = before;
      warn.mockRestore();
    }
  });

  it('answers storage errors of any handler by their reason, and names nothing of the inside', async () => {
    @Controller('read')
    class ReadController {
      constructor(private readonly storage: StorageService) {}

      @Get()
      read(): Promise<unknown> {
        return this.storage.get('tenants/secret/none.txt');
      }
    }
    @Module({ controllers: [ReadController] })
    class ReadModule {}
    const app = await listen(platform, memory(), ReadModule);
    const answer = await fetch(`${await app.getUrl()}/read`);
    const body = await answer.text();
    expect(answer.status).toBe(404);
    expect(JSON.parse(body)).toMatchObject({ statusCode: 404, code: 'not-found' });
    expect(body).not.toMatch(/tenants|secret|memory/);
    await expect(app.get(StorageService).get('none')).rejects.toBeInstanceOf(StorageFileNotFoundError);
  });

  it('serves two storages under one path, and each URL reads its own', async () => {
    const app = await listen(platform, memory(), memory({ name: 'docs' }));
    const one = await app.get(StorageService).put('a.txt', 'one');
    const two = await app.get<StorageService>(getStorageToken('docs')).put('a.txt', 'two');
    expect(await (await fetch(one.url!)).text()).toBe('one');
    expect(await (await fetch(two.url!)).text()).toBe('two');
  });

  it('puts the global prefix and the path into its URLs', async () => {
    const module = await Test.createTestingModule({
      imports: [memory({ controller: { path: '/media/f' } })],
    }).compile();
    const app = platform.createTesting(module);
    open.push(app);
    app.setGlobalPrefix('api/v1');
    await app.listen(0, '0.0.0.0');
    const { url } = await app.get(StorageService).put('a.txt', 'hello');
    expect(url).toMatch(/^http:\/\/localhost:\d+\/api\/v1\/media\/f\//);
    expect((await fetch(url!)).status).toBe(200);
  });

  it.each(['media/*path', 'media/{*rest}'])('leaves the prefix out where the app excludes %s', async (path) => {
    const module = await Test.createTestingModule({ imports: [memory({ controller: { path: 'media' } })] }).compile();
    const app = platform.createTesting(module);
    open.push(app);
    app.setGlobalPrefix('api', { exclude: [path, { path: 'health', method: RequestMethod.GET }] });
    await app.listen(0);
    const { url } = await app.get(StorageService).put('a.txt', 'hello');
    expect(new URL(url!).pathname).toMatch(/^\/media\//);
    expect((await fetch(url!)).status).toBe(200);
  });

  it('serves nothing with controller: false', async () => {
    const app = await listen(platform, memory({ controller: false }));
    const file = await app.get(StorageService).put('a.txt', 'hello');
    expect(file.url).toBeUndefined();
    await expect(file.getUrl()).rejects.toMatchObject({ code: 'not-supported' });
    const elsewhere = await listen(platform, memory());
    const { url } = await elsewhere.get(StorageService).put('a.txt', 'hello');
    const here = new URL(new URL(url!).pathname, await app.getUrl());
    expect((await fetch(here)).status).toBe(404);
  });
});
