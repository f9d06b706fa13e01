/** Looks over a store on disk: records without objects, objects whose record no longer fits, what is in the way. */
import type { Dirent } from 'node:fs';
import { OperationAbortedError, parseKey, StorageError, type OperationOptions } from '../../contract/index.js';
import { failWith, lstat, readdir } from './fs-calls.js';
import { isMissing, storageError } from './fs-errors.js';
import { identityOf, keyHash, timeAndSizeOf } from './identity.js';
import { INTERNAL, META } from './layout.js';
import { localSettings, type LocalBackendOptions } from './local.options.js';
import { recordName } from './metadata-records.js';
import { LocalStore } from './store.js';
import type { SweepReport } from './temp-files.js';

/** Options of fsck(). */
export interface FsckOptions extends LocalBackendOptions, OperationOptions {
  /** Mends what can be mended; see FsckFinding. Default false: nothing is written. */
  readonly repair?: boolean;
  /**
   * Seconds: younger records are left alone, since a put that is under way writes its record first. Default 3,600.
   * 0 is safe only while nothing else uses the store.
   */
  readonly minAge?: number;
  /** Findings in the report; the counts go on. Default 10,000. */
  readonly maxFindings?: number;
}

/**
 * - `orphan-record`: metadata of a file that is gone, or of a version that was replaced. Repair removes it.
 * - `unreadable-record`: torn or foreign; its file is served as if it had none. Repair removes it.
 * - `restored-record`: fits its file in time and size, but the file has a new inode (it was restored or copied).
 *   It serves as it is; repair writes it anew, for speed.
 * - `changed-file`: the file was written past the storage, and the metadata of its former version is out of use.
 *   Never repaired: what belongs together is not for a program to guess. Writing the object again mends it.
 * - `unlisted-entry`: a symbolic link, socket or pipe, or a name that cannot be a key. Never repaired.
 */
export type FsckFindingKind =
  'orphan-record' | 'unreadable-record' | 'restored-record' | 'changed-file' | 'unlisted-entry';

/** One thing that is not as it should be. */
export interface FsckFinding {
  readonly kind: FsckFindingKind;
  /** Path below the root. */
  readonly path: string;
  /** The object concerned, where it is known. */
  readonly key?: string;
  readonly repaired: boolean;
}

/** What fsck() has seen. */
export interface FsckReport {
  /** Files that are objects. */
  readonly objects: number;
  /** Objects without metadata of their own: they came from elsewhere, or were changed past the storage. */
  readonly adopted: number;
  /** Records, whatever their state. */
  readonly records: number;
  readonly counts: Readonly<Record<FsckFindingKind, number>>;
  readonly findings: readonly FsckFinding[];
  /** What repair swept of temporary files. */
  readonly swept?: SweepReport;
}

/**
 * Checks the store below a root, while it is in use or not.
 *
 * @throws StorageError subclasses; StorageConfigurationError where the root is no store of a known layout
 * @publicApi
 */
export async function fsck(options: FsckOptions): Promise<FsckReport> {
  const settings = localSettings(options);
  try {
    const store = await LocalStore.find(settings);
    if (!store) throw failWith('ENOENT', 'there is no root');
    if (options.repair) await store.prepare();
    try {
      return await new Inspection(store, options).report();
    } finally {
      await store.close();
    }
  } catch (error) {
    throw storageError(error, { operation: 'maintain', backend: 'local' });
  }
}

