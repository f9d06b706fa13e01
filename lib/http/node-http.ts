/** What platforms hand to handlers, as Node's own: Express's objects are Node's, Fastify's hold them as `raw`. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export function nodeRequest(request: object): IncomingMessage {
  const { raw }: { readonly raw?: IncomingMessage } = request;
  return raw ?? (request as IncomingMessage);
}

export function nodeResponse(response: object): ServerResponse {
  const { raw }: { readonly raw?: ServerResponse } = response;
  return raw ?? (response as ServerResponse);
}
