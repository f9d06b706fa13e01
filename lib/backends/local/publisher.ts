/** Makes a temporary file the object of a key: the record first, then one rename, which is the commit point. */
import type { BigIntStats } from 'node:fs';
import {
  assertConditions,
  KeyConflictError,
  type ObjectInfo,
  type StorageErrorDetails,
  type StorageKey,
  type WriteConditions,
} from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import type { Folder } from './contained-root.js';
import { failWith, fchmod, fsync, futimes, link, lstatIfThere, rename, rmdir } from './fs-calls.js';
import { KEEPS_CHANGING } from './fs-errors.js';
import { etagOf, identityOf, uniqueNow } from './identity.js';
import type { StillHeld } from './key-locks.js';
import { lacksHardLinks } from './layout.js';
import { splitKey } from './local-key.js';
import type { ObjectRecord } from './metadata-records.js';
import type { LocalStore } from './store.js';
import type { TempFile } from './temp-files.js';
import { infoOf } from './versions.js';

export interface Publication {
  readonly key: StorageKey;
  readonly temp: TempFile;
  readonly record: ObjectRecord;
  readonly conditions: WriteConditions;
  readonly details: StorageErrorDetails;
  /** A second link of an existing file: its time and mode stay. */
  readonly linked?: boolean;
  readonly throwIfAborted: () => void;
}

const MOST_TRIES = 100;
/** Where a file system keeps whole seconds only: how far an identity may be put off to differ from earlier ones. */
const MOST_SECONDS_AHEAD = 300;

/** Publishes under the key's lock, and ends the temporary file either way. */
export async function publish(store: LocalStore, publication: Publication): Promise<ObjectInfo> {
  const { key, conditions, details, temp } = publication;
  try {
    // A rename cannot compare: writers that ask for a version exclude each other across processes too.
    if (conditions.ifMatch === undefined) {
      return await store.locks.within([key], () => publishLocked(store, publication));
    }
    return await store.locks.across([key], details, (held) => publishLocked(store, publication, held));
  } catch (error) {
    await temp.discard();
    throw error;
  }
}

/** As publish(), for a caller that holds the key's lock. It does not end the temporary file when it fails. */
export async function publishLocked(store: LocalStore, it: Publication, stillHeld?: StillHeld): Promise<ObjectInfo> {
  const { key, record, temp } = it;
  const [parent, name] = splitKey(key);
  const { settings, root, records } = store;
  let stats: BigIntStats | undefined;
  try {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const folder = await root.makeFolder(parent, settings.dirMode, settings.durable);
      try {
        // Whether a name is free is told by the link itself: most are.
        const looks = attempt > 0 || it.conditions.ifNoneMatch !== '*';
        const current = looks ? await currentOf(store, folder, name, it) : undefined;
        stats ??= await prepare(store, it);
        // Before the rename, because a network file system tells failed writes at the closing.
        await temp.close();
        stillHeld?.();
        it.throwIfAborted();
        if (!(await replace(folder.pathOf(name), it, looks))) continue;
        if (settings.durable) await folder.sync();
        const replaced = current && identityOf(current);
        if (replaced !== undefined && replaced !== identityOf(stats)) {
          store.retired.add({ key, stats: current!, moved: current!.nlink > 1n });
        }
      } catch (error) {
        // A delete cleared the folder away between the two calls.
        if (codeOf(error) === 'ENOENT') continue;
        throw error;
      } finally {
        folder.close();
      }
      // Renaming one link of a file over another does nothing: the temporary one is still there.
      await (it.linked ? temp.discard() : temp.release());
      return infoOf(store, key, stats, record);
    }
    throw failWith(KEEPS_CHANGING, 'the folder or the file changes again and again');
  } catch (error) {
    if (stats && !(await store.holds(key, identityOf(stats)).catch(() => true))) {
      await records.remove(key, identityOf(stats)).catch(() => undefined);
    }
    await clearEmptyFolders(store, parent);
    throw error;
  }
}

/** What stands at the name, held against the conditions. An empty folder is no object and gives way. */
async function currentOf(
  store: LocalStore,
  folder: Folder,
  name: string,
  { conditions, details }: Publication,
): Promise<BigIntStats | undefined> {
  let current = await lstatIfThere(folder.pathOf(name));
  if (current?.isSymbolicLink()) throw failWith('ELOOP', 'a symbolic link stands there');
  if (current?.isDirectory()) {
    try {
      await rmdir(folder.pathOf(name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw new KeyConflictError({ ...details, cause: error });
    }
    current = undefined;
  } else if (current && !current.isFile()) {
    throw new KeyConflictError({
      ...details,
      reason: 'something that is not a file stands at that path',
      advice: 'Remove the socket, pipe or device, or use another key.',
    });
  }
  assertConditions(current && etagOf(store.layoutId, current), conditions, details);
  return current;
}

/** Fixes the identity of the file and writes its record, both lasting when that is asked. */
async function prepare(store: LocalStore, it: Publication): Promise<BigIntStats> {
  const { key, temp, record } = it;
  const { settings, records } = store;
  if (it.linked) {
    const stats = await temp.stats();
    await records.ensure(key, identityOf(stats), record);
    return stats;
  }
  for (let attempt = 0; ; attempt++) {
    // Whole seconds ahead where the file system keeps no finer time and an earlier version took this one.
    const now = uniqueNow() + attempt;
    await futimes(temp.fd, now, now);
    const stats = await temp.stats();
    if (Number(stats.mode & 0o7777n) !== settings.fileMode) await fchmod(temp.fd, settings.fileMode);
    const [synced, written] = await Promise.allSettled([
      settings.durable ? fsync(temp.fd) : undefined,
      records.write(key, identityOf(stats), record),
    ]);
    if (synced.status === 'rejected') {
      if (written.status === 'fulfilled') await records.remove(key, identityOf(stats)).catch(() => undefined);
      throw synced.reason;
    }
    if (written.status === 'fulfilled') return stats;
    if (codeOf(written.reason) !== 'EEXIST' || attempt === MOST_SECONDS_AHEAD) throw written.reason;
  }
}

/** The commit point. @returns false where someone was faster, or nobody looked yet: the conditions must be looked at */
async function replace(target: string, { temp, conditions }: Publication, looked: boolean): Promise<boolean> {
  if (conditions.ifNoneMatch === '*') {
    try {
      // Unlike rename, link(2) refuses to replace, whoever else is writing.
      await link(temp.path, target);
      await temp.discard();
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      // Without hard links, the look at the name under the key's lock must do.
      if (!lacksHardLinks(error)) throw error;
      if (!looked) return false;
    }
  }
  await rename(temp.path, target);
  return true;
}

/** Removes the folders that a delete or a failed put leaves empty, from the inside out. Never the root. */
export async function clearEmptyFolders(store: LocalStore, inner: string): Promise<void> {
  for (let [parent, name] = splitKey(inner); name !== ''; [parent, name] = splitKey(parent)) {
    let folder: Folder | undefined;
    try {
      folder = await store.root.openFolder(parent);
      await rmdir(folder.pathOf(name));
    } catch {
      // Not empty, or gone already, or not ours to remove: all is well.
      return;
    } finally {
      folder?.close();
    }
  }
}
