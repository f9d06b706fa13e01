/** A driver that writes the primitives alone: copies, moves, bulk deletes and refusals of URLs are the base's. */
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { BaseStorageBackend } from '../../lib/contract/index.js';

export class PlainBackend extends BaseStorageBackend {
  readonly name = 'memory';
  readonly #inner = new MemoryBackend();
  readonly capabilities = this.#inner.capabilities;

  stage(...given: Parameters<MemoryBackend['stage']>) {
    return this.#inner.stage(...given);
  }

  open(...given: Parameters<MemoryBackend['open']>) {
    return this.#inner.open(...given);
  }

  stat(...given: Parameters<MemoryBackend['stat']>) {
    return this.#inner.stat(...given);
  }

  delete(...given: Parameters<MemoryBackend['delete']>) {
    return this.#inner.delete(...given);
  }

  list(...given: Parameters<MemoryBackend['list']>) {
    return this.#inner.list(...given);
  }

  check(...given: Parameters<MemoryBackend['check']>) {
    return this.#inner.check(...given);
  }
}
