/** Answers StorageErrors that leave a handler, the same way on every platform. */
import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { StorageError } from '../contract/index.js';
import { logFailure } from './log-failure.js';
import { nodeResponse } from './node-http.js';
import { storageHttpAnswer } from './storage-http-answer.js';

/**
 * Maps StorageErrors to HTTP: `{ statusCode, code, message, error }` with a neutral text.
 *
 * @example { provide: APP_FILTER, useClass: StorageExceptionFilter }
 * @publicApi
 */
@Catch(StorageError)
export class StorageExceptionFilter implements ExceptionFilter<StorageError> {
  readonly #logger = new Logger(StorageExceptionFilter.name);
  readonly #host: HttpAdapterHost;

  constructor(host: HttpAdapterHost) {
    this.#host = host;
  }

  catch(exception: StorageError, host: ArgumentsHost): void {
    // Microservices, WebSockets and GraphQL have answers of their own.
    if (host.getType<string>() !== 'http') throw exception;
    const { status, headers, body } = storageHttpAnswer(exception);
    logFailure(this.#logger, exception, status);
    const { httpAdapter } = this.#host;
    const response = host.switchToHttp().getResponse<object>();
    if (httpAdapter.isHeadersSent(response)) {
      // Ending the answer would make half a body look whole.
      nodeResponse(response).destroy();
      return;
    }
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Cache-Control', 'no-store');
    httpAdapter.reply(response, body, status);
  }
}
