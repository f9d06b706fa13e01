/** Deleting, copying and moving within one root. */
import {
  assertConditions,
  type CopyOptions,
  type ObjectInfo,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import { close, failWith, lstat, unlink } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { etagOf, identityOf } from './identity.js';
import { lacksHardLinks } from './layout.js';
import { splitKey } from './local-key.js';
import { clearEmptyFolders, publish, publishLocked } from './publisher.js';
import type { LocalStore } from './store.js';
import type { TempFile } from './temp-files.js';
import { infoOf, openVersion } from './versions.js';

/** One file copied by the system in one call, which cannot be stopped midway; longer ones are streamed. Bytes. */
export const ONE_CALL_COPY_BYTES = 64 * 1024 * 1024;

/** Deletes under the key's lock. @returns false where no object was */
export async function remove(store: LocalStore, key: StorageKey): Promise<boolean> {
  const removed = await store.locks.within([key], () => removeLocked(store, key));
  if (removed) await clearEmptyFolders(store, splitKey(key)[0]);
  return removed;
}

/** @param only deletes nothing but this version */
async function removeLocked(store: LocalStore, key: StorageKey, only?: string): Promise<boolean> {
  const [parent, name] = splitKey(key);
  try {
    const folder = await store.root.openFolder(parent);
    try {
      const stats = await lstat(folder.pathOf(name));
      if (stats.isSymbolicLink()) throw failWith('ELOOP', 'a symbolic link stands there');
      if (!stats.isFile() || (only !== undefined && identityOf(stats) !== only)) return false;
      await unlink(folder.pathOf(name));
      store.retired.add({ key, stats, moved: stats.nlink > 1n });
      if (store.settings.durable) await folder.sync();
      return true;
    } finally {
      folder.close();
    }
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export interface Transfer {
  readonly from: StorageKey;
  readonly to: StorageKey;
  readonly options: CopyOptions;
  /** Of the target. */
  readonly details: StorageErrorDetails;
  readonly throwIfAborted: () => void;
}

/** Copies inside the file system, sharing blocks where it can. Undefined where the file should be streamed instead. */
export async function copyFile(store: LocalStore, it: Transfer): Promise<ObjectInfo | undefined> {
  const { fd, stats, record } = await openVersion(store, it.from);
  let temp: TempFile;
  try {
    if (stats.size > ONE_CALL_COPY_BYTES) return undefined;
    it.throwIfAborted();
    temp = await store.temps.copyOf(fd, `${store.root.path}/${it.from}`, it.to);
  } finally {
    await close(fd);
  }
  try {
    const copied = await temp.stats();
    if (copied.size !== stats.size) throw failWith('ETXTBSY', 'the source changed while it was copied');
  } catch (error) {
    await temp.discard();
    throw error;
  }
  const { to: key, options: conditions, details, throwIfAborted } = it;
  return publish(store, { key, temp, record, conditions, details, throwIfAborted });
}

/**
 * Moves by a second link: the same file under the new key, then the old name goes. Both keys are locked across
 * processes, because a file that comes back under its old key finds its old record.
 *
 * @returns undefined where the file system (or a protection of links) does not allow it
 */
export async function moveByLink(store: LocalStore, it: Transfer): Promise<ObjectInfo | undefined> {
  const { from, to: key, details, options: conditions, throwIfAborted } = it;
  const moved = await store.locks.across([from, key], details, async (stillHeld) => {
    const source = await openVersion(store, from);
    await close(source.fd);
    const { record } = source;
    if (from === key) {
      assertConditions(etagOf(store.layoutId, source.stats), conditions, details);
      return infoOf(store, key, source.stats, record);
    }
    const [parent, name] = splitKey(from);
    const folder = await store.root.openFolder(parent);
    let temp: TempFile;
    try {
      temp = await store.temps.linkOf(folder.pathOf(name), key);
    } catch (error) {
      if (lacksHardLinks(error) || codeOf(error) === 'EACCES') return undefined;
      throw error;
    } finally {
      folder.close();
    }
    try {
      // Between the two looks another process may have put a newer object there: its record is not this one.
      const linked = identityOf(await temp.stats());
      if (linked !== identityOf(source.stats)) throw failWith('EAGAIN', 'the source was replaced meanwhile');
      const info = await publishLocked(
        store,
        { key, temp, record, conditions, details, linked: true, throwIfAborted },
        stillHeld,
      );
      await removeLocked(store, from, linked);
      return info;
    } catch (error) {
      await temp.discard();
      throw error;
    }
  });
  if (moved && from !== key) await clearEmptyFolders(store, splitKey(from)[0]);
  return moved;
}
