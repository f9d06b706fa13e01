/** What the four upload interceptors share: take files in, run the handler, and publish or throw away. */
import { AsyncResource } from 'node:async_hooks';
import {
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, type ModuleRef } from '@nestjs/core';
import bytes from 'bytes';
import type { RequestHandler } from 'express';
import { catchError, concatMap, defer, finalize, takeLast, type Observable } from 'rxjs';
import { StorageConfigurationError, UploadStalledError } from '../contract/index.js';
import { UploadTimeoutAdvice } from '../http/upload-timeout.advice.js';
import { StorageRegistry, type StoredFile } from '../service/index.js';
import { RunningWork } from '../service/running-work.js';
import type { StorageService } from '../storage.service.js';
import { discardRest, exchangeOf, letMultipartThrough, type HttpExchange } from './http-exchange.js';
import { multerFor, receiveUpload, type FieldShape } from './receive-upload.js';
import { isMultipart } from './upload-body.js';
import { invalidUpload } from './upload-errors.js';
import type { StorageUploadOptions, StorageUploadOptionsFactory } from './upload-options.js';
import { defaultKey, planUploads, type UploadPlan } from './upload-plan.js';
import { UploadTransaction } from './upload-transaction.js';

/** The fields of a route as multer takes them, and how many files they can hold. */
export interface UploadShape {
  readonly take: FieldShape;
  readonly files: number;
}

interface Ready {
  readonly plan: UploadPlan;
  readonly parse: RequestHandler;
  readonly storage: StorageService;
  readonly work: RunningWork;
}

const logger = new Logger('StorageUploads');

export abstract class UploadInterceptor implements NestInterceptor, OnModuleInit {
  readonly #moduleRef: ModuleRef;
  readonly #options: StorageUploadOptions | StorageUploadOptionsFactory;
  readonly #shape: UploadShape;
  #ready: Promise<Ready> | undefined;

  constructor(moduleRef: ModuleRef, options: StorageUploadOptions | StorageUploadOptionsFactory, shape: UploadShape) {
    this.#moduleRef = moduleRef;
    this.#options = options;
    this.#shape = shape;
  }

  /** A wrong option or storage name stops the app at its start, not a client at the first upload. */
  async onModuleInit(): Promise<void> {
    letMultipartThrough(this.#moduleRef.get(HttpAdapterHost, { strict: false }).httpAdapter);
    const { plan, storage } = await this.#prepared();
    const { fileSize } = plan.limits;
    const taker = `Uploads of up to ${fileSize === Infinity ? 'any size' : bytes(fileSize)} through an interceptor`;
    this.#found(UploadTimeoutAdvice)?.expect({ taker, storage: storage.name, size: fileSize });
  }

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const { plan, parse, storage: whole, work } = await this.#prepared();
    const exchange = exchangeOf(context);
    if (!isMultipart(exchange.request)) {
      if (plan.required) throw invalidUpload('it is not multipart/form-data, or holds no file');
      return next.handle();
    }
    const storage = scoped(whole, exchange);
    const transaction = new UploadTransaction(storage, plan.key === defaultKey || plan.ifNoneMatch === '*');
    const upload = new Upload(plan, exchange, context, transaction, work);
    try {
      const files = await receiveUpload(plan, parse, exchange, context, storage, transaction);
      if (plan.required && files.length === 0) throw invalidUpload('it holds no file');
      transaction.seal(files);
      if (plan.commit === 'early') await transaction.publish();
    } catch (error) {
      await transaction.abort(error);
      // A client that has gone silent is not waited for again.
      if (error instanceof UploadStalledError && !exchange.response.headersSent) {
        exchange.response.setHeader('Connection', 'close');
      }
      discardRest(exchange);
      throw error;
    }
    return defer(() => upload.around(next.handle()));
  }