class Inspection {
  readonly #store: LocalStore;
  readonly #options: FsckOptions;
  readonly #findings: FsckFinding[] = [];
  readonly #counts: Record<FsckFindingKind, number> = {
    'orphan-record': 0,
    'unreadable-record': 0,
    'restored-record': 0,
    'changed-file': 0,
    'unlisted-entry': 0,
  };
  #objects = 0;
  #records = 0;
  /** Objects that have a record. */
  #described = 0;

  constructor(store: LocalStore, options: FsckOptions) {
    this.#store = store;
    this.#options = options;
  }

  async report(): Promise<FsckReport> {
    const swept = this.#options.repair ? await this.#store.sweep() : undefined;
    for (const bucket of await this.#entries(META)) {
      if (bucket.isDirectory()) await this.#inspectBucket(`${META}/${bucket.name}`);
    }
    await this.#inspectFolder('');
    return {
      objects: this.#objects,
      adopted: this.#objects - this.#described,
      records: this.#records,
      counts: this.#counts,
      findings: this.#findings,
      ...(swept && { swept }),
    };
  }

  async #inspectBucket(bucket: string): Promise<void> {
    const entries = await this.#entries(bucket);
    const byKey = new Map<string, string[]>();
    for (const { name } of entries) {
      const hashed = recordName(name)?.hashed ?? '';
      byKey.set(hashed, [...(byKey.get(hashed) ?? []), name]);
    }
    for (const [hashed, names] of byKey) {
      this.#throwIfAborted();
      this.#records += names.length;
      await this.#inspectRecords(bucket, hashed, names);
    }
  }

  /** All records of one key: at most one of them is in use. */
  async #inspectRecords(bucket: string, hashed: string, names: readonly string[]): Promise<void> {
    const read = await Promise.all(names.map((name) => this.#store.records.readFile(`${bucket}/${name}`)));
    const key = read.find((found) => found && keyHash(found.key) === hashed)?.key;
    const stats = key === undefined ? undefined : await this.#look(key);
    const own = stats && names.find((name) => recordName(name)?.identity === identityOf(stats));
    const alike = stats && names.filter((name) => recordName(name)?.identity.startsWith(`${timeAndSizeOf(stats)}-`));
    const restored = own === undefined && alike?.length === 1 ? alike[0] : undefined;
    if (own !== undefined || restored !== undefined) this.#described++;
    let changed = stats !== undefined && own === undefined && restored === undefined;
    for (const [index, name] of names.entries()) {
      if (!(await this.#isOld(bucket, name))) continue;
      const path = `${bucket}/${name}`;
      if (!read[index] || read[index].key !== key) {
        await this.#add('unreadable-record', path, undefined, () => this.#store.records.removeNamed(bucket, name));
      } else if (name === restored) {
        await this.#add('restored-record', path, key, async () => {
          await this.#store.records.ensure(key!, identityOf(stats!), read[index]!.record);
          await this.#store.records.removeNamed(bucket, name);
        });
      } else if (changed) {
        changed = false;
        await this.#add('changed-file', key!, key);
      } else if (name !== own && (stats === undefined || own !== undefined || restored !== undefined)) {
        await this.#add('orphan-record', path, key, () => this.#removeUnused(key!, name));
      }
    }
  }

  #throwIfAborted(): void {
    const { signal } = this.#options;
    if (!signal?.aborted) return;
    throw new OperationAbortedError({ operation: 'maintain', backend: 'local', cause: signal.reason });
  }

  #removeUnused(key: string, name: string): Promise<void> {
    return this.#store.removeUnused(key, recordName(name)!.identity);
  }

  async #inspectFolder(path: string): Promise<void> {
    const folders: string[] = [];
    for (const entry of await this.#entries(path)) {
      const full = path === '' ? entry.name : `${path}/${entry.name}`;
      if (full === INTERNAL) continue;
      if (entry.isDirectory()) folders.push(full);
      else if (entry.isFile() && isKey(full)) this.#objects++;
      else await this.#add('unlisted-entry', full);
    }
    for (const folder of folders) {
      this.#throwIfAborted();
      await this.#inspectFolder(folder);
    }
  }

  async #entries(path: string): Promise<Dirent[]> {
    try {
      const folder = await this.#store.root.openFolder(path);
      try {
        return await readdir(folder.self);
      } finally {
        folder.close();
      }
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** The file of a key, where it is one. */
  async #look(key: string) {
    try {
      const stats = await lstat(`${this.#store.root.path}/${key}`);
      return stats.isFile() ? stats : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #isOld(bucket: string, name: string): Promise<boolean> {
    const stats = await this.#look(`${bucket}/${name}`);
    return stats !== undefined && Date.now() - Number(stats.mtimeMs) >= (this.#options.minAge ?? 3_600) * 1000;
  }

  async #add(kind: FsckFindingKind, path: string, key?: string, repair?: () => Promise<void>): Promise<void> {
    this.#counts[kind]++;
    const mended = this.#options.repair === true && repair !== undefined;
    if (mended) await repair();
    if (this.#findings.length < (this.#options.maxFindings ?? 10_000)) {
      this.#findings.push({ kind, path, ...(key !== undefined && { key }), repaired: mended });
    }
  }
}

function isKey(path: string): boolean {
  try {
    parseKey(path);
    return true;
  } catch (error) {
    if (error instanceof StorageError) return false;
    throw error;
  }
}
