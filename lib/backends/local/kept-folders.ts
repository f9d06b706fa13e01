/**
 * Folders that stay open between uses, in a process that makes its calls in place: opening and closing one costs more
 * there than asking where it is (docs/decisions/0174).
 */
import { LRUCache } from 'lru-cache';
import { closeSync } from './fs-calls.js';

/** Descriptors at most: every bucket of the records, and some folders of objects beside them. */
const MOST = 300;

/** An open folder, which is closed when the last one lets go of it. */
export class SharedFolder {
  #holders = 1;

  constructor(readonly fd: number) {}

  held(): this {
    this.#holders++;
    return this;
  }

  letGo(): void {
    if (--this.#holders === 0) closeSync(this.fd);
  }
}

export class KeptFolders {
  readonly #whereIs: (fd: number) => string | undefined;
  readonly #kept = new LRUCache<string, SharedFolder>({ max: MOST, dispose: (folder) => folder.letGo() });

  /** @param whereIs asks the kernel where a descriptor is now */
  constructor(whereIs: (fd: number) => string | undefined) {
    this.#whereIs = whereIs;
  }

  /** The folder of that path, where it is kept and is there still. Let go of it after use. */
  take(path: string): SharedFolder | undefined {
    const folder = this.#kept.get(path);
    if (!folder) return undefined;
    if (this.#whereIs(folder.fd) === path) return folder.held();
    // Moved or deleted: another one may stand there.
    this.#kept.delete(path);
    return undefined;
  }

  /** Takes over a descriptor that was proven to be there. Let go of it after use. */
  keep(path: string, fd: number): SharedFolder {
    const folder = new SharedFolder(fd);
    this.#kept.set(path, folder);
    return folder.held();
  }

  close(): void {
    this.#kept.clear();
  }
}
