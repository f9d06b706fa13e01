/** The only part that knows the HTTP platform: request and response as Node has them, and where handlers find files. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';

// As nginx lingers: a client that is still sending when its answer is ready gets some time to read it.
const LINGER_QUIET_SECONDS = 5;
const LINGER_SECONDS = 30;

/** What Nest's `@UploadedFile()`, `@UploadedFiles()` and `@Body()` read. */
export interface UploadedParts {
  body?: unknown;
  file?: unknown;
  files?: unknown;
}

export interface HttpExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Where the parts are put. */
  readonly parts: UploadedParts;
}

/** Express: its request and response are Node's own. */
export function exchangeOf(context: ExecutionContext): HttpExchange {
  const http = context.switchToHttp();
  const request = http.getRequest<IncomingMessage & UploadedParts>();
  return { request, response: http.getResponse<ServerResponse>(), parts: request };
}

/**
 * Lets the client read its answer although it has not sent its whole body: what still comes is thrown away, for a
 * while. Closing at once would reset the connection and take the answer with it; reading all of it would let anyone
 * send for ever.
 */
export function discardRest({ request, response }: HttpExchange): void {
  if (request.readableEnded || request.destroyed) return;
  request.resume();
  const linger = () => {
    if (request.readableEnded || request.destroyed) return;
    const end = () => request.socket.destroy();
    const quiet = setTimeout(end, LINGER_QUIET_SECONDS * 1000).unref();
    const longest = setTimeout(end, LINGER_SECONDS * 1000).unref();
    request.on('data', () => quiet.refresh());
    request.once('close', () => {
      clearTimeout(quiet);
      clearTimeout(longest);
    });
  };
  if (response.writableFinished || response.destroyed) linger();
  else response.once('close', linger);
}
