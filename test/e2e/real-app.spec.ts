/** Everything that grown apps put around their routes, all at once: signed routes and uploads work among it. */
import 'reflect-metadata';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fastifyCompress from '@fastify/compress';
import fastifyCookie from '@fastify/cookie';
import fastifyHelmet from '@fastify/helmet';
import {
  Body,
  Catch,
  Controller,
  Get,
  HttpException,
  Injectable,
  Module,
  Post,
  Req,
  SetMetadata,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  ValidationPipe,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, HttpAdapterHost, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Type as TransformTo } from 'class-transformer';
import { IsInt, IsOptional, Max } from 'class-validator';
import compression from 'compression';
import cookieParser from 'cookie-parser';
import helmet from 'helmet';
import { map, tap } from 'rxjs';
import { getStorageToken, MemoryBackend, StorageModule, type StorageService } from '../../lib/index.js';
import {
  StorageAnyFilesInterceptor,
  StorageFileFieldsInterceptor,
  StorageFileInterceptor,
  StorageFilesInterceptor,
  type StagedFile,
} from '../../lib/uploads/index.js';
import { pathOf, send } from '../files/rig.js';
import { onPlatforms, type PlatformName } from '../support/platforms.js';

const FRONT = 'https://front.example';
const Public = () => SetMetadata('public', true);
const logged: string[] = [];

@Injectable()
class AuthGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    const open = this.reflector.getAllAndOverride<boolean>('public', [context.getHandler(), context.getClass()]);
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    return open === true || headers.authorization !== undefined;
  }
}

/** As throttlers do it: counts by address, tells how much is left in headers, and answers 429. */
@Injectable()
class Throttler implements CanActivate {
  static readonly LIMIT = 1000;
  readonly #calls = new Map<string, number>();
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const { ip, headers } = http.getRequest<{ ip: string; headers: Record<string, string | undefined> }>();
    const caller = headers['x-caller'] ?? ip;
    const left = (this.#calls.get(caller) ?? (headers['x-caller'] ? 2 : Throttler.LIMIT)) - 1;
    this.#calls.set(caller, left);
    if (left < 0) throw new HttpException('Too Many Requests', 429);
    http.getResponse<{ header(name: string, value: string): void }>().header('X-RateLimit-Remaining', String(left));
    return true;
  }
}

class Envelope implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

class Logging implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(tap(() => logged.push(context.getHandler().name)));
  }
}

/** Shapes every error of the app, in the way the docs of Nest show. Storage errors have a filter of their own. */
@Catch()
@Injectable()
class CatchEverything implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}
  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { failed: status }, status);
  }
}

class Details {
  @IsOptional()
  @TransformTo(() => Number)
  @IsInt()
  @Max(10)
  rank?: number;
}

interface Request {
  readonly cookies?: Record<string, string>;
}

const limits = { fileSize: '1kb' } as const;
const key = ({ safeName }: { safeName: string }) => `docs/${safeName}`;

@Controller({ path: 'docs', version: '1' })
class DocsController {
  @Post('one')
  @UseInterceptors(StorageFileInterceptor('file', { key, limits }))
  one(@UploadedFile() { key: stored, url }: StagedFile, @Body() body: Details, @Req() request: Request) {
    return { key: stored, url, body, session: request.cookies?.session };
  }

  @Post('many')
  @UseInterceptors(StorageFilesInterceptor('files', 3, { key, limits }))
  many(@UploadedFiles() files: StagedFile[]) {
    return files.map((file) => file.key);
  }

  @Post('fields')
  @UseInterceptors(StorageFileFieldsInterceptor([{ name: 'cover' }, { name: 'pages', maxCount: 2 }], { key, limits }))
  fields(@UploadedFiles() files: Record<string, StagedFile[]>) {
    return Object.fromEntries(Object.entries(files).map(([field, list]) => [field, list.map((file) => file.key)]));
  }

  @Post('any')
  @UseInterceptors(StorageAnyFilesInterceptor({ key, limits }))
  any(@UploadedFiles() files: StagedFile[]) {
    return files.map((file) => [file.fieldname, file.key]);
  }

  @Get('large')
  large() {
    return 'x'.repeat(10_000);
  }

  @Post('json')
  json(@Body() body: Details) {
    return body;
  }
}

const backend = new MemoryBackend();
const urls = { secret: 's'.repeat(32) };

@Module({
  imports: [
    StorageModule.forRoot({ env: {}, backend, urls, controller: { path: 'files', decorators: [Public()] } }),
    StorageModule.forRoot({
      name: 'second',
      env: {},
      backend: new MemoryBackend(),
      urls,
      controller: { path: 'files', decorators: [Public()] },
    }),
  ],
  controllers: [DocsController],
  providers: [
    { provide: APP_GUARD, useClass: AuthGuard },
    { provide: APP_GUARD, useClass: Throttler },
    { provide: APP_INTERCEPTOR, useClass: Envelope },
    { provide: APP_INTERCEPTOR, useClass: Logging },
    { provide: APP_FILTER, useClass: CatchEverything },
  ],
})
class AppModule {}

