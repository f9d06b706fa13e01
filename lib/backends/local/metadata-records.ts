/** Metadata beside the data: one immutable file for each version of an object, found by key and file identity. */
import fs, { type BigIntStats } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import type { ObjectMetadata } from '../../contract/index.js';
import type { ContainedRoot, Folder } from './contained-root.js';
import { close, fsync, lstatIfThere, open, read, readdir, unlink, writeAll } from './fs-calls.js';
import { isMissing } from './fs-errors.js';
import { identityOf, keyHash, timeAndSizeOf, type FileIdentity } from './identity.js';
import { INTERNAL_MODE, META } from './layout.js';

export interface ObjectRecord {
  readonly contentType: string;
  readonly metadata: ObjectMetadata;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
}

/** What the disk knows of a version; `none` is a file that came from elsewhere. */
export type FoundRecord = ObjectRecord | 'none';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;
const SUFFIX = '.json';
const CACHE_BYTES = 8 * 1024 * 1024;
/** A restore may bring the record after its file. Milliseconds. */
const ABSENCE_TTL = 2_000;
/** About what an entry costs beside its text. Bytes. */
const ENTRY = 300;

export class MetadataRecords {
  readonly #root: ContainedRoot;
  readonly #durable: boolean;
  #any = false;
  // Records of an identity never change, so there is nothing to invalidate.
  readonly #cache = new LRUCache<string, { readonly found: FoundRecord }>({ maxSize: CACHE_BYTES });

