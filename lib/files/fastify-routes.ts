/** The signed routes on Fastify: tokens longer than its router takes, and uploads that no content type parser touches. */
import { SetMetadata } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { holdBody, releaseBody } from './held-body.js';
import { TOKEN_SHAPE } from './signed-token.js';

const SIGNED_ROUTE = 'nestjsStorageSignedRoute';

/** What `@RouteConfig()` of platform-fastify does. Importing that would load Fastify into apps on Express. */
export const SignedRouteConfig = () => SetMetadata('__fastify_route_config__', { [SIGNED_ROUTE]: true });

interface FastifyRequest {
  readonly raw: IncomingMessage;
  params: Record<string, string>;
}

interface FastifyReply {
  callNotFound(): unknown;
}

type Handler = (this: unknown, request: FastifyRequest, reply: FastifyReply) => unknown;
type Hook = (request: FastifyRequest, reply: unknown, ...rest: unknown[]) => void;

/** What a hook may change of a route before it is registered. */
interface FastifyRoute {
  readonly method: string | string[];
  url: string;
  handler: Handler;
  readonly config?: Readonly<Record<string, unknown>>;
  preParsing?: Hook | Hook[];
  preValidation?: Hook | Hook[];
}

export interface FastifyInstance {
  addHook(name: 'onRoute', hook: (route: FastifyRoute) => void): unknown;
}

/** To be called before Nest registers its routes. Only the routes marked by SignedRouteConfig are touched. */
export function prepareSignedRoutes(instance: FastifyInstance): void {
  const taken = new Map<string, number>();
  instance.addHook('onRoute', (route) => {
    if (route.config?.[SIGNED_ROUTE] !== true || !route.url.endsWith('/:token/:name')) return;
    const id = `${String(route.method)} ${route.url}`;
    const before = taken.get(id) ?? 0;
    taken.set(id, before + 1);
    if (before > 0) return putAside(route, before);
    takeLongTokens(route);
    if (route.method === 'PUT') leaveBodiesUnread(route);
  });
}

/**
 * Storages may share a path: the first controller under it serves them all. Express just never asks the second, while
 * Fastify's router takes no route twice.
 */
function putAside(route: FastifyRoute, number: number): void {
  route.url = `${route.url.replace(/:token\/:name$/, '')}${SIGNED_ROUTE}-${number}`;
  route.handler = (_request, reply) => reply.callNotFound();
}

/** Fastify's router refuses parameters of more than 100 characters by default (maxParamLength), but not wildcards. */
function takeLongTokens(route: FastifyRoute): void {
  const { handler } = route;
  route.url = route.url.replace(/:token\/:name$/, '*');
  route.handler = function signedRoute(request, reply) {
    const { '*': rest = '', ...params } = request.params;
    const [token = '', name = '', ...more] = rest.split('/');
    if (!TOKEN_SHAPE.test(token) || name === '' || more.length > encodedSlashes(request.raw)) {
      return reply.callNotFound();
    }
    request.params = { ...params, token, name };
    return handler.call(this, request, reply);
  };
}

/** The router has decoded what the wildcard took: these are no segments of the path. */
function encodedSlashes({ url = '' }: IncomingMessage): number {
  return url.match(/%2f/gi)?.length ?? 0;
}

/** Without type and length a request has no body that Fastify would parse, whatever parsers the app has. */
function leaveBodiesUnread(route: FastifyRoute): void {
  const hold: Hook = (request, _reply, _payload, done) => {
    holdBody(request.raw);
    (done as () => void)();
  };
  const release: Hook = (request, _reply, done) => {
    releaseBody(request.raw);
    (done as () => void)();
  };
  route.preParsing = [route.preParsing ?? [], hold].flat();
  route.preValidation = [release, route.preValidation ?? []].flat();
}
