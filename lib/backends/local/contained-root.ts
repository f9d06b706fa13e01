/** The folder that holds everything: paths below it are reached only as they are, never through a symbolic link. */
import fs, { type BigIntStats } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { codeOf } from '../../disk/errno.js';
import { callsAreInPlace } from '../../disk/short-calls.js';
import { close, closeSync, failWith, fstat, fsync, lstat, mkdir, open, realpath } from './fs-calls.js';
import { KEEPS_CHANGING, SAME_BUT_FOR_CASE } from './fs-errors.js';
import { KeptFolders, SharedFolder } from './kept-folders.js';

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
// O_NONBLOCK: opening a named pipe must not wait for a writer.
const READ = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
const FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
const MOST_LOOKS = 100;

/** Where the kernel shows what a descriptor stands for. Linux only. */
const DESCRIPTORS = '/proc/self/fd';

export interface OpenedFile {
  readonly fd: number;
  readonly stats: BigIntStats;
}

/** A folder that was proven to lie where its name says. Must be closed. */
export class Folder {
  readonly #path: string;
  #shared: SharedFolder | undefined;

  /** @param shared undefined where folders cannot be opened (Windows) */
  constructor(path: string, shared: SharedFolder | undefined) {
    this.#path = path;
    this.#shared = shared;
  }

  /** The path of an entry for the next call. On Linux it leads through the descriptor: no swap can redirect it. */
  pathOf(name: string): string {
    return `${this.#path}/${name}`;
  }

  /** The folder itself. */
  get self(): string {
    return this.#path;
  }

  async stats(): Promise<BigIntStats> {
    return this.#shared ? fstat(this.#shared.fd) : lstat(this.#path);
  }

  /** Makes changes of its entries last. Nothing where folders cannot be synced (Windows). */
  async sync(): Promise<void> {
    if (this.#shared) await fsync(this.#shared.fd);
  }

  /** Synchronous: closing a folder does no work on the disk. */
  close(): void {
    this.#shared?.letGo();
    this.#shared = undefined;
  }
}

/** @throws errors of the file system; ELOOP stands for a symbolic link on the way */
export class ContainedRoot {
  /** Real path, no symbolic link in it. */
  readonly path: string;
  readonly #byDescriptor: boolean;
  readonly #kept = new KeptFolders(whereIs);

  /** @param byDescriptor false: prove paths by looking before and after, as where there is no /proc */
  private constructor(path: string, byDescriptor: boolean) {
    this.path = path;
    this.#byDescriptor = byDescriptor;
  }

  /** The root itself may be a symbolic link: it is resolved once, here. */
  static async at(path: string, byDescriptor = true): Promise<ContainedRoot> {
    const real = await realpath(path);
    const fd = await open(real, O_RDONLY | O_DIRECTORY);
    try {
      return new ContainedRoot(real, byDescriptor && whereIs(fd) === real);
    } finally {
      await close(fd);
    }
  }

  /** @param folder path below the root; empty for the root itself */
  async openFolder(folder: string): Promise<Folder> {
    const path = this.#pathOf(folder);
    const kept = this.#kept.take(path);
    if (kept) return throughDescriptor(kept);
    return this.#untilStill(folder, async () => {
      if (!this.#byDescriptor) return this.#openFolderByPath(path);
      const fd = await open(path, FOLDER);
      if (whereIs(fd) === path) return throughDescriptor(this.#shared(path, fd));
      closeSync(fd);
      return undefined;
    });
  }

  /** Opens a folder, making it and what is missing above it. With `durable`, new folders outlast a power cut. */
  async makeFolder(folder: string, mode: number, durable: boolean): Promise<Folder> {
    for (let look = 0; look < MOST_LOOKS; look++) {
      try {
        return await this.openFolder(folder);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || folder === '') throw error;
      }
      const cut = folder.lastIndexOf('/');
      const parent = await this.makeFolder(cut < 0 ? '' : folder.slice(0, cut), mode, durable);
      try {
        try {
          await mkdir(parent.pathOf(folder.slice(cut + 1)), mode);
        } catch (error) {
          // ENOENT: a delete that clears empty folders was faster.
          if (codeOf(error) === 'ENOENT') continue;
          // Another put was; opening tells what it is. Its sync may not have come yet.
          if (codeOf(error) !== 'EEXIST') throw error;
        }
        if (durable) await parent.sync();
      } finally {
        parent.close();
      }
    }
    throw failWith(KEEPS_CHANGING, 'the folder is removed again and again');
  }

