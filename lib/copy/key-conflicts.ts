/** Keys that a target with folders cannot hold side by side: `a` beside `a/b`. */
import { KeyConflictError, quoted, type StorageError } from '../contract/index.js';
import type { ListedPair } from './merged-listing.js';

/** Looks at keys in UTF-8 order, and holds no more of them than one key has characters. */
export class KeyConflicts {
  readonly #backend: string;
  /** Keys that the current one begins with, the shortest first. */
  #above: ListedPair[] = [];

  constructor(backend: string) {
    this.#backend = backend;
  }

  /** What a key of the source collides with, if it does. All between `a` and `a/b` in order begins with `a`. */
  next(pair: ListedPair): { readonly key: string; readonly error: StorageError } | undefined {
    this.#above = this.#above.filter(({ key }) => pair.key.startsWith(key));
    const found = this.#above.find(({ key }) => pair.key[key.length] === '/');
    this.#above.push(pair);
    // What the target has beside itself already is not this copy's doing.
    if (!found || (!found.source && !pair.source)) return undefined;
    const [key, other] = pair.source ? [pair.key, found.key] : [found.key, pair.key];
    return {
      key,
      error: new KeyConflictError({
        operation: 'put',
        key,
        backend: this.#backend,
        reason: `one key is a file where another needs a folder: ${quoted(other)} is there too`,
      }),
    };
  }
}
