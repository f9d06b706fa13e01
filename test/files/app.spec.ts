/** The signed routes inside apps with everything that apps put around their routes. */
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Body,
  CanActivate,
  Catch,
  Controller,
  Get,
  Global,
  Injectable,
  Module,
  Param,
  Post,
  Put,
  RequestTimeoutException,
  SetMetadata,
  UseGuards,
  ValidationPipe,
  VersioningType,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type NestModule,
  type MiddlewareConsumer,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import express from 'express';
import { map, timeout, catchError, throwError } from 'rxjs';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { createStorageFilesController, SignedRoutes, SignedRoutesModule, SignedUrls } from '../../lib/files/index.js';
import { StorageRegistry } from '../../lib/service/index.js';
import { StorageModule } from '../../lib/storage.module.js';
import { StorageService } from '../../lib/storage.service.js';
import { AppUrlsBackend } from '../../lib/wrappers/index.js';
import { pathOf, raw, SECRET, send, startRig, WatchedBackend, type Rig } from './rig.js';
import { onPlatforms } from '../support/platforms.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const put = (url: string, body: string, headers: Record<string, string> = JSON_TYPE) =>
  send(url, { method: 'PUT', body, headers });

const Public = () => SetMetadata('public', true);
const seenByGuard: (string | undefined)[] = [];

@Injectable()
class AuthGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    seenByGuard.push(headers['content-length']);
    if (headers['x-banned'] !== undefined) return false;
    const open = this.reflector.getAllAndOverride<boolean>('public', [context.getHandler(), context.getClass()]);
    return open === true || headers.authorization !== undefined;
  }
}

class Envelope implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ success: true, data })));
  }
}

@Catch()
class Rewording implements ExceptionFilter {
  catch(error: { status?: number }, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: object): void } }>();
    response.status(error.status ?? 500).send({ reworded: true });
  }
}

@Controller({ path: 'files', version: '1' })
class AppController {
  @Put(':a/:b')
  own(@Body() body: unknown) {
    return body;
  }
  @Post('echo')
  echo(@Body() body: unknown) {
    return body;
  }
  @Get('plain')
  plain() {
    return 'hi';
  }
}

@Controller('files')
class ShapedController {
  @Get(':id/download-url')
  get(@Param('id') id: string) {
    return `own ${id}`;
  }
  @Put(':id/download-url')
  put(@Body() body: unknown) {
    return body;
  }
}

@Module({ controllers: [ShapedController] })
class ShapedModule {}

@Module({ controllers: [AppController] })
class AppModule implements NestModule {
  configure(consumer: MiddlewareConsumer) {
    consumer
      .apply((req: import('express').Request, res: import('express').Response, next: () => void) => {
        res.setHeader('X-Announced', String(req.headers['content-length']));
        next();
      })
      .forRoutes('{*path}');
  }
}