  /** Opens whatever stands there for reading; a symbolic link is refused. The caller closes the descriptor. */
  async openFile(key: string): Promise<OpenedFile> {
    const path = this.#pathOf(key);
    return this.#untilStill(key, async () => {
      const fd = await open(path, READ);
      try {
        const stats = await fstat(fd);
        const same = this.#byDescriptor ? isAt(fd, path, stats) : await this.#isAtByPath(path, stats);
        if (same) return { fd, stats };
      } catch (error) {
        await close(fd);
        throw error;
      }
      await close(fd);
      return undefined;
    });
  }

  /** Lets go of what is kept open. */
  close(): void {
    this.#kept.close();
  }

  #shared(path: string, fd: number): SharedFolder {
    return callsAreInPlace() ? this.#kept.keep(path, fd) : new SharedFolder(fd);
  }

  #pathOf(relative: string): string {
    return relative === '' ? this.path : `${this.path}/${relative}`;
  }

  async #openFolderByPath(path: string): Promise<Folder | undefined> {
    if ((await realpath(path)) !== path) return undefined;
    if (!(await lstat(path)).isDirectory()) throw failWith('ENOTDIR', 'not a folder');
    return new Folder(path, process.platform === 'win32' ? undefined : new SharedFolder(await open(path, FOLDER)));
  }

  async #isAtByPath(path: string, opened: BigIntStats): Promise<boolean> {
    const now = await lstat(path);
    return now.ino === opened.ino && now.dev === opened.dev && (await realpath(path)) === path;
  }

  /** Looks again while the path is changing, until it is still or the reason is a symbolic link. */
  async #untilStill<T>(relative: string, attempt: () => Promise<T | undefined>): Promise<T> {
    for (let look = 0; look < MOST_LOOKS; look++) {
      let reason: unknown;
      try {
        const result = await attempt();
        if (result !== undefined) return result;
      } catch (error) {
        // A symbolic link in a place where a folder is wanted answers ENOTDIR.
        if (codeOf(error) !== 'ELOOP' && codeOf(error) !== 'ENOTDIR') throw error;
        reason = error;
      }
      await this.#refuseLinks(relative);
      if (reason !== undefined && codeOf(reason) === 'ENOTDIR') throw reason;
      await nextTurn();
    }
    throw failWith(KEEPS_CHANGING, 'the path changes again and again');
  }

  /** Walks down to a path, to say why it is not where it should be. Returns where it just changed. */
  async #refuseLinks(relative: string): Promise<void> {
    let path = this.path;
    for (const segment of relative.split('/')) {
      path = `${path}/${segment}`;
      let stats: BigIntStats;
      try {
        stats = await lstat(path);
      } catch {
        return;
      }
      if (stats.isSymbolicLink()) throw failWith('ELOOP', 'a symbolic link is on the way');
      if (!stats.isDirectory()) break;
    }
    let real: string;
    try {
      real = await realpath(this.#pathOf(relative));
    } catch {
      return;
    }
    const asked = this.#pathOf(relative);
    if (real !== asked && folded(real) === folded(asked)) throw failWith(SAME_BUT_FOR_CASE, 'spelt in another way');
  }
}

function throughDescriptor(folder: SharedFolder): Folder {
  return new Folder(`${DESCRIPTORS}/${folder.fd}`, folder);
}

function folded(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

/** Asks the kernel where a descriptor points to; no disk is touched. */
function whereIs(fd: number): string | undefined {
  try {
    return fs.readlinkSync(`${DESCRIPTORS}/${fd}`);
  } catch {
    return undefined;
  }
}

/** A file that was replaced or deleted since it was opened is still what stood there. */
function isAt(fd: number, path: string, stats: BigIntStats): boolean {
  const where = whereIs(fd);
  return where === path || (stats.nlink === 0n && where === `${path} (deleted)`);
}
