/** Backends whose place depends on who asks, and how to hold on to the place of one moment. */
import type { StorageBackend, StorageOperation } from '../contract/index.js';

export interface ContextualBackend extends StorageBackend {
  /**
   * The backend as it is for who asks now, and stays so. Itself where nothing depends on that.
   *
   * @param operation named in errors
   */
  current(operation: StorageOperation): StorageBackend;
}

/** Holds on to the place: of what is done with the result nothing can end up in another one. */
export function currentBackend(backend: StorageBackend, operation: StorageOperation): StorageBackend {
  return 'current' in backend ? (backend as ContextualBackend).current(operation) : backend;
}