  constructor(root: ContainedRoot, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  /** @throws EEXIST where another version of that identity is still remembered */
  async write(key: string, identity: FileIdentity, record: ObjectRecord): Promise<void> {
    const { contentType, metadata, cacheControl, contentDisposition } = record;
    const text = JSON.stringify({ key, contentType, metadata, cacheControl, contentDisposition });
    const [bucket, name] = place(key, identity);
    const folder = await this.#root.makeFolder(bucket, INTERNAL_MODE, this.#durable);
    try {
      const path = folder.pathOf(name);
      const fd = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        await writeAll(fd, [Buffer.from(text)], 0);
        if (this.#durable) await fsync(fd);
      } catch (error) {
        await unlink(path).catch(() => undefined);
        throw error;
      } finally {
        await close(fd);
      }
      if (this.#durable) await folder.sync();
    } finally {
      folder.close();
    }
    this.#remember(key, identity, { contentType, metadata: { ...metadata }, cacheControl, contentDisposition });
  }

  /** As write(), where an earlier record of the same file under the same key may still be there, or be torn. */
  async ensure(key: string, identity: FileIdentity, record: ObjectRecord): Promise<void> {
    const { contentType, metadata, cacheControl, contentDisposition } = record;
    const wanted: ObjectRecord = { contentType, metadata, cacheControl, contentDisposition };
    if (isDeepStrictEqual(await this.readOne(key, identity), wanted)) return;
    await this.remove(key, identity);
    await this.write(key, identity, wanted);
  }

  /**
   * The record of one version.
   *
   * @param unchanged looks at the path again: whether it still holds that version
   * @returns undefined where the path has moved on to another version and so may its records
   */
  async find(key: string, stats: BigIntStats, unchanged: () => Promise<boolean>): Promise<FoundRecord | undefined> {
    const identity = identityOf(stats);
    const cached = this.#cache.get(cacheKey(key, identity));
    if (cached) return cached.found;
    // The record of a version is there before its file is.
    if (!(await this.#haveAny())) return 'none';
    let found: FoundRecord | undefined = await this.readOne(key, identity);
    if (!found) {
      if (!(await unchanged())) return undefined;
      // Again, for a file that was moved away and back between the two looks.
      found = (await this.readOne(key, identity)) ?? (await this.#restored(key, stats)) ?? 'none';
    }
    this.#remember(key, identity, found);
    return found;
  }

  /** Reads a record from the disk, past the cache. A torn or foreign one counts as none. */
  async readOne(key: string, identity: FileIdentity): Promise<ObjectRecord | undefined> {
    const [bucket, name] = place(key, identity);
    return (await this.readFile(`${bucket}/${name}`, key))?.record;
  }

  /** @param key the only key that the file may be about; left out by who does not know it yet */
  async readFile(path: string, key?: string): Promise<{ key: string; record: ObjectRecord } | undefined> {
    let text: string;
    try {
      const { fd, stats } = await this.#root.openFile(path);
      try {
        const buffer = Buffer.allocUnsafe(Number(stats.size));
        text = buffer.toString('utf8', 0, await read(fd, buffer, buffer.length, 0));
      } finally {
        await close(fd);
      }
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return parsed(text, key);
  }

  async remove(key: string, identity: FileIdentity): Promise<void> {
    await this.removeNamed(...place(key, identity));
    this.#cache.delete(cacheKey(key, identity));
  }

  /** The record of a version whose key is known only as a hash. */
  async removeOf(hashed: string, identity: FileIdentity): Promise<void> {
    await this.removeNamed(`${META}/${hashed.slice(0, 2)}`, nameOf(hashed, identity));
  }

  async removeNamed(bucket: string, name: string): Promise<void> {
    let folder: Folder | undefined;
    try {
      folder = await this.#root.openFolder(bucket);
      await unlink(folder.pathOf(name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    } finally {
      folder?.close();
    }
  }

  /** After a restore from backup inodes are new: the only record of equal time and size is the file's own. */
  async #restored(key: string, stats: BigIntStats): Promise<ObjectRecord | undefined> {
    const hashed = keyHash(key);
    const bucket = `${META}/${hashed.slice(0, 2)}`;
    const start = `${hashed}.${timeAndSizeOf(stats)}-`;
    let folder: Folder;
    try {
      folder = await this.#root.openFolder(bucket);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    try {
      const names = (await readdir(folder.self)).map((entry) => entry.name).filter((name) => name.startsWith(start));
      return names.length === 1 ? (await this.readFile(`${bucket}/${names[0]}`, key))?.record : undefined;
    } finally {
      folder.close();
    }
  }

  /** Whether the root is a store at all: a look for records in a plain folder fails in four ways, one after the other. */
  async #haveAny(): Promise<boolean> {
    try {
      this.#any ||= (await lstatIfThere(`${this.#root.path}/${META}`)) !== undefined;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return this.#any;
  }

  #remember(key: string, identity: FileIdentity, found: FoundRecord): void {
    if (found === 'none') {
      this.#cache.set(cacheKey(key, identity), { found }, { size: ENTRY + key.length, ttl: ABSENCE_TTL });
      return;
    }
    let size = ENTRY + key.length;
    for (const [name, value] of Object.entries(found.metadata)) size += name.length + value.length * 2;
    this.#cache.set(cacheKey(key, identity), { found }, { size });
  }
}

function cacheKey(key: string, identity: FileIdentity): string {
  return `${identity}/${key}`;
}

function nameOf(hashed: string, identity: FileIdentity): string {
  return `${hashed}.${identity}${SUFFIX}`;
}

/** Folder and name of a record. Buckets keep folders small: 256 of them. */
function place(key: string, identity: FileIdentity): [bucket: string, name: string] {
  const hashed = keyHash(key);
  return [`${META}/${hashed.slice(0, 2)}`, nameOf(hashed, identity)];
}

/** Takes the name of a record apart. Undefined where it is none. */
export function recordName(name: string): { hashed: string; identity: FileIdentity } | undefined {
  const match = /^([0-9a-f]{40})\.(-?[0-9a-z]+-[0-9a-z]+-[0-9a-z]+)\.json$/.exec(name);
  return match ? { hashed: match[1]!, identity: match[2]! } : undefined;
}

function parsed(text: string, key: string | undefined): { key: string; record: ObjectRecord } | undefined {
  let value: (Partial<ObjectRecord> & { key?: unknown }) | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return undefined;
  }
  if (typeof value?.key !== 'string' || (key !== undefined && value.key !== key)) return undefined;
  const { contentType, metadata, cacheControl, contentDisposition } = value;
  if (typeof contentType !== 'string' || typeof metadata !== 'object' || metadata === null) return undefined;
  return { key: value.key, record: { contentType, metadata, cacheControl, contentDisposition } };
}
