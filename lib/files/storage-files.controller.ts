/** The signed routes: one controller serves every storage that is registered under its path. */
import { Controller, Get, Head, Inject, Logger, Next, Put, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { logFailure } from '../http/log-failure.js';
import { storageHttpAnswer } from '../http/storage-http-answer.js';
import { StorageRegistry } from '../service/storage.registry.js';
import { download } from './download.js';
import { carriesToken, takeOver, type Exchange } from './exchange.js';
import { SignedRouteConfig } from './fastify-routes.js';
import { releaseBody } from './held-body.js';
import { assertRoutesPath, trimmedPath } from './routes-path.js';
import { sendJson } from './send.js';
import { SignedRoutes } from './signed-routes.js';
import { InvalidSignedUrlError } from './signed-urls.js';
import { upload } from './signed-upload.js';

/** Goes on to the next route of the same shape. */
type PassOn = () => void;

export interface StorageFilesControllerOptions {
  /** Path below the app's global prefix, like `files`: segments of A-Z a-z 0-9 - . _ ~ */
  readonly path: string;
  /** Name of the storage it is made for, which errors tell. Default: `default`. */
  readonly storage?: string;
  /** Class decorators of the app: guards, `Public()`, `ApiExcludeController()`, ... Default: none. */
  readonly decorators?: readonly ClassDecorator[];
}

/**
 * Makes the controller class. Each call makes a class of its own, since Nest keeps path and guards on the class: two
 * apps, or two paths, must not share one.
 *
 * @throws StorageConfigurationError for a path of other characters
 */
export function createStorageFilesController(options: StorageFilesControllerOptions): Type<unknown> {
  const { path, decorators = [] } = options;
  assertRoutesPath(path, options.storage ?? 'default');

  @Controller({ path: trimmedPath(path), version: VERSION_NEUTRAL })
  class StorageFilesController {
    readonly logger = new Logger('StorageFilesController');

    constructor(
      @Inject(SignedRoutes) readonly routes: SignedRoutes,
      @Inject(StorageRegistry) readonly storages: StorageRegistry,
    ) {
      routes.addController({ path, storage: options.storage, controller: StorageFilesController });
    }

    @Head(':token/:name')
    @SignedRouteConfig()
    head(@Req() request: object, @Res() response: object, @Next() next: PassOn): Promise<void> {
      return this.answer(request, response, next, (exchange) => this.read(exchange));
    }

    @Get(':token/:name')
    @SignedRouteConfig()
    get(@Req() request: object, @Res() response: object, @Next() next: PassOn): Promise<void> {
      return this.answer(request, response, next, (exchange) => this.read(exchange));
    }

    @Put(':token/:name')
    @SignedRouteConfig()
    put(@Req() request: object, @Res() response: object, @Next() next: PassOn): Promise<void> {
      return this.answer(request, response, next, (exchange) => this.write(exchange));
    }

    private async read(exchange: Exchange): Promise<void> {
      if (exchange.hasQuery) throw new InvalidSignedUrlError('get', 'it has a query');
      const admitted = this.routes.admit(path, exchange.token, 'get');
      const storage = this.storages.getBase(admitted.request.storage);
      const onBroken = (cause: unknown) => logFailure(this.logger, cause, 500);
      await download({ exchange, storage, admitted, onBroken });
    }

    private async write(exchange: Exchange): Promise<void> {
      releaseBody(exchange.req);
      if (exchange.hasQuery) throw new InvalidSignedUrlError('put', 'it has a query');
      const admitted = this.routes.admit(path, exchange.token, 'put');
      await upload(exchange, this.storages.getBase(admitted.request.storage), admitted);
    }

    /** Errors are answered here: no filter or interceptor of the app may wrap or reword them. */
    private async answer(
      request: object,
      response: object,
      next: PassOn,
      work: (exchange: Exchange) => Promise<void>,
    ): Promise<void> {
      // A route of the app may have the same shape. (On Fastify such requests do not come here.)
      if (!carriesToken(request)) return next();
      const exchange = takeOver(request, response);
      try {
        await work(exchange);
      } catch (error) {
        const { status, headers, body } = storageHttpAnswer(error);
        logFailure(this.logger, error, status);
        sendJson(exchange, { status, headers, body }, body.code !== 'upload-stalled');
      }
    }
  }

  // As if they stood above the class, the first one outermost.
  for (const decorate of decorators.toReversed()) decorate(StorageFilesController);
  return StorageFilesController;
}
