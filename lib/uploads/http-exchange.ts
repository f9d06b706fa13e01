/** The only part that knows the HTTP platform: request and response as Node has them, and where handlers find files. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionContext, HttpServer } from '@nestjs/common';
import { nodeRequest, nodeResponse } from '../http/node-http.js';

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

export function exchangeOf(context: ExecutionContext): HttpExchange {
  const http = context.switchToHttp();
  const parts = http.getRequest<UploadedParts>();
  return { request: nodeRequest(parts), response: nodeResponse(http.getResponse<object>()), parts };
}

interface FastifyInstance {
  hasContentTypeParser(type: RegExp): boolean;
  addContentTypeParser(type: RegExp, parser: (request: unknown, payload: unknown, done: () => void) => void): unknown;
}

const MULTIPART = /^multipart\//i;

/**
 * Fastify answers 415 to bodies without a parser: this one leaves multipart bodies unread. It is a pattern, so that it
 * neither clashes with a parser of the app for the type, such as that of @fastify/multipart, nor comes before it.
 */
export function letMultipartThrough(adapter: HttpServer | undefined): void {
  if (adapter?.getType?.() !== 'fastify') return;
  const instance = adapter.getInstance?.() as FastifyInstance;
  if (!instance.hasContentTypeParser(MULTIPART))
    instance.addContentTypeParser(MULTIPART, (_request, _body, done) => done());
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
