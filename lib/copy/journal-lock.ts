/** One run at a time for a journal. One that was killed on this machine keeps the next from nothing. */
import { readFile, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import { StorageUnavailableError, type StorageError } from '../contract/index.js';
import { codeOf } from '../disk/errno.js';
import { OWNER, stateOfOwner } from '../disk/owner.js';
import { COPY_ADVICE } from './copy-advice.js';

/**
 * Milliseconds after which a lock is free that its holder does not renew. It counts where nothing else is known of the
 * holder: on another machine, in another container, before the last boot.
 */
const STALE = 3_000;
const RETRIES = { retries: 20, factor: 1, minTimeout: 250, maxTimeout: 250 };

/** @param onLost told when another process took over the lock. @returns what lets go of it */
export async function lockJournal(path: string, onLost: (error: StorageError) => void): Promise<() => Promise<void>> {
  // Loaded on first use: the package listens for the end of the process.
  const { default: lockfile } = await import('proper-lockfile');
  const [folder, holder] = [`${path}.lock`, `${path}.holder`];
  const take = (retries: typeof RETRIES | number) =>
    lockfile.lock(path, {
      lockfilePath: folder,
      realpath: false,
      stale: STALE,
      update: STALE / 3,
      retries,
      onCompromised: (error) => onLost(taken(error)),
    });
  let release: () => Promise<void>;
  try {
    release = await take(0).catch(async (error: unknown) => {
      if (codeOf(error) !== 'ELOCKED') throw error;
      if (await isDead(holder, folder)) await rmdir(folder).catch(() => undefined);
      return take(RETRIES);
    });
  } catch (error) {
    throw codeOf(error) === 'ELOCKED' ? taken(error) : error;
  }
  // Without it the next run waits until the lock is stale, no more.
  await writeFile(holder, `${OWNER} ${await markOf(folder)}`, { mode: 0o600 }).catch(() => undefined);
  return async () => {
    await unlink(holder).catch(() => undefined);
    // A lock that was broken is not ours to release.
    await release().catch(() => undefined);
  };
}

/** Whether the lock that stands there was left by a process of this machine that is no more. */
async function isDead(holder: string, folder: string): Promise<boolean> {
  const [owner = '', mark] = (await readFile(holder, 'utf8').catch(() => '')).split(' ');
  return stateOfOwner(owner) === 'dead' && mark === (await markOf(folder));
}

/** Tells a lock from the next one of that name: who comes third must not break what the second has just taken. */
async function markOf(folder: string): Promise<string> {
  try {
    const { ino, birthtimeNs } = await stat(folder, { bigint: true });
    return `${ino}-${birthtimeNs}`;
  } catch {
    return '';
  }
}

function taken(cause: unknown): StorageUnavailableError {
  return new StorageUnavailableError({
    operation: 'copy',
    reason: 'another run of this copy is at work',
    advice: COPY_ADVICE.busyJournal,
    cause,
  });
}
