/** Lets storages whose scope depends on the request find it, in apps that have such a storage. */
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { runWithRequest } from '../service/current-request.js';
import { StorageRegistry } from '../service/storage.registry.js';

/** What is used of a Fastify instance. */
interface HookedInstance {
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
   * Called while modules configure their middleware: after the body parser, whose events know nothing of the request,
   * and before middleware and guards of the app. Other apps do not pay for following their requests.
   */
  follow(): void {
    const adapter = this.#host.httpAdapter;
    if (!adapter || !this.#storages.hasScopes()) return;
    if (adapter.getType() === 'fastify') {
      // Fastify's own request, on which guards leave what they found; middleware sees only that of Node.
      const instance: HookedInstance = adapter.getInstance();
      instance.addHook('preHandler', (request, _reply, done) => runWithRequest(request, done));
    } else adapter.use((request: object, _response: object, next: () => void) => runWithRequest(request, next));
  }
}
