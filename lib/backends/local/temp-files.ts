/** Temporary files: made exclusively under a name that tells their owner, swept when that owner is gone. */
import fs, { type BigIntStats } from 'node:fs';
import { codeOf } from '../../disk/errno.js';
import { OWNER, stateOfOwner } from '../../disk/owner.js';
import type { ContainedRoot, Folder } from './contained-root.js';
import { close, copyFile, fstat, link, lstat, open, readdir, rmdir, unlink } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { identityOf, keyHash } from './identity.js';
import { INTERNAL_MODE, LOCKS, TEMP } from './layout.js';
import type { MetadataRecords } from './metadata-records.js';

const { O_RDWR, O_RDONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, COPYFILE_EXCL, COPYFILE_FICLONE } = fs.constants;

let count = 0;

/** A file on its way to a key. Exactly one of publish-and-release, and discard, ends it. */
export class TempFile {
  /** For the next call; valid until release() or discard(). */
  readonly path: string;
  #fd: number | undefined;
  #release: (() => void) | undefined;

  constructor(path: string, fd: number, release: () => void) {
    this.path = path;
    this.#fd = fd;
    this.#release = release;
  }

  get fd(): number {
    if (this.#fd === undefined) throw new TypeError('the temporary file is closed');
    return this.#fd;
  }

  /** Reading it again needs a descriptor of its own. */
  async openAgain(): Promise<number> {
    return open(this.path, O_RDONLY | O_NOFOLLOW);
  }

  stats(): Promise<BigIntStats> {
    return fstat(this.fd);
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await close(fd);
  }

  /** Lets go of a file that has been renamed. */
  async release(): Promise<void> {
    try {
      await this.close();
    } finally {
      this.#release?.();
      this.#release = undefined;
    }
  }

  /** Removes the file. Never fails: what stays is swept later. */
  async discard(): Promise<void> {
    if (this.#release) await unlink(this.path).catch(() => undefined);
    await this.release().catch(() => undefined);
  }
}

/** What a sweep did. */
export interface SweepReport {
  /** Temporary files and locks removed. */
  readonly removed: number;
  /** Those of living or maybe living owners. */
  readonly kept: number;
  /** Those that could not be looked at or removed. */
  readonly failed: number;
}

export class TempFiles {
  readonly #root: ContainedRoot;
  readonly #durable: boolean;
  /** The folder stays open while a file in it is in use, and no longer. */
  #shared: { readonly folder: Promise<Folder>; users: number } | undefined;

  constructor(root: ContainedRoot, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** A new empty file, open for writing and reading. */
  async create(key: string): Promise<TempFile> {
    return this.#make(key, (path) => open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  }

  /** A copy of an open file; shares its blocks where the file system can. */
  async copyOf(fd: number, from: string, key: string): Promise<TempFile> {
    const source = fs.existsSync(`/proc/self/fd/${fd}`) ? `/proc/self/fd/${fd}` : from;
    return this.#make(key, async (path) => {
      await copyFile(source, path, COPYFILE_EXCL | COPYFILE_FICLONE);
      // The copy has the mode of its source, which may not allow writing.
      return open(path, O_RDONLY | O_NOFOLLOW);
    });
  }

  /** A second name of a file. @throws what link(2) says */
  async linkOf(from: string, key: string): Promise<TempFile> {
    return this.#make(key, async (path) => {
      await link(from, path);
      return open(path, O_RDONLY | O_NOFOLLOW);
    });
  }

  /** Removes what dead processes left, and the records that they had written for it. */
  async sweep(records: MetadataRecords, foreignAge: number): Promise<SweepReport> {
    const report = { removed: 0, kept: 0, failed: 0 };
    const oldest = Date.now() - foreignAge * 1000;
    await this.#each(TEMP, report, async (path, name) => {
      const [owner, , hashed] = name.split('.');
      const state = stateOfOwner(owner ?? '');
      if (state === 'alive') return false;
      const stats = await lstat(path);
      // A link made to move a file keeps the file's time; that of its making is in the change time.
      if (state === 'foreign' && Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs)) > oldest) return false;
      // More than one link: published already, and the record is in use.
      if (hashed !== undefined && stats.isFile() && stats.nlink === 1n) {
        await records.removeOf(hashed, identityOf(stats));
      }
      await unlink(path);
      return true;
    });
    await this.#each(LOCKS, report, async (path) => {
      if (Number((await lstat(path)).mtimeMs) > oldest) return false;
      await rmdir(path);
      return true;
    });
    return report;
  }

  async #each(
    where: string,
    report: { removed: number; kept: number; failed: number },
    remove: (path: string, name: string) => Promise<boolean>,
  ): Promise<void> {
    let folder: Folder;
    try {
      folder = await this.#root.openFolder(where);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    try {
      for (const { name } of await readdir(folder.self)) {
        try {
          report[(await remove(folder.pathOf(name), name)) ? 'removed' : 'kept']++;
        } catch (error) {
          if (!isMissing(error)) report.failed++;
        }
      }
    } finally {
      folder.close();
    }
  }

  async #make(key: string, make: (path: string) => Promise<number>): Promise<TempFile> {
    for (let attempt = 0; ; attempt++) {
      const { folder, release } = await this.#lease();
      const path = folder.pathOf(`${OWNER}.${(++count).toString(36)}.${keyHash(key)}`);
      try {
        return new TempFile(path, await make(path), release);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') await unlink(path).catch(() => undefined);
        release();
        // The folder was removed under a running app (a restore): make it again. Or the name is taken: the next one.
        const again = codeOf(error) === 'ENOENT' || codeOf(error) === 'EEXIST';
        if (!again || attempt === 3) throw error;
        this.#shared = undefined;
      }
    }
  }

  async #lease(): Promise<{ folder: Folder; release: () => void }> {
    const shared = (this.#shared ??= {
      folder: this.#root.makeFolder(TEMP, INTERNAL_MODE, this.#durable),
      users: 0,
    });
    shared.users++;
    let folder: Folder | undefined;
    const release = () => {
      if (--shared.users > 0) return;
      folder?.close();
      if (this.#shared === shared) this.#shared = undefined;
    };
    try {
      folder = await shared.folder;
      return { folder, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}
