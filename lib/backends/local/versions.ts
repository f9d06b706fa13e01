/** Reads one version of an object: its file and its record, never those of two versions. */
import type { BigIntStats } from 'node:fs';
import { contentTypeOf, type ObjectInfo, type ObjectSummary, type StorageKey } from '../../contract/index.js';
import type { Folder } from './contained-root.js';
import { close, failWith, lstat, lstatIfThere } from './fs-calls.js';
import { isMissing, KEEPS_CHANGING } from './fs-errors.js';
import { etagOf, identityOf } from './identity.js';
import { splitKey } from './local-key.js';
import type { FoundRecord, ObjectRecord } from './metadata-records.js';
import type { LocalStore } from './store.js';

export interface OpenedVersion {
  /** Must be closed. */
  readonly fd: number;
  readonly stats: BigIntStats;
  readonly record: ObjectRecord;
}

/** Looks at one key while others replace its object. With the records' grace time, the first look is enough. */
const MOST_LOOKS = 1_000;

/** @throws errors of the file system; ENOENT also where something else than a file stands */
export async function openVersion(store: LocalStore, key: StorageKey): Promise<OpenedVersion> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { fd, stats } = await store.root.openFile(key);
    try {
      if (!stats.isFile()) throw failWith('ENOENT', 'not a regular file');
      const found = await store.records.find(key, stats, () => store.holds(key, identityOf(stats)));
      if (found) return { fd, stats, record: recordOf(key, found) };
    } catch (error) {
      await close(fd);
      throw error;
    }
    await close(fd);
  }
  throw failWith(KEEPS_CHANGING, 'the object is replaced again and again');
}

/** As openVersion(), without opening the file: reading rights on it are not needed. */
export async function statVersion(
  store: LocalStore,
  key: StorageKey,
): Promise<{ readonly stats: BigIntStats; readonly record: ObjectRecord }> {
  const [parent, name] = splitKey(key);
  for (let look = 0; look < MOST_LOOKS; look++) {
    const folder = await store.root.openFolder(parent);
    try {
      const stats = await lstat(folder.pathOf(name));
      if (stats.isSymbolicLink()) throw failWith('ELOOP', 'a symbolic link');
      if (!stats.isFile()) throw failWith('ENOENT', 'not a regular file');
      const found = await store.records.find(key, stats, () => store.holds(key, identityOf(stats)));
      if (found) return { stats, record: recordOf(key, found) };
    } finally {
      folder.close();
    }
  }
  throw failWith(KEEPS_CHANGING, 'the object is replaced again and again');
}

/** What stands under the key without its record; undefined where there is no file. */
export async function lookFor(store: LocalStore, key: StorageKey): Promise<BigIntStats | undefined> {
  const [parent, name] = splitKey(key);
  let folder: Folder;
  try {
    folder = await store.root.openFolder(parent);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const stats = await lstatIfThere(folder.pathOf(name));
    if (stats?.isSymbolicLink()) throw failWith('ELOOP', 'a symbolic link');
    return stats?.isFile() ? stats : undefined;
  } finally {
    folder.close();
  }
}

/** A file that came from elsewhere says by its name what it is. */
function recordOf(key: StorageKey, found: FoundRecord): ObjectRecord {
  return found === 'none' ? { contentType: contentTypeOf(key), metadata: {} } : found;
}

export function summaryOf(store: LocalStore, key: StorageKey, stats: BigIntStats): ObjectSummary {
  return {
    key,
    size: Number(stats.size),
    lastModified: new Date(Number(stats.mtimeNs / 1_000_000n)),
    etag: etagOf(store.layoutId, stats),
  };
}

export function infoOf(store: LocalStore, key: StorageKey, stats: BigIntStats, record: ObjectRecord): ObjectInfo {
  const { contentType, metadata, cacheControl, contentDisposition } = record;
  // A copy: cached records are shared.
  const facts = { contentType, metadata: { ...metadata }, cacheControl, contentDisposition };
  return { ...summaryOf(store, key, stats), ...facts };
}
