/** The parts of one store on disk, put together when it is first used. Who only reads changes nothing on the disk. */
import { dirname } from 'node:path';
import { StorageConfigurationError } from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import { ContainedRoot } from './contained-root.js';
import { failWith, lstat, mkdir } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { identityOf } from './identity.js';
import { KeyLocks } from './key-locks.js';
import { createLayout, INTERNAL_MODE, META, nameOfFolder, readLayout, TEMP, type Layout } from './layout.js';
import type { LocalSettings } from './local.options.js';
import { MetadataRecords } from './metadata-records.js';
import { RetiredRecords } from './retired-records.js';
import { SortedNames } from './sorted-names.js';
import { TempFiles } from './temp-files.js';

/** What keeps a store from being made and swept, but is no failure of whatever came first. */
const CANNOT_WRITE = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT']);

export class LocalStore {
  readonly root: ContainedRoot;
  readonly settings: LocalSettings;
  readonly records: MetadataRecords;
  readonly temps: TempFiles;
  readonly locks: KeyLocks;
  readonly names = new SortedNames();
  readonly retired: RetiredRecords;
  /** Undefined until the first write into a folder that was no store before. */
  #layout: Layout | undefined;
  readonly #folderName: string;
  #prepared: Promise<void> | undefined;

  private constructor(root: ContainedRoot, settings: LocalSettings, layout: Layout | undefined, folderName: string) {
    this.root = root;
    this.settings = settings;
    this.#layout = layout;
    this.#folderName = folderName;
    this.records = new MetadataRecords(root, settings.durable);
    this.temps = new TempFiles(root, settings.durable);
    this.locks = new KeyLocks(root);
    this.retired = new RetiredRecords(settings.metadataGrace, async ({ key, stats, moved }) => {
      if (!moved) return this.records.remove(key, identityOf(stats));
      return this.removeUnused(key, identityOf(stats));
    });
  }

  /**
   * Reads what there is, and leaves it as it is.
   *
   * @returns undefined where there is no root
   * @throws errors of the file system
   */
  static async find(settings: LocalSettings): Promise<LocalStore | undefined> {
    let root: ContainedRoot;
    try {
      root = await ContainedRoot.at(settings.root, settings.descriptors);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      if (codeOf(error) !== 'ENOTDIR') throw error;
      throw new StorageConfigurationError({ backend: 'local', reason: 'the root is not a folder', cause: error });
    }
    return new LocalStore(root, settings, await readLayout(root), nameOfFolder(await lstat(root.path)));
  }

  /** As find(), and makes the root where it is missing. @throws errors of the file system */
  static async open(settings: LocalSettings): Promise<LocalStore> {
    await makeRoot(settings);
    const store = await LocalStore.find(settings);
    if (!store) throw failWith('ENOENT', 'the root was removed as soon as it was made');
    return store;
  }

  /** Whether the root, which was there, is there no more: a volume that is not mounted. */
  async isGone(): Promise<boolean> {
    try {
      await lstat(this.root.path);
      return false;
    } catch (error) {
      return isMissing(error);
    }
  }

  get layoutId(): string {
    return this.#layout?.id ?? this.#folderName;
  }

  /** Before the first write: makes the folder a store, and sweeps what dead processes left. */
  prepare(): Promise<void> {
    return (this.#prepared ??= this.#prepare().catch((error: unknown) => {
      // The next write tries again.
      this.#prepared = undefined;
      throw error;
    }));
  }

  async #prepare(): Promise<void> {
    try {
      await this.ensureWritable();
      await this.sweep();
    } catch (error) {
      // The write itself tells, where it meets the same.
      if (!CANNOT_WRITE.has(codeOf(error) ?? '')) throw error;
    }
  }

  /** A folder that could not be written when it was opened becomes a store with the first write that can. */
  async ensureWritable(): Promise<void> {
    if (this.#layout) return;
    const layout = await createLayout(this.root, this.#folderName, this.settings.durable);
    for (const folder of [TEMP, META]) {
      (await this.root.makeFolder(folder, INTERNAL_MODE, this.settings.durable)).close();
    }
    this.#layout = layout;
  }

  sweep() {
    return this.temps.sweep(this.records, this.settings.sweepAfter);
  }

  /** Removes a record unless its key holds that very version, now or after a move that is under way. */
  async removeUnused(key: string, identity: string): Promise<void> {
    await this.locks.across([key], { operation: 'maintain', key, backend: 'local' }, async (stillHeld) => {
      if (await this.holds(key, identity)) return;
      stillHeld();
      await this.records.remove(key, identity);
    });
  }

  /** Whether a key holds this version now. */
  async holds(key: string, identity: string): Promise<boolean> {
    try {
      return identityOf(await lstat(`${this.root.path}/${key}`)) === identity;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.retired.flush();
    this.root.close();
  }
}

async function makeRoot({ root, dirMode }: LocalSettings): Promise<void> {
  try {
    await makeFolders(root, dirMode);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    throw new StorageConfigurationError({
      backend: 'local',
      reason: 'the root folder cannot be made where it shall be',
      advice: 'Set STORAGE_BASE_PATH (or local.root) to a folder on a disk.',
      cause,
    });
  }
}

/** Folder by folder: Node's own recursion never ends where a file system like /proc refuses with ENOENT. */
async function makeFolders(path: string, mode: number): Promise<void> {
  const attempt = () =>
    mkdir(path, mode).catch((error: unknown) => {
      // A root that is a symbolic link, or no folder at all: opening it tells.
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  try {
    await attempt();
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    await makeFolders(parent, mode);
    await attempt();
  }
}
