/** Storage errors as HTTP answers: the table, and the filter in a real app. */
import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  HttpException,
  Logger,
  Param,
  Res,
  UseFilters,
  type ArgumentsHost,
  type DynamicModule,
  type ExceptionFilter,
  type FactoryProvider,
  type INestApplication,
} from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  FileTooLargeError,
  InvalidRangeError,
  parseKey,
  PermissionDeniedError,
  StorageError,
  StorageFileNotFoundError,
  StorageTimeoutError,
  StorageUnavailableError,
  type StorageErrorCode,
} from '../../lib/contract/index.js';
import { nodeResponse } from '../../lib/http/node-http.js';
import { storageHttpAnswer, StorageExceptionFilter } from '../../lib/http/index.js';
import { MemoryBackend, StorageModule } from '../../lib/index.js';
import { onPlatforms } from '../support/platforms.js';

const SECRETS = /\/srv\/data|tenants\/acme|AKIA|vendor/;
const details = {
  operation: 'get' as const,
  key: 'tenants/acme/a.pdf',
  backend: 'local',
  reason: 'vendor says no',
  advice: 'look at /srv/data',
  cause: new Error('EACCES: open /srv/data/tenants/acme/a.pdf with AKIA123'),
};

const TABLE: [StorageErrorCode, number][] = [
  ['not-found', 404],
  ['permission-denied', 403],
  ['quota-exceeded', 507],
  ['invalid-key', 400],
  ['invalid-options', 400],
  ['already-exists', 409],
  ['precondition-failed', 412],
  ['key-conflict', 409],
  ['invalid-range', 416],
  ['file-too-large', 413],
  ['unsupported-type', 415],
  ['checksum-mismatch', 400],
  ['size-mismatch', 400],
  ['invalid-upload', 400],
  ['upload-stalled', 408],
  ['infected', 422],
  ['source-failed', 400],
  ['unavailable', 503],
  ['timeout', 504],
  ['aborted', 499],
  ['not-supported', 501],
  ['configuration', 500],
  ['unknown', 500],
];

describe('storageHttpAnswer', () => {
  it.each(TABLE)('%s is %d, in neutral words', (code, status) => {
    const answer = storageHttpAnswer(new StorageError(details, code));
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      statusCode: status,
      code,
      message: expect.stringMatching(/^[A-Z].+\.$/),
      error: expect.stringMatching(/^[A-Z][A-Za-z ]+$/),
    });
    expect(JSON.stringify(answer)).not.toMatch(SECRETS);
  });

  it('shows the sentence that is meant for clients', () => {
    expect(storageHttpAnswer(new FileTooLargeError({ ...details, limit: 10 })).body.message).toBe(
      'The file is larger than the allowed 10 bytes.',
    );
    let refusal: unknown;
    try {
      parseKey('internal/customers//b');
    } catch (error) {
      refusal = error;
    }
    const { message } = storageHttpAnswer(refusal).body;
    expect(message).toMatch(/is not valid: it must not .* A valid key is "documents/);
    expect(message).not.toContain('customers');
  });

  it('adds what belongs into headers', () => {
    expect(storageHttpAnswer(new StorageUnavailableError(details)).headers).toEqual({ 'Retry-After': '5' });
    expect(storageHttpAnswer(new InvalidRangeError({ ...details, size: 7 })).headers).toEqual({
      'Content-Range': 'bytes */7',
    });
    expect(storageHttpAnswer(new InvalidRangeError(details)).headers).toEqual({});
  });

  it.each([new Error('/srv/data'), new TypeError('vendor'), 'AKIA', undefined, null, { code: 'not-found' }])(
    'knows nothing of %p, and says so',
    (error) => {
      const answer = storageHttpAnswer(error);
      expect([answer.status, answer.body.code]).toEqual([500, 'unknown']);
      expect(JSON.stringify(answer)).not.toMatch(SECRETS);
    },
  );
});

@Controller('global')
class GlobalController {
  @Get('half')
  half(@Res() response: object) {
    const raw = nodeResponse(response);
    raw.writeHead(200, { 'Content-Length': 100 });
    raw.write('half');
    throw new StorageTimeoutError(details);
  }

  @Get('http')
  http() {
    throw new HttpException('own', 418);
  }

  @Get('refused/:by')
  refused(@Param('by') by: string) {
    throw new PermissionDeniedError({ ...details, cause: by === 'store' ? details.cause : undefined });
  }

  @Get(':code')
  fail(@Param('code') code: StorageErrorCode) {
    throw new StorageError(details, code);
  }
}

@Controller('local')
@UseFilters(StorageExceptionFilter)
class LocalController {
  @Get()
  fail() {
    throw new StorageFileNotFoundError(details);
  }
}

/** What the docs of Nest show for catching everything, and how it may take storage errors in. */
class CatchEverything implements ExceptionFilter {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly knowsStorage: boolean,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const own = this.knowsStorage && error instanceof StorageError ? storageHttpAnswer(error).status : 500;
    const status = error instanceof HttpException ? error.getStatus() : own;
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { caught: true, status }, status);
  }
}
Catch()(CatchEverything);

const catchAll: FactoryProvider = {
  provide: APP_FILTER,
  inject: [HttpAdapterHost],
  useFactory: (host: HttpAdapterHost) => new CatchEverything(host, false),
};

class FeatureModule {}

class GlobalModule {}

