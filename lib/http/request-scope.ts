/** Lets storages whose scope depends on the request find it, in apps that have such a storage. */
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { runWithRequest } from '../service/current-request.js';
import { StorageRegistry } from '../service/storage.registry.js';

/** What is used of a Fastify instance. */
interface HookedInstance {
  /** There once middie is, which runs middleware. */
  readonly use?: unknown;
  addHook(name: 'preHandler', hook: (request: object, reply: object, done: () => void) => void): unknown;
}

@Injectable()
export class RequestScope {
  readonly #host: HttpAdapterHost;
  readonly #storages: StorageRegistry;

  constructor(host: HttpAdapterHost, storages: StorageRegistry) {
    this.#host = host;
    this.#storages = storages;
  }

  /**
   * Called while modules configure their middleware: before middleware and guards of the app, and on Express after the
   * body parser, whose events know nothing of the request. Other apps do not pay for following their requests.
   */
  follow(): void {
    const adapter = this.#host.httpAdapter;
    if (!adapter || !this.#storages.hasScopes()) return;
    const instance: HookedInstance = adapter.getInstance();
    const isFastify = adapter.getType() === 'fastify';
    if (!isFastify || instance.use !== undefined) {
      adapter.use((request: object, _response: object, next: () => void) => runWithRequest(request, next));
    }
    // Fastify parses bodies behind its middleware, which sees Node's request; guards leave what they found on Fastify's.
    if (isFastify) instance.addHook('preHandler', (request, _reply, done) => runWithRequest(request, done));
  }
}