  #prepared(): Promise<Ready> {
    this.#ready ??= this.#prepare();
    return this.#ready;
  }

  async #prepare(): Promise<Ready> {
    const options = 'useFactory' in this.#options ? await this.#make(this.#options) : this.#options;
    const plan = planUploads(options, this.#shape.files);
    const storage = this.#registry().get(plan.storage);
    return {
      plan,
      parse: multerFor(plan, this.#shape.take),
      storage,
      work: this.#moduleRef.get(RunningWork, { strict: false }),
    };
  }

  async #make({ inject = [], useFactory }: StorageUploadOptionsFactory): Promise<StorageUploadOptions> {
    const dependencies = inject.map((token): unknown => this.#moduleRef.get(token as string, { strict: false }));
    return (useFactory as (...values: unknown[]) => StorageUploadOptions | Promise<StorageUploadOptions>)(
      ...dependencies,
    );
  }

  #found<T>(type: Type<T>): T | undefined {
    try {
      return this.#moduleRef.get(type, { strict: false });
    } catch {
      return undefined;
    }
  }

  #registry(): StorageRegistry {
    try {
      return this.#moduleRef.get(StorageRegistry, { strict: false });
    } catch (cause) {
      throw new StorageConfigurationError({
        operation: 'upload',
        reason: 'an upload interceptor found no storage in this app',
        advice: 'Import StorageModule.forRoot() in the root module.',
        cause,
      });
    }
  }
}

/** Whose files these are is told once: the response's own events, which end an upload, know nothing of the request. */
function scoped(storage: StorageService, exchange: HttpExchange): StorageService {
  try {
    return storage.forCurrentScope();
  } catch (error) {
    discardRest(exchange);
    throw error;
  }
}

/** One upload from the handler's start to the response. */
class Upload {
  readonly #plan: UploadPlan;
  readonly #response: HttpExchange['response'];
  readonly #context: ExecutionContext;
  readonly #transaction: UploadTransaction;
  readonly #work: RunningWork;
  #handling = false;
  #closed = false;

  constructor(
    plan: UploadPlan,
    exchange: HttpExchange,
    context: ExecutionContext,
    transaction: UploadTransaction,
    work: RunningWork,
  ) {
    this.#plan = plan;
    this.#response = exchange.response;
    this.#context = context;
    this.#transaction = transaction;
    this.#work = work;
    this.#response.once('close', () => {
      this.#closed = true;
      void this.#responseClosed();
    });
  }

  around(handled: Observable<unknown>): Observable<unknown> {
    this.#handling = true;
    return handled.pipe(
      takeLast(1),
      concatMap(async (value) => {
        await this.#succeed();
        return value;
      }),
      catchError(async (error: unknown) => {
        await this.#transaction.abort(error);
        throw error;
      }),
      // Where no value came, or an outer interceptor gave up waiting. Does nothing after a success.
      finalize(() => void this.#transaction.abort()),
    );
  }

  /** The handler agreed. A response that has already told the client of a failure, or reaches nobody, comes first. */
  async #succeed(): Promise<void> {
    const { writableEnded, statusCode, destroyed, writableFinished } = this.#response;
    if ((writableEnded && statusCode >= 400) || (destroyed && !writableFinished)) await this.#transaction.abort();
    if (this.#transaction.aborted || this.#transaction.settled) return;
    const files = await this.#transaction.publish();
    if (await this.#transaction.settle()) this.#afterResponse(files);
  }

  /** Normal handlers are long settled here; one that answered through `@Res()` said by its status what it wants. */
  async #responseClosed(): Promise<void> {
    if (!this.#handling || !this.#response.writableFinished) return this.#transaction.abandon();
    try {
      await this.#succeed();
    } catch (error) {
      logger.error('The response was sent before its files could be published, and that failed', error);
    }
  }

  #afterResponse(files: readonly StoredFile[]): void {
    const { afterCommit } = this.#plan;
    if (!afterCommit || files.length === 0) return;
    const run = AsyncResource.bind(async () => {
      try {
        await afterCommit(files, this.#context);
      } catch (error) {
        logger.error('afterCommit failed', error instanceof Error ? error.stack : error);
      }
    });
    const answered = new Promise<void>((resolve) => {
      if (this.#closed) setImmediate(resolve);
      else this.#response.once('close', resolve);
    });
    this.#work.follow(answered.then(run));
  }
}
