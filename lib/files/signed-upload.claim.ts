/** Claims signed uploads ahead of Nest's body parser, which runs before controllers and would eat JSON and forms. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { prepareSignedRoutes } from './fastify-routes.js';
import { holdBody, releaseBody, withholdContinue } from './held-body.js';
import { SignedRoutes } from './signed-routes.js';
import { TOKEN_SHAPE } from './signed-token.js';

/** Matches no path. */
const NOTHING = /(?!)/;

type Next = (error?: unknown) => void;

function escaped(segment: string): string {
  // A prefix may hold parameters (`:tenant/api`).
  return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function pattern(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '');
  return segments.map((segment) => `/${escaped(segment)}`).join('');
}

/** Servers must take requests for a whole URL as well (RFC 9112, 3.2.2). */
function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '');
}

@Injectable()
export class SignedUploadClaim implements OnModuleInit {
  readonly #host: HttpAdapterHost;
  readonly #config: ApplicationConfig;
  readonly #routes: SignedRoutes;
  #matcher: { readonly key: string; readonly regex: RegExp } | undefined;

  constructor(host: HttpAdapterHost, config: ApplicationConfig, routes: SignedRoutes) {
    this.#host = host;
    this.#config = config;
    this.#routes = routes;
    // NestFactory has the adapter by now, a TestingModule gets it later; both before the body parser is registered.
    if (host.httpAdapter) this.#standFirst();
    else host.init$?.subscribe(() => this.#standFirst());
  }

  /** Called while modules configure their middleware: after the body parser, before middleware and guards of the app. */
  giveBack(): void {
    if (!this.#isExpress()) return;
    this.#host.httpAdapter.use((req: IncomingMessage, _res: ServerResponse, next: Next) => {
      releaseBody(req);
      next();
    });
  }

  onModuleInit(): void {
    const server: Server | undefined = this.#host.httpAdapter?.getHttpServer?.();
    // An app that decides about `Expect: 100-continue` itself goes on doing so.
    if (!server || typeof server.listenerCount !== 'function' || server.listenerCount('checkContinue') > 0) return;
    server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
      if (this.#isSignedUpload(req.method, req.url)) withholdContinue(req);
      else res.writeContinue();
      server.emit('request', req, res);
    });
  }

  #isExpress(): boolean {
    return this.#host.httpAdapter?.getType?.() === 'express';
  }

  #standFirst(): void {
    if (this.#host.httpAdapter?.getType?.() === 'fastify') prepareSignedRoutes(this.#host.httpAdapter.getInstance());
    if (!this.#isExpress()) return;
    this.#host.httpAdapter.use((req: IncomingMessage, _res: ServerResponse, next: Next) => {
      if (this.#isSignedUpload(req.method, req.url)) holdBody(req);
      next();
    });
  }

  #isSignedUpload(method: string | undefined, url: string | undefined): boolean {
    return method === 'PUT' && url !== undefined && this.#pathPattern().test(originForm(url));
  }

  /** Paths are registered, and the global prefix set, after this provider was made: so they are looked at here. */
  #pathPattern(): RegExp {
    const prefix = this.#config.getGlobalPrefix();
    const paths = this.#routes.paths();
    if (paths.length === 0) return NOTHING;
    const key = JSON.stringify([prefix, paths]);
    if (this.#matcher?.key !== key) {
      const excluded = (this.#config.getGlobalPrefixOptions().exclude?.length ?? 0) > 0;
      const before = `${pattern(prefix)}${excluded ? '|' : ''}`;
      const routes = paths.map(pattern).join('|');
      // Express matches paths whatever their case and with or without a slash behind.
      this.#matcher = {
        key,
        regex: new RegExp(`^(?:${before})(?:${routes})/${TOKEN_SHAPE.source.slice(1, -1)}/[^/?]+/?(?:\\?|$)`, 'i'),
      };
    }
    return this.#matcher.regex;
  }
}
