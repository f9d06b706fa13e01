/** The request that is being handled, for storages whose scope depends on it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { PermissionDeniedError } from '../contract/index.js';

const requests = new AsyncLocalStorage<object>();

/** Runs the rest of a request's handling; it is found again across awaits, streams and timers. */
export function runWithRequest<T>(request: object, work: () => T): T {
  return requests.run(request, work);
}

/** What a scope is made of. */
export interface StorageScopeContext {
  /** Name of the storage. */
  readonly storage: string;
  /**
   * The HTTP request that is being handled, as Nest gives it to handlers. Guards have run where a handler, pipe or
   * interceptor asks, so what they put on it is there.
   *
   * @throws PermissionDeniedError outside of a request, so that there is no scope then
   */
  getRequest<Request extends object = object>(): Request;
}

export function scopeContext(storage: string): StorageScopeContext {
  return {
    storage,
    getRequest<Request extends object>() {
      const request = requests.getStore();
      if (request !== undefined) return request as Request;
      throw new PermissionDeniedError({
        operation: 'scope',
        reason: `the scope of the storage ${JSON.stringify(storage)} depends on a request, and none is being handled`,
        advice: 'Outside of requests use a scope from an AsyncLocalStorage of your own, or another storage.',
        clientMessage: 'There is no access to files here.',
      });
    },
  };
}
