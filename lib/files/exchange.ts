/** The one place that knows platforms: what Express and Fastify hand to a handler, as Node's own request and response. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { nodeRequest, nodeResponse } from '../http/node-http.js';
import { TOKEN_SHAPE } from './signed-token.js';

/** A request and its answer, whatever the platform. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly token: string;
  readonly hasQuery: boolean;
  /** What a body parser made of the body, where one read it before us. */
  readonly parsedBody: unknown;
}

interface PlatformRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly originalUrl?: string;
  readonly url?: string;
  readonly body?: unknown;
  readonly rawBody?: unknown;
}

interface PlatformResponse {
  hijack?(): unknown;
  getHeaders?(): Record<string, number | string | string[] | undefined>;
}

/** True where the request's path holds what looks like a token. */
export function carriesToken({ params }: PlatformRequest): boolean {
  return TOKEN_SHAPE.test(params?.token ?? '');
}

/** Takes the answer over from the platform: from here on Node's response is written directly. */
export function takeOver(request: object, response: object): Exchange {
  const platformRequest: PlatformRequest = request;
  const platformResponse: PlatformResponse = response;
  const req: IncomingMessage & { readonly body?: unknown } = nodeRequest(request);
  const res = nodeResponse(response);
  if (platformResponse.hijack) {
    platformResponse.hijack();
    // Headers that hooks set (CORS, helmet) are still with the reply.
    for (const [name, value] of Object.entries(platformResponse.getHeaders?.() ?? {})) {
      if (value !== undefined) res.setHeader(name, value);
    }
  }
  const url = platformRequest.originalUrl ?? platformRequest.url ?? '';
  return {
    req,
    res,
    token: platformRequest.params?.token ?? '',
    hasQuery: url.includes('?'),
    // On Fastify, middleware of Express's kind leaves its result with Node's request.
    parsedBody: platformRequest.rawBody ?? platformRequest.body ?? req.body,
  };
}
