/** Pages of keys in UTF-8 order, folder by folder: only folders that hold part of the page are read. */
import fs from 'node:fs';
import {
  compareKeys,
  decodeCursor,
  encodeCursor,
  isPast,
  MAX_KEY_BYTES,
  parseKey,
  StorageError,
  type ListPage,
  type ListPageOptions,
  type ObjectSummary,
  type StorageKey,
} from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import type { Folder } from './contained-root.js';
import { lstat } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { nameOf } from './sorted-names.js';
import type { LocalStore } from './store.js';
import { summaryOf } from './versions.js';

/** Looks at entries under way at once: enough to keep the thread pool busy. */
const LOOKS = 64;

/** @throws errors of the file system; InvalidOptionsError for a foreign cursor */
export async function listPage(
  store: LocalStore,
  options: ListPageOptions,
  throwIfAborted: () => void,
): Promise<ListPage> {
  return new Lister(store, options, throwIfAborted).page();
}

class Lister {
  readonly #store: LocalStore;
  readonly #options: ListPageOptions;
  readonly #throwIfAborted: () => void;
  readonly #after: string | undefined;
  readonly #objects: ObjectSummary[] = [];
  readonly #prefixes: string[] = [];
  #last = '';
  #more = false;

  constructor(store: LocalStore, options: ListPageOptions, throwIfAborted: () => void) {
    this.#store = store;
    this.#options = options;
    this.#throwIfAborted = throwIfAborted;
    this.#after = decodeCursor(options.cursor, options.prefix, 'local');
  }

  async page(): Promise<ListPage> {
    const { prefix } = this.#options;
    await this.#visit(prefix.slice(0, prefix.lastIndexOf('/') + 1));
    const page = { objects: this.#objects, prefixes: this.#prefixes };
    return this.#more ? { ...page, cursor: encodeCursor(prefix, this.#last) } : page;
  }

  get #room(): number {
    return this.#options.limit - this.#objects.length - this.#prefixes.length;
  }

  /** @param path of the folder with its `/`; empty for the root. The page is full once #more is set. */
  async #visit(path: string): Promise<void> {
    this.#throwIfAborted();
    const folder = await openListed(this.#store, path);
    if (!folder) return;
    try {
      const names = await namesOf(this.#store, folder, path);
      let run: StorageKey[] = [];
      for (let at = this.#firstOf(names, path); at < names.length && !this.#more; at++) {
        const full = path + names[at]!;
        if (!full.startsWith(this.#options.prefix)) break;
        if (!full.endsWith('/')) {
          const key = isPast(full, this.#after) ? keyOf(full) : undefined;
          if (key !== undefined) run.push(key);
          // One more than there is room for says that the page is not the last.
          if (run.length <= this.#room && run.length < LOOKS * 8) continue;
        }
        await this.#addRun(folder, path, run);
        run = [];
        if (full.endsWith('/') && !this.#more) await this.#addFolder(full);
      }
      if (!this.#more) await this.#addRun(folder, path, run);
    } finally {
      folder.close();
    }
  }

  async #addRun(folder: Folder, path: string, run: readonly StorageKey[]): Promise<void> {
    for (let at = 0; at < run.length; at += LOOKS) {
      this.#throwIfAborted();
      const slice = run.slice(at, at + LOOKS);
      const found = await Promise.all(slice.map((key) => this.#look(folder, path, key)));
      for (const object of found) {
        if (!object) continue;
        if (this.#room === 0) {
          this.#more = true;
          return;
        }
        this.#objects.push(object);
        this.#last = object.key;
      }
    }
  }

  /** Undefined for what went away, or turned into something else, since the folder was read. */
  async #look(folder: Folder, path: string, key: StorageKey): Promise<ObjectSummary | undefined> {
    try {
      const stats = await lstat(folder.pathOf(key.slice(path.length)));
      return stats.isFile() ? summaryOf(this.#store, key, stats) : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #addFolder(full: string): Promise<void> {
    const after = this.#after;
    const within = after !== undefined && after !== full && after.startsWith(full);
    if (!within && !isPast(full, after)) return;
    if (this.#options.delimiter === undefined) {
      await this.#visit(full);
      return;
    }
    // With a delimiter, a key in the cursor lies beside the folders of the page, or it is one of them.
    if (within && !(await this.#hasKeyPast(full, after))) return;
    if (!(await holdsObject(this.#store, full, this.#throwIfAborted))) return;
    if (this.#room === 0) {
      this.#more = true;
      return;
    }
    this.#prefixes.push(full);
    this.#last = full;
  }

  /** A cursor of a listing without delimiter, used in one with it: whether the folder has keys left. */
  async #hasKeyPast(full: string, after: string): Promise<boolean> {
    const cursor = encodeCursor(full, after);
    const rest = await listPage(this.#store, { prefix: full, cursor, limit: 1 }, this.#throwIfAborted);
    return rest.objects.length > 0;
  }

  /** Index of the first name that may be, or hold, part of the page. */
  #firstOf(names: readonly string[], path: string): number {
    const { prefix } = this.#options;
    const start = this.#after !== undefined && compareKeys(this.#after, prefix) > 0 ? this.#after : prefix;
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const full = path + names[middle]!;
      const before = compareKeys(full, start) < 0 && !(full.endsWith('/') && start.startsWith(full));
      if (before) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Undefined for what is no folder to be listed: gone meanwhile, a symbolic link, a name that the disk cannot hold. */
async function openListed(store: LocalStore, path: string): Promise<Folder | undefined> {
  try {
    return await store.root.openFolder(path.slice(0, -1));
  } catch (error) {
    if (path !== '' && (isMissing(error) || codeOf(error) === 'ELOOP' || codeOf(error) === 'ENAMETOOLONG')) {
      return undefined;
    }
    throw error;
  }
}

async function namesOf(store: LocalStore, folder: Folder, path: string): Promise<readonly string[]> {
  try {
    return await store.names.of(folder, path);
  } catch (error) {
    if (path !== '' && isMissing(error)) return [];
    throw error;
  }
}

/** Undefined where the path is no key after all: too long, or with a dot at its very end. */
function keyOf(path: string): StorageKey | undefined {
  try {
    return parseKey(path, { maxBytes: MAX_KEY_BYTES, operation: 'list' });
  } catch (error) {
    if (error instanceof StorageError) return undefined;
    throw error;
  }
}

/** Whether a folder has any object in it: an empty one is no prefix. Stops at the first that it finds. */
async function holdsObject(store: LocalStore, path: string, throwIfAborted: () => void): Promise<boolean> {
  throwIfAborted();
  const folder = await openListed(store, path);
  if (!folder) return false;
  const inner: string[] = [];
  try {
    for await (const entry of await fs.promises.opendir(folder.self, { bufferSize: 32 })) {
      const name = nameOf(entry);
      if (name === undefined) continue;
      if (name.endsWith('/')) inner.push(path + name);
      else if (keyOf(path + name) !== undefined) return true;
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  } finally {
    folder.close();
  }
  for (const next of inner) {
    if (await holdsObject(store, next, throwIfAborted)) return true;
  }
  return false;
}
