/** One writer at a time for each key: within this process always, across processes where it was asked. */
import { StorageUnavailableError, type StorageErrorDetails } from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import type { ContainedRoot } from './contained-root.js';
import { keyHash } from './identity.js';
import { INTERNAL_MODE, LOCKS } from './layout.js';

/** Last in the queue of each key, over all backends of this process: two of them may share a root. */
const queues = new Map<string, Promise<void>>();

async function enter(name: string): Promise<() => void> {
  const before = queues.get(name);
  let leave!: () => void;
  const mine = new Promise<void>((resolve) => {
    leave = resolve;
  });
  queues.set(name, mine);
  await before;
  return () => {
    if (queues.get(name) === mine) queues.delete(name);
    leave();
  };
}

/** Tells whether the locks are still held: another process may break a lock whose holder seems dead. */
export type StillHeld = () => void;

export class KeyLocks {
  readonly #root: ContainedRoot;

  constructor(root: ContainedRoot) {
    this.#root = root;
  }

  /** Runs a task alone among those of this process that hold one of these keys. */
  async within<T>(keys: readonly string[], task: () => Promise<T>): Promise<T> {
    const leaves: (() => void)[] = [];
    try {
      // Always in the same order, or two tasks of two keys could wait for each other.
      for (const key of [...new Set(keys)].sort()) leaves.push(await enter(`${this.#root.path}\0${key}`));
      return await task();
    } finally {
      for (const leave of leaves) leave();
    }
  }

  /** As within(), and alone among all processes that ask for the same. Costs about ten calls for each key. */
  async across<T>(
    keys: readonly string[],
    details: StorageErrorDetails,
    task: (stillHeld: StillHeld) => Promise<T>,
  ): Promise<T> {
    return this.within(keys, async () => {
      const releases: (() => Promise<void>)[] = [];
      let broken: Error | undefined;
      try {
        for (const key of [...new Set(keys)].sort()) {
          releases.push(await this.#lockFile(key, details, (error) => (broken ??= error)));
        }
        return await task(() => {
          if (broken) throw taken(details, broken);
        });
      } finally {
        for (const release of releases) await release();
      }
    });
  }

  async #lockFile(key: string, details: StorageErrorDetails, onBroken: (error: Error) => void) {
    // Loaded on first use: the package listens for the end of the process.
    const { default: lockfile } = await import('proper-lockfile');
    const folder = await this.#root.makeFolder(LOCKS, INTERNAL_MODE, false);
    const name = keyHash(key);
    try {
      const release = await lockfile.lock(`${this.#root.path}/${LOCKS}/${name}`, {
        lockfilePath: folder.pathOf(name),
        realpath: false,
        stale: 10_000,
        retries: { retries: 200, factor: 1.2, minTimeout: 5, maxTimeout: 100, randomize: true },
        onCompromised: onBroken,
      });
      return async () => {
        // A lock that was broken is not ours to release.
        await release().catch(() => undefined);
        folder.close();
      };
    } catch (error) {
      folder.close();
      throw codeOf(error) === 'ELOCKED' ? taken(details, error) : error;
    }
  }
}

function taken(details: StorageErrorDetails, cause: unknown): StorageUnavailableError {
  return new StorageUnavailableError({ ...details, reason: 'another process keeps this key locked', cause });
}
