/** Keys under which something is staged and not published yet. */
import type { StorageKey } from '../../contract/index.js';

export class ComingKeys {
  readonly #counts = new Map<StorageKey, number>();

  has(key: StorageKey): boolean {
    return this.#counts.has(key);
  }

  /** @returns what to call once, when the staged object is published or gone */
  add(key: StorageKey): () => void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return () => {
      const left = this.#counts.get(key)! - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}
