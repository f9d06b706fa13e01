/** The store in memory: the whole contract, for tests, CI and prototypes. Nothing outlives the process. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  assertConditions,
  BaseStorageBackend,
  compareKeys,
  decodeCursor,
  encodeCursor,
  isPast,
  MAX_KEY_BYTES,
  PreconditionFailedError,
  QuotaExceededError,
  resolveRange,
  StorageFileNotFoundError,
  type ByteRange,
  type CheckOptions,
  type CopyOptions,
  type ListPage,
  type ListPageOptions,
  type ObjectInfo,
  type OpenedObject,
  type OpenOptions,
  type OperationOptions,
  type StagedObject,
  type StageOptions,
  type StorageCapabilities,
  type StorageErrorDetails,
  type StorageKey,
  type StorageOperation,
  type WriteConditions,
} from '../../contract/index.js';

/** Options of the memory backend. */
export interface MemoryBackendOptions {
  /** Most bytes of all objects together, staged ones included; more is a QuotaExceededError. Default: no limit. */
  readonly maxBytes?: number;
}

interface StoredObject {
  readonly info: ObjectInfo;
  readonly bytes: Buffer;
}

const CHUNK = 64 * 1024;

/** Chunks are copies: a consumer that writes into one cannot change the object. */
function* chunksOf(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield Buffer.from(bytes.subarray(at, at + CHUNK));
}

export class MemoryBackend extends BaseStorageBackend {
  readonly name = 'memory';
  readonly capabilities: StorageCapabilities;
  readonly #objects = new Map<StorageKey, StoredObject>();
  readonly #maxBytes: number;
  /** Keys in order, made when a listing needs them and dropped when the set of keys changes. */
  #order: StorageKey[] | undefined;
  #used = 0;

  constructor(options: MemoryBackendOptions = {}) {
    super();
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
    this.capabilities = {
      createOnly: ['single', 'multipart', 'copy'],
      ifMatch: ['single', 'multipart', 'copy'],
      ordering: 'utf8',
      maxKeyBytes: MAX_KEY_BYTES,
      hierarchical: false,
      emptyObjects: true,
      stagedReads: true,
      consistency: 'strong',
      getUrl: [],
      getUploadUrl: [],
    };
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details = this.#details('put', key);
    this.#assertConditions(key, options, details);
    const chunks: Uint8Array[] = [];
    let held = 0;
    let bytes: Buffer;
    try {
      for await (const chunk of body) {
        this.throwIfAborted('put', options.signal, key);
        this.#reserve(chunk.byteLength, details);
        held += chunk.byteLength;
        chunks.push(Buffer.from(chunk));
      }
      bytes = Buffer.concat(chunks);
    } catch (error) {
      this.#used -= held;
      throw error;
    }
    const { contentType, metadata, cacheControl, contentDisposition } = options;
    const info = { key, size: bytes.length, contentType, metadata: { ...metadata }, cacheControl, contentDisposition };
    let outcome: Promise<ObjectInfo> | undefined;
    let aborted = false;
    const release = () => {
      this.#used -= held;
      held = 0;
    };
    return {
      info,
      open: async (range?: ByteRange) => this.#body(bytes, range, details),
      matches: async (sent: Uint8Array) => bytes.equals(sent),
      commit: () =>
        (outcome ??= (async () => {
          try {
            if (aborted) throw this.aborted('put', AbortSignal.abort(), key);
            this.throwIfAborted('put', options.signal, key);
            this.#assertConditions(key, options, details);
            return this.#publish(info, bytes);
          } finally {
            release();
          }
        })()),
      abort: async () => {
        if (outcome) return;
        aborted = true;
        release();
      },
    };
  }