const plugIn: Record<PlatformName, (app: INestApplication) => Promise<void>> = {
  express: async (app) => {
    app.use(helmet(), compression({ threshold: 0 }), cookieParser());
  },
  fastify: async (app) => {
    const fastify = app as NestFastifyApplication;
    await fastify.register(fastifyHelmet);
    await fastify.register(fastifyCompress, { threshold: 0 });
    await fastify.register(fastifyCookie);
  },
};

onPlatforms('a real app on $name', (platform) => {
  let app: INestApplication;
  let origin: string;
  let storage: StorageService;
  const user = { authorization: 'Bearer x' };

  beforeAll(async () => {
    app = await platform.create(AppModule);
    await plugIn[platform.name](app);
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    app.enableCors({ origin: FRONT, credentials: true, methods: ['GET', 'HEAD', 'PUT', 'POST'] });
    app.useGlobalPipes(new ValidationPipe({ whitelist: true, transform: true }));
    await app.listen(0, '127.0.0.1');
    origin = await app.getUrl();
    storage = app.get<StorageService>(getStorageToken());
  });

  afterAll(() => app.close());

  beforeEach(async () => {
    for (const stored of await storage.listKeys()) await storage.delete(stored);
    logged.length = 0;
  });

  const post = async (path: string, form: FormData, headers: Record<string, string> = user) => {
    const answer = await fetch(`${origin}/api/v1/docs/${path}`, { method: 'POST', body: form, headers });
    return { status: answer.status, body: (await answer.json()) as { data: never }, headers: answer.headers };
  };

  const formOf = (...entries: [field: string, value: string, name?: string][]) => {
    const form = new FormData();
    for (const [field, value, name] of entries) {
      if (name === undefined) form.append(field, value);
      else form.append(field, new Blob([value]), name);
    }
    return form;
  };

  it('has all of it on', async () => {
    const large = await send(`${origin}/api/v1/docs/large`, {
      headers: { ...user, 'accept-encoding': 'gzip', origin: FRONT },
    });
    expect(large.headers).toMatchObject({
      'content-encoding': 'gzip',
      'x-dns-prefetch-control': 'off',
      'access-control-allow-credentials': 'true',
      'x-ratelimit-remaining': expect.stringMatching(/^9\d\d$/),
    });
    expect(JSON.parse(gunzipSync(large.body).toString())).toEqual({ data: 'x'.repeat(10_000) });
    expect(logged).toEqual(['large']);
    expect(JSON.parse((await send(`${origin}/api/v1/docs/large`)).text)).toEqual({ failed: 403 });
    const json = { method: 'POST', headers: { ...user, 'content-type': 'application/json' } };
    const trimmed = await send(`${origin}/api/v1/docs/json`, { ...json, body: '{"rank":"3","more":1}' });
    expect(JSON.parse(trimmed.text)).toEqual({ data: { rank: 3 } });
  });

  describe('signed routes', () => {
    const TEXT = 'a text that could be compressed '.repeat(100);
    let url: string;

    beforeEach(async () => {
      await storage.put('docs/a.txt', TEXT, { url: false });
      url = await storage.getUrl('docs/a.txt');
    });

    it('send the file as it is, with the headers of the app beside their own', async () => {
      expect(pathOf(url)).toMatch(/^\/api\/files\/[\w-]{60,}\/a\.txt$/);
      const { status, text, headers } = await send(url, { headers: { 'accept-encoding': 'gzip, br', origin: FRONT } });
      expect([status, text]).toEqual([200, TEXT]);
      expect(headers).toMatchObject({
        'content-length': String(TEXT.length),
        'content-security-policy': expect.stringContaining('sandbox'),
        'cross-origin-resource-policy': 'cross-origin',
        'x-dns-prefetch-control': 'off',
        'strict-transport-security': expect.stringContaining('max-age'),
        'access-control-allow-origin': FRONT,
        'access-control-allow-credentials': 'true',
        'x-ratelimit-remaining': expect.stringMatching(/^9\d\d$/),
      });
      expect(headers['content-encoding']).toBeUndefined();
    });

    it('answer HEAD, ranges and conditions', async () => {
      const head = await send(url, { method: 'HEAD' });
      expect([head.status, head.headers['content-length'], head.text]).toEqual([200, String(TEXT.length), '']);
      const range = await send(url, { headers: { range: 'bytes=2-5', 'accept-encoding': 'gzip' } });
      expect([range.status, range.text, range.headers['content-range']]).toEqual([
        206,
        TEXT.slice(2, 6),
        `bytes 2-5/${TEXT.length}`,
      ]);
      const same = await send(url, { headers: { 'if-none-match': head.headers.etag! } });
      expect([same.status, same.text]).toEqual([304, '']);
      expect((await send(url, { headers: { range: 'bytes=90000-' } })).status).toBe(416);
    });

    it('answer errors in their own words', async () => {
      const missing = await send(await storage.getUrl('docs/missing', { mustExist: false }));
      expect([missing.status, JSON.parse(missing.text)]).toMatchObject([404, { code: 'not-found' }]);
      const forged = await send(url.replace(/files\/...../, 'files/AAAAA'));
      expect([forged.status, JSON.parse(forged.text)]).toMatchObject([403, { code: 'permission-denied' }]);
      expect((await send(url.replace('/a.txt', '/a/b.txt'))).status).toBe(404);
    });

    it.each([
      ['application/json', '{"rank":  99}'],
      ['application/x-www-form-urlencoded', 'rank=99&more=%20'],
      ['text/plain', 'rank'],
      ['image/png', 'png'],
    ])('take uploads of %s unread', async (type, body) => {
      const upload = await storage.getUploadUrl('docs/up', { contentType: type });
      const answer = await send(upload.url, { method: 'PUT', body, headers: { 'content-type': type, origin: FRONT } });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { size: body.length, etag: expect.any(String) }]);
      expect(answer.headers['access-control-allow-credentials']).toBe('true');
      expect((await storage.get('docs/up')).toString()).toBe(body);
      expect((await storage.getMetadata('docs/up')).contentType).toBe(type);
    });

    it('can be asked for by pages of another origin', async () => {
      const { url: target } = await storage.getUploadUrl('docs/up');
      const preflight = await send(target, {
        method: 'OPTIONS',
        headers: { origin: FRONT, 'access-control-request-method': 'PUT' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers).toMatchObject({
        'access-control-allow-origin': FRONT,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': expect.stringContaining('PUT'),
      });
    });

    it('are throttled like any route', async () => {
      const caller = { headers: { 'x-caller': platform.name } };
      const answers = [await send(url, caller), await send(url, caller), await send(url, caller)];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
      expect(JSON.parse(answers[2]!.text)).toEqual({ failed: 429 });
    });

    it('serve a second storage under the same path', async () => {
      const second = app.get<StorageService>(getStorageToken('second'));
      const upload = await second.getUploadUrl('k');
      expect((await send(upload.url, { method: 'PUT', body: 'two' })).status).toBe(200);
      expect((await send(await second.getUrl('k'))).text).toBe('two');
    });
  });

  describe('uploads', () => {
    it('of one file, with fields that are checked and a cookie', async () => {
      const headers = { ...user, cookie: 'session=abc', origin: FRONT };
      const {
        status,
        body,
        headers: answered,
      } = await post('one', formOf(['rank', '3'], ['more', 'x'], ['file', 'hello', 'a.txt']), headers);
      expect([status, body.data]).toEqual([
        201,
        { key: 'docs/a.txt', url: expect.stringContaining('/api/files/'), body: { rank: 3 }, session: 'abc' },
      ]);
      expect(answered.get('access-control-allow-credentials')).toBe('true');
      expect((await send((body.data as { url: string }).url)).text).toBe('hello');
      expect(logged).toEqual(['one', 'get']);
    });

    it('of several files, by each of the other interceptors', async () => {
      const many = await post('many', formOf(['files', '1', 'a.txt'], ['files', '2', 'b.txt']));
      expect([many.status, many.body.data]).toEqual([201, ['docs/a.txt', 'docs/b.txt']]);
      const fields = await post('fields', formOf(['cover', '1', 'c.txt'], ['pages', '2', 'd.txt']));
      expect([fields.status, fields.body.data]).toEqual([201, { cover: ['docs/c.txt'], pages: ['docs/d.txt'] }]);
      const any = await post('any', formOf(['x', '1', 'e.txt']));
      expect([any.status, any.body.data]).toEqual([201, [['x', 'docs/e.txt']]]);
      expect(await storage.listKeys()).toEqual(['a', 'b', 'c', 'd', 'e'].map((name) => `docs/${name}.txt`));
    });

    it('leave nothing when a guard or the validation refuses', async () => {
      const refused = await post('one', formOf(['file', 'hello', 'a.txt']), {});
      expect([refused.status, refused.body]).toEqual([403, { failed: 403 }]);
      const invalid = await post('one', formOf(['rank', '11'], ['file', 'hello', 'a.txt']));
      expect([invalid.status, invalid.body]).toEqual([400, { failed: 400 }]);
      expect(await storage.listKeys()).toEqual([]);
    });

    it('answer storage errors by the filter of the library', async () => {
      const large = await post('one', formOf(['file', 'x'.repeat(2000), 'a.txt']));
      expect([large.status, large.body]).toMatchObject([413, { code: 'file-too-large' }]);
      expect(await storage.listKeys()).toEqual([]);
    });
  });
});
