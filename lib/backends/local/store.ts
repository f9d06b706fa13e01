/** The parts of one store on disk, put together when it is first used. */
import { dirname } from 'node:path';
import { StorageConfigurationError } from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import { ContainedRoot } from './contained-root.js';
import { lstat, mkdir } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { identityOf } from './identity.js';
import { KeyLocks } from './key-locks.js';
import { createLayout, INTERNAL_MODE, META, readLayout, TEMP, type Layout } from './layout.js';
import type { LocalSettings } from './local.options.js';
import { MetadataRecords } from './metadata-records.js';
import { RetiredRecords } from './retired-records.js';
import { SortedNames } from './sorted-names.js';
import { TempFiles } from './temp-files.js';

/** What keeps a store from being made, but not an existing folder from being read. */
const CANNOT_WRITE = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT']);

export class LocalStore {
  readonly root: ContainedRoot;
  readonly settings: LocalSettings;
  readonly records: MetadataRecords;
  readonly temps: TempFiles;
  readonly locks: KeyLocks;
  readonly names = new SortedNames();
  readonly retired: RetiredRecords;
  #layout: Layout | undefined;

  private constructor(root: ContainedRoot, settings: LocalSettings, layout: Layout | undefined) {
    this.root = root;
    this.settings = settings;
    this.#layout = layout;
    this.records = new MetadataRecords(root, settings.durable);
    this.temps = new TempFiles(root, settings.durable);
    this.locks = new KeyLocks(root);
    this.retired = new RetiredRecords(settings.metadataGrace, async ({ key, stats, moved }) => {
      if (!moved) return this.records.remove(key, identityOf(stats));
      return this.removeUnused(key, identityOf(stats));
    });
  }

  /**
   * Makes the root where it is missing, reads its layout, sweeps.
   *
   * @param touch false: looks only, and takes the root as it is
   * @throws errors of the file system
   */
  static async open(settings: LocalSettings, touch = true): Promise<LocalStore> {
    if (touch) await makeRoot(settings);
    let root: ContainedRoot;
    try {
      root = await ContainedRoot.at(settings.root, settings.descriptors);
    } catch (error) {
      if (codeOf(error) !== 'ENOTDIR') throw error;
      throw new StorageConfigurationError({ backend: 'local', reason: 'the root is not a folder', cause: error });
    }
    const store = new LocalStore(root, settings, await readLayout(root));
    if (!touch) return store;
    try {
      await store.ensureWritable();
      await store.sweep();
    } catch (error) {
      if (!CANNOT_WRITE.has(codeOf(error) ?? '')) throw error;
    }
    return store;
  }

  get layoutId(): string {
    return this.#layout?.id ?? '';
  }

  /** A folder that could not be written when it was opened becomes a store with the first write that can. */
  async ensureWritable(): Promise<void> {
    if (this.#layout) return;
    const layout = await createLayout(this.root, this.settings.durable);
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