  async open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    this.throwIfAborted('get', options.signal, key);
    const details = this.#details('get', key);
    const { info, bytes } = this.#find(key, details);
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw new PreconditionFailedError(details);
    return {
      info,
      range: resolveRange(options.range, info.size, details),
      body: this.#body(bytes, options.range, details),
    };
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    this.throwIfAborted('getMetadata', options.signal, key);
    return this.#find(key, this.#details('getMetadata', key)).info;
  }

  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    this.throwIfAborted('delete', options.signal, key);
    const found = this.#objects.get(key);
    if (!found) return false;
    this.#objects.delete(key);
    this.#used -= found.info.size;
    this.#order = undefined;
    return true;
  }

  override copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return this.#copy('copy', from, to, options);
  }

  override async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    const info = await this.#copy('move', from, to, options);
    if (from !== to) await this.delete(from);
    return info;
  }

  async #copy(operation: 'copy' | 'move', from: StorageKey, to: StorageKey, options: CopyOptions): Promise<ObjectInfo> {
    this.throwIfAborted(operation, options.signal, from);
    const { info, bytes } = this.#find(from, this.#details(operation, from));
    const details = this.#details(operation, to);
    this.#assertConditions(to, options, details);
    this.#reserve(0, details, info.size - (this.#objects.get(to)?.info.size ?? 0));
    // Stored bytes never change, so two objects may share them.
    return this.#publish({ ...info, key: to }, bytes);
  }

  async list(options: ListPageOptions): Promise<ListPage> {
    this.throwIfAborted('list', options.signal);
    const { prefix, delimiter, limit } = options;
    const after = decodeCursor(options.cursor, prefix, this.name);
    this.#order ??= [...this.#objects.keys()].sort(compareKeys);
    const objects: ObjectInfo[] = [];
    const prefixes: string[] = [];
    let last = '';
    for (let at = this.#firstAt(after ?? prefix); at < this.#order.length; at++) {
      const key = this.#order[at]!;
      if (!key.startsWith(prefix)) break;
      if (!isPast(key, after)) continue;
      const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      const folder = cut < 0 ? undefined : key.slice(0, cut + 1);
      if (folder !== undefined && folder === last) continue;
      if (objects.length + prefixes.length === limit) return { objects, prefixes, cursor: encodeCursor(prefix, last) };
      last = folder ?? key;
      if (folder === undefined) objects.push(this.#objects.get(key)!.info);
      else prefixes.push(folder);
    }
    return { objects, prefixes };
  }

  async check(options: CheckOptions): Promise<void> {
    this.throwIfAborted('checkHealth', options.signal);
    if (!options.write) return;
    this.#reserve(1, this.#details('checkHealth'));
    this.#used -= 1;
  }

  override async close(): Promise<void> {
    this.#objects.clear();
    this.#order = undefined;
    this.#used = 0;
  }

  #details(operation: StorageOperation, key?: string): StorageErrorDetails {
    return { operation, key, backend: this.name };
  }

  #find(key: StorageKey, details: StorageErrorDetails): StoredObject {
    const found = this.#objects.get(key);
    if (!found) throw new StorageFileNotFoundError(details);
    return found;
  }

  #assertConditions(key: StorageKey, conditions: WriteConditions, details: StorageErrorDetails): void {
    assertConditions(this.#objects.get(key)?.info.etag, conditions, details);
  }

  /** Counts bytes in, or refuses. @param growth bytes that will be counted later, by publishing */
  #reserve(bytes: number, details: StorageErrorDetails, growth = 0): void {
    if (this.#used + bytes + growth > this.#maxBytes) {
      throw new QuotaExceededError({
        ...details,
        reason: `the limit of ${this.#maxBytes} bytes of the memory backend is reached`,
        advice: 'Delete files, raise maxBytes, or use a store on disk.',
      });
    }
    this.#used += bytes;
  }

  #publish(info: Omit<ObjectInfo, 'etag' | 'lastModified'>, bytes: Buffer): ObjectInfo {
    const old = this.#objects.get(info.key);
    const stored = Object.freeze({ ...info, etag: randomUUID(), lastModified: new Date() });
    this.#used += bytes.length - (old?.info.size ?? 0);
    this.#objects.set(info.key, { info: stored, bytes });
    if (!old) this.#order = undefined;
    return stored;
  }

  #body(bytes: Buffer, range: ByteRange | undefined, details: StorageErrorDetails): Readable {
    const part = resolveRange(range, bytes.length, details);
    return Readable.from(chunksOf(part ? bytes.subarray(part.start, part.end + 1) : bytes), { objectMode: false });
  }

  /** Index of the first key that is not before `name`. */
  #firstAt(name: string): number {
    const keys = this.#order!;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(keys[middle]!, name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