onPlatforms('on $name', (platform) => {
  describe('StorageExceptionFilter', () => {
    let app: INestApplication;
    let origin: string;
    let logged: jest.SpiedFunction<Logger['error']>;

    const start = async (providers: object[]) => {
      const controllers = [GlobalController, LocalController];
      const started = await platform.create(
        { module: GlobalModule, controllers, providers: providers as [] },
        { logger: false },
      );
      await started.listen(0, '127.0.0.1');
      return started;
    };

    beforeAll(async () => {
      logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
      app = await start([{ provide: APP_FILTER, useClass: StorageExceptionFilter }]);
      origin = await app.getUrl();
    });

    afterAll(async () => {
      await app.close();
      logged.mockRestore();
    });

    it('answers for the whole app', async () => {
      const answer = await fetch(`${origin}/global/not-found`);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([404, 'no-store']);
      expect(await answer.json()).toEqual({
        statusCode: 404,
        code: 'not-found',
        message: 'There is no such file.',
        error: 'Not Found',
      });
    });

    it('sends the headers of the answer', async () => {
      expect((await fetch(`${origin}/global/unavailable`)).headers.get('retry-after')).toBe('5');
    });

    it('logs that the store refuses the app itself, which the client sees as a 403', async () => {
      logged.mockClear();
      expect((await fetch(`${origin}/global/refused/storage`)).status).toBe(403);
      expect(logged).not.toHaveBeenCalled();
      const answer = await fetch(`${origin}/global/refused/store`);
      expect([answer.status, await answer.text()]).toEqual([403, expect.not.stringMatching(SECRETS)]);
      expect(logged).toHaveBeenCalledTimes(1);
      expect(String(logged.mock.calls[0]![1])).toContain('Caused by');
    });

    it('logs failures of the server with cause and stack, and shows neither', async () => {
      logged.mockClear();
      const answer = await fetch(`${origin}/global/unknown`);
      expect(await answer.text()).not.toMatch(SECRETS);
      expect(logged).toHaveBeenCalledTimes(1);
      const [message, stack] = logged.mock.calls[0]! as unknown as [string, string];
      expect(message).toContain('vendor says no');
      expect(stack).toMatch(/StorageError: .*\n\s+at [^]*Caused by: Error: EACCES[^]*\n\s+at /);
    });

    it('does not log what clients do wrong', async () => {
      logged.mockClear();
      for (const code of ['not-found', 'file-too-large', 'invalid-key']) await fetch(`${origin}/global/${code}`);
      expect(logged).not.toHaveBeenCalled();
    });

    it('leaves other errors alone', async () => {
      expect((await fetch(`${origin}/global/http`)).status).toBe(418);
    });

    it('destroys a connection whose answer has begun', async () => {
      const answer = await fetch(`${origin}/global/half`);
      await expect(answer.text()).rejects.toThrow(/terminated/);
    });

    it('serves one controller with @UseFilters', async () => {
      const alone = await start([]);
      expect((await fetch(`${await alone.getUrl()}/local`)).status).toBe(404);
      expect((await fetch(`${await alone.getUrl()}/global/not-found`)).status).toBe(500);
      await alone.close();
    });

    describe('beside a filter of the app that catches everything', () => {
      const memory = () =>
        StorageModule.forRoot({ env: {}, backend: new MemoryBackend(), urls: { secret: 's'.repeat(32) } });
      const answerOf = async (module: DynamicModule, setUp: (app: INestApplication) => unknown = () => undefined) => {
        const started = await platform.create({ ...module, controllers: [GlobalController] });
        setUp(started);
        await started.listen(0, '127.0.0.1');
        const answers = [];
        for (const path of ['not-found', 'http']) {
          const answer = await fetch(`${await started.getUrl()}/global/${path}`);
          answers.push([answer.status, await answer.json()]);
        }
        await started.close();
        expect(JSON.stringify(answers)).not.toMatch(SECRETS);
        return answers;
      };
      const caught = (status: number) => [status, { caught: true, status }];

      it('answers storage errors itself where that is a provider of the root module', async () => {
        const answers = await answerOf({ module: GlobalModule, imports: [memory()], providers: [catchAll] });
        expect(answers).toEqual([[404, storageHttpAnswer(new StorageFileNotFoundError(details)).body], caught(418)]);
      });

      it('answers itself where that is a provider of a module imported earlier', async () => {
        const earlier = { module: FeatureModule, providers: [catchAll] };
        const answers = await answerOf({ module: GlobalModule, imports: [earlier, memory()] });
        expect(answers).toEqual([[404, storageHttpAnswer(new StorageFileNotFoundError(details)).body], caught(418)]);
      });

      it('comes after it where that is a provider of a module imported later', async () => {
        const later = { module: FeatureModule, providers: [catchAll] };
        const answers = await answerOf({ module: GlobalModule, imports: [memory(), later] });
        expect(answers).toEqual([caught(500), caught(418)]);
      });

      it.each([
        [true, 404],
        [false, 500],
      ])('comes after useGlobalFilters(), which may ask storageHttpAnswer(): %p', async (knowsStorage, status) => {
        const answers = await answerOf({ module: GlobalModule, imports: [memory()] }, (started) =>
          started.useGlobalFilters(new CatchEverything(started.get(HttpAdapterHost), knowsStorage)),
        );
        expect(answers).toEqual([caught(status), caught(418)]);
      });

      it('tells nothing through BaseExceptionFilter', async () => {
        const answers = await answerOf({ module: GlobalModule, imports: [memory()] }, (started) =>
          started.useGlobalFilters(new BaseExceptionFilter(started.getHttpAdapter())),
        );
        expect(answers[0]).toEqual([500, { statusCode: 500, message: 'Internal server error' }]);
      });
    });

    it('leaves contexts other than HTTP to themselves', () => {
      const error = new StorageFileNotFoundError(details);
      const context = new ExecutionContextHost([]);
      context.setType('rpc');
      expect(() => new StorageExceptionFilter(app.get(HttpAdapterHost)).catch(error, context)).toThrow(error);
    });
  });
});