onPlatforms('on $name', (platform) => {
  describe('a full app', () => {
    const backend = new WatchedBackend(new MemoryBackend());
    let rig: Rig;

    beforeAll(async () => {
      rig = await startRig(platform, {
        storages: [{ name: 'default', backend }],
        prefix: 'api',
        decorators: [Public()],
        imports: [{ module: AppModule }],
        providers: [
          { provide: APP_GUARD, useClass: AuthGuard },
          { provide: APP_INTERCEPTOR, useClass: Envelope },
          { provide: APP_FILTER, useClass: Rewording },
        ],
        setUp: (app) => {
          app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
          app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }));
          app.enableCors({ origin: 'https://front.example', exposedHeaders: ['ETag'] });
          app.use((_req: unknown, res: import('express').Response, next: () => void) => {
            // As helmet does.
            res.setHeader('Content-Security-Policy', "default-src 'self'");
            res.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
            res.setHeader('Referrer-Policy', 'origin');
            res.setHeader('Strict-Transport-Security', 'max-age=1');
            next();
          });
        },
      });
    });

    afterAll(() => rig.close());

    it('serves files under its prefix, without version, unwrapped', async () => {
      await rig.storage().put('a.json', '{"a":1}', { url: false });
      const url = await rig.storage().getUrl('a.json');
      expect(pathOf(url)).toMatch(/^\/api\/files\/[\w-]+\/a\.json$/);
      const answer = await send(url);
      expect([answer.status, answer.text]).toEqual([200, '{"a":1}']);
      expect((await send(url.replace('/api/', '/api/v1/'))).status).toBe(404);
      expect((await send(url.replace('/api/', '/'))).status).toBe(404);
    });

    it('keeps its own security headers where middleware set others, and theirs where it has none', async () => {
      const { headers } = await send(await rig.storage().getUrl('a.json'), {
        headers: { origin: 'https://front.example' },
      });
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringContaining('sandbox'),
        'cross-origin-resource-policy': 'cross-origin',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=1',
        'access-control-allow-origin': 'https://front.example',
      });
    });

    it('answers errors in its own words', async () => {
      const missing = await send(await rig.storage().getUrl('missing', { mustExist: false }));
      expect([missing.status, JSON.parse(missing.text)]).toMatchObject([404, { code: 'not-found' }]);
    });

    it('runs the guards of the app, which the decorators of the app may open', async () => {
      const url = await rig.storage().getUrl('a.json');
      expect((await send(url, { headers: { 'x-banned': '1' } })).status).toBe(403);
      expect((await send(`${rig.origin}/api/v1/files/plain`)).status).toBe(403);
      const upload = await rig.storage().getUploadUrl('banned');
      expect((await put(upload.url, '{}', { ...JSON_TYPE, 'x-banned': '1' })).status).toBe(403);
      expect(await rig.storage().exists('banned')).toBe(false);
    });

    it('takes JSON uploads; middleware and guards see the announced length', async () => {
      const { url } = await rig.storage().getUploadUrl('up.json');
      seenByGuard.length = 0;
      const answer = await put(url, '{"not": parsed');
      expect([answer.status, answer.headers['x-announced'], seenByGuard]).toEqual([200, '14', ['14']]);
      expect((await rig.storage().get('up.json')).toString()).toBe('{"not": parsed');
    });

    it('leaves the bodies of other routes to the body parser', async () => {
      const token = pathOf((await rig.storage().getUploadUrl('x')).url).split('/')[3]!;
      const headers = { ...JSON_TYPE, authorization: 'x' };
      const echo = await send(`${rig.origin}/api/v1/files/echo`, { method: 'POST', body: '{"a":1}', headers });
      expect(JSON.parse(echo.text)).toEqual({ success: true, data: { a: 1 } });
      // Looks like a signed URL all over, but it is another route.
      const own = await put(`${rig.origin}/api/v1/files/${token}/x`, '{"b":2}', headers);
      expect(JSON.parse(own.text)).toEqual({ success: true, data: { b: 2 } });
      const short = await put(`${rig.origin}/api/v1/files/a/b`, '{"c":3}', headers);
      expect(JSON.parse(short.text)).toEqual({ success: true, data: { c: 3 } });
    });

    it('answers 100 Continue for the other routes as Node does', async () => {
      const headers =
        'Host: x\r\nAuthorization: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close';
      const { text } = await raw(
        rig.port,
        `POST /api/v1/files/echo HTTP/1.1\r\n${headers}\r\nExpect: 100-continue\r\n\r\n{}`,
      );
      expect(text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
    });
  });

  describe('uploads and body parsers', () => {
    const uploadTo = async (rig: Rig, contentType: string, body: string) => {
      const { url } = await rig.storage().getUploadUrl('parsed');
      const answer = await put(url, body, contentType === '' ? {} : { 'content-type': contentType });
      const stored = answer.status === 200 ? (await rig.storage().get('parsed')).toString() : undefined;
      await rig.close();
      return [answer.status, stored];
    };
    const storages = () => [{ name: 'default', backend: new MemoryBackend() }];
    const large = 'x'.repeat(200_000);

    it.each([
      'application/json',
      'application/x-www-form-urlencoded',
      'text/plain',
      'image/png',
      'application/problem+json',
      'multipart/form-data; boundary=x',
      'multipart/form-data',
      '',
    ])('takes "%s" as it is, beyond the limits of body parsers', async (contentType) => {
      const rig = await startRig(platform, { storages: storages() });
      const body = '{'.repeat(1_500_000);
      const [status, stored] = await uploadTo(rig, contentType, body);
      expect([status, stored === body]).toEqual([200, true]);
    });

    it('rawBody: true', async () => {
      const rig = await startRig(platform, { storages: storages(), nest: { rawBody: true } });
      expect(await uploadTo(rig, 'application/json', large)).toEqual([200, large]);
    });

    it('bodyParser: false', async () => {
      const rig = await startRig(platform, { storages: storages(), nest: { bodyParser: false } });
      expect(await uploadTo(rig, 'application/json', large)).toEqual([200, large]);
    });

    it('parsers for everything, put in front by the app', async () => {
      const rig = await startRig(platform, {
        storages: storages(),
        setUp: (app) => {
          if (platform.name === 'fastify') {
            const fastify = app as NestFastifyApplication;
            fastify.useBodyParser(['application/x-www-form-urlencoded', '*'], { bodyLimit: 10 });
            return;
          }
          app.use(express.raw({ type: '*/*', limit: 10 }), express.text({ type: () => true, limit: 10 }));
          app.use(express.urlencoded({ extended: true, limit: 10 }));
        },
      });
      expect(await uploadTo(rig, 'application/x-www-form-urlencoded', large)).toEqual([200, large]);
    });

    class LateParser implements NestModule {
      static parser: express.RequestHandler;
      configure(consumer: MiddlewareConsumer) {
        consumer.apply(LateParser.parser).forRoutes('{*path}');
      }
    }
    Module({})(LateParser);

    it('a parser behind ours that keeps the bytes', async () => {
      LateParser.parser = express.raw({ type: '*/*' });
      const rig = await startRig(platform, { storages: storages(), imports: [LateParser] });
      expect(await uploadTo(rig, 'application/json', '{"a":  1}')).toEqual([200, '{"a":  1}']);
    });

    it('a parser behind ours that does not: an error, never another file', async () => {
      LateParser.parser = express.json();
      const rig = await startRig(platform, { storages: storages(), imports: [LateParser] });
      expect(await uploadTo(rig, 'application/json', '{"a":  1}')).toEqual([500, undefined]);
    });
  });

  describe('an app with time-outs and several storages', () => {
    const backend = new WatchedBackend(new MemoryBackend());

    class TimeOut implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        return next.handle().pipe(
          timeout(50),
          catchError(() => throwError(() => new RequestTimeoutException())),
        );
      }
    }

    @Injectable()
    class Closed implements CanActivate {
      canActivate() {
        return false;
      }
    }

    it('does not cut a slow download', async () => {
      const rig = await startRig(platform, {
        storages: [{ name: 'default', backend }],
        providers: [{ provide: APP_INTERCEPTOR, useClass: TimeOut }],
      });
      await rig.storage().put('slow', Buffer.alloc(5), { url: false });
      backend.replaceBody = ({ body }) => {
        return Readable.from(
          (async function* () {
            for await (const chunk of body) {
              for (const byte of chunk as Buffer) {
                await new Promise((resolve) => {
                  setTimeout(resolve, 25);
                });
                yield Buffer.of(byte);
              }
            }
          })(),
        );
      };
      expect((await send(await rig.storage().getUrl('slow'))).body.length).toBe(5);
      await rig.close();
    });

    it('serves each storage under its own path only', async () => {
      const rig = await startRig(platform, {
        storages: [
          { name: 'a', backend: new MemoryBackend(), path: 'files' },
          { name: 'b', backend: new MemoryBackend(), path: 'files' },
          { name: 'c', backend: new MemoryBackend(), path: 'deep/er/files' },
        ],
      });
      for (const name of ['a', 'b', 'c']) {
        const { url } = await rig.storage(name).getUploadUrl('k');
        expect((await put(url, `"${name}"`)).status).toBe(200);
        expect((await send(await rig.storage(name).getUrl('k'))).text).toBe(`"${name}"`);
      }
      const c = await rig.storage('c').getUrl('k');
      expect((await send(c.replace('/deep/er', ''))).status).toBe(403);
      const a = await rig.storage('a').getUrl('k');
      expect((await send(a.replace('/files', '/deep/er/files'))).status).toBe(403);
      await rig.close();
    });

    it.each(['before', 'after'])(
      'leaves routes of its shape to an app whose module is imported %s it',
      async (order) => {
        const storage = StorageModule.forRoot({ env: {}, backend: 'memory', urls: { secret: SECRET } });
        const own = { module: ShapedModule };
        const app = await platform.create({
          module: class RootModule {},
          imports: order === 'before' ? [own, storage] : [storage, own],
        });
        await app.listen(0, '127.0.0.1');
        const url = await app.getUrl();
        expect((await send(`${url}/files/7/download-url`)).text).toBe('own 7');
        expect((await put(`${url}/files/7/download-url`, '{"a":  1}')).text).toBe('{"a":1}');
        const signed = app.get(StorageService);
        expect((await put((await signed.getUploadUrl('k')).url, '{"a":  1}')).status).toBe(200);
        expect((await signed.get('k')).toString()).toBe('{"a":  1}');
        expect((await send(`${url}/files/7/elsewhere`)).status).toBe(404);
        await app.close();
      },
    );

    it('closes its routes with a guard of the app', async () => {
      const rig = await startRig(platform, {
        storages: [{ name: 'default', backend: new MemoryBackend() }],
        decorators: [UseGuards(Closed)],
      });
      await rig.storage().put('k', 'x', { url: false });
      expect((await send(await rig.storage().getUrl('k'))).status).toBe(403);
      await rig.close();
    });
  });

  describe('a TestingModule', () => {
    it('claims uploads too, although it has no adapter while providers are made', async () => {
      @Global()
      @Module({ providers: [StorageRegistry], exports: [StorageRegistry] })
      class Registry {}
      const controllers = [createStorageFilesController({ path: '/files/' })];
      const testing = await Test.createTestingModule({
        imports: [Registry, SignedRoutesModule],
        controllers,
      }).compile();
      const app = platform.createTesting(testing);
      app.setGlobalPrefix(':tenant/api', { exclude: ['health'] });
      await app.listen(0, '127.0.0.1');
      const signer = new SignedUrls({ secrets: [SECRET], baseUrl: `${await app.getUrl()}/acme/api/files` });
      const storage = new StorageService(new AppUrlsBackend(new MemoryBackend(), 'default', signer));
      app.get(StorageRegistry).add('default', storage);
      app.get(SignedRoutes).register({ storage: 'default', signer, path: 'files' });
      expect((await put((await storage.getUploadUrl('k')).url, '{"a":  1}')).status).toBe(200);
      expect((await send(await storage.getUrl('k'))).text).toBe('{"a":  1}');
      // Express's router takes paths in any case, Fastify's does not.
      const shouted = await send((await storage.getUrl('k')).replace('/files/', '/FILES/'));
      expect(shouted.status).toBe(platform.name === 'fastify' ? 404 : 200);
      await app.close();
    });
  });
});
