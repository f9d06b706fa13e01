/** What only the target had when the copy was planned, with its versions: nothing else is deleted as left over. */
import type { ListedFile } from '../service/index.js';
import type { CopyCount } from './copy-options.js';
import { DigestTable, digestOf } from './digest-table.js';

const MOST = (1n << 64n) - 1n;

export class ExtraObjects {
  /** Version and size. */
  readonly #objects = new DigestTable(2);
  #bytes = 0;

  get count(): CopyCount {
    return { objects: this.#objects.count, bytes: this.#bytes };
  }

  add({ key, etag, size }: ListedFile): void {
    this.spare(key);
    this.#objects.set(key, digestOf(etag), BigInt(size));
    this.#bytes += size;
  }

  /** The source has it, too. */
  spare(key: string): void {
    this.#bytes -= Number(this.#objects.get(key)?.[1] ?? 0n);
    this.#objects.delete(key);
  }

  /** Whether it is one of them, and as it was. */
  has({ key, etag }: ListedFile): boolean {
    return this.#objects.get(key)?.[0] === digestOf(etag);
  }

  /** Equal for the same keys in the same versions, in whatever order they came. */
  fingerprint(): string {
    let sum = 0n;
    for (const [key, version] of this.#objects.entries()) sum = (sum + digestOf(`${key} ${version}`)) & MOST;
    return `${this.#objects.count}-${sum.toString(16).padStart(16, '0')}`;
  }
}
