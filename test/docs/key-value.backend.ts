/** The backend that docs/custom-backend.md shows: objects as values of a key-value store. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  BaseStorageBackend,
  compareKeys,
  decodeCursor,
  encodeCursor,
  isPast,
  MAX_KEY_BYTES,
  NotSupportedError,
  OperationAbortedError,
  PreconditionFailedError,
  resolveRange,
  StorageFileNotFoundError,
  StorageUnavailableError,
  type CheckOptions,
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
} from 'nestjs-storage';

export interface Entry {
  readonly info: ObjectInfo;
  readonly bytes: Buffer;
}

/** What is needed of the store. set() replaces a value in one step. */
export interface KeyValueClient {
  get(key: string): Promise<Entry | undefined>;
  set(key: string, entry: Entry): Promise<void>;
  delete(key: string): Promise<boolean>;
  keys(prefix: string): Promise<string[]>;
}

export class KeyValueBackend extends BaseStorageBackend {
  readonly name = 'key-value';
  readonly capabilities: StorageCapabilities = {
    createOnly: [],
    ifMatch: [],
    ordering: 'utf8',
    maxKeyBytes: MAX_KEY_BYTES,
    maxObjectBytes: 16 * 1024 * 1024, // values are held whole
    hierarchical: false,
    emptyObjects: true,
    stagedReads: false,
    consistency: 'strong',
    getUrl: [], // none of its own: the app's signed routes serve it
    getUploadUrl: [],
  };

  constructor(private readonly client: KeyValueClient) {
    super();
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details: StorageErrorDetails = { operation: 'put', key, backend: this.name };
    const { contentType, metadata, cacheControl, contentDisposition, ifNoneMatch, ifMatch, signal } = options;
    if (ifNoneMatch !== undefined || ifMatch !== undefined) {
      throw new NotSupportedError({ ...details, reason: 'this store has no conditional writes' });
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) {
      this.throwIfAborted('put', signal, key);
      chunks.push(chunk);
    }
    this.throwIfAborted('put', signal, key);
    const bytes = Buffer.concat(chunks);
    const info = { key, size: bytes.length, contentType, metadata, cacheControl, contentDisposition };
    let aborted = false;
    const publish = async (): Promise<ObjectInfo> => {
      if (aborted) throw new OperationAbortedError(details);
      this.throwIfAborted('put', signal, key);
      const stored = { ...info, etag: randomUUID(), lastModified: new Date() };
      await this.#ask(details, () => this.client.set(key, { info: stored, bytes }));
      return stored;
    };
    let outcome: Promise<ObjectInfo> | undefined;
    return {
      info,
      commit: () => (outcome ??= publish()),
      abort: async () => {
        aborted = true;
      },
    };
  }

  async open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    const { info, bytes } = await this.#find('get', key, options.signal);
    const details: StorageErrorDetails = { operation: 'get', key, backend: this.name };
    if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw new PreconditionFailedError(details);
    const range = resolveRange(options.range, info.size, details);
    const part = range ? bytes.subarray(range.start, range.end + 1) : bytes;
    return { info, range, body: Readable.from(part.length > 0 ? [part] : [], { objectMode: false }) };
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    return (await this.#find('getMetadata', key, options.signal)).info;
  }

  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    this.throwIfAborted('delete', options.signal, key);
    return this.#ask({ operation: 'delete', key, backend: this.name }, () => this.client.delete(key));
  }

  async list({ prefix, delimiter, cursor, limit, signal }: ListPageOptions): Promise<ListPage> {
    this.throwIfAborted('list', signal);
    const details: StorageErrorDetails = { operation: 'list', backend: this.name };
    const after = decodeCursor(cursor, prefix, this.name);
    const keys = await this.#ask(details, () => this.client.keys(prefix));
    const objects: ObjectInfo[] = [];
    const prefixes: string[] = [];
    let last = '';
    for (const key of keys.sort(compareKeys).filter((candidate) => isPast(candidate, after))) {
      const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      const folder = cut < 0 ? undefined : key.slice(0, cut + 1);
      if (folder !== undefined && folder === last) continue;
      if (objects.length + prefixes.length === limit) return { objects, prefixes, cursor: encodeCursor(prefix, last) };
      last = folder ?? key;
      if (folder !== undefined) prefixes.push(folder);
      else {
        const entry = await this.#ask(details, () => this.client.get(key));
        if (entry) objects.push(entry.info); // undefined where it was deleted since
      }
    }
    return { objects, prefixes };
  }

  async check(options: CheckOptions): Promise<void> {
    this.throwIfAborted('checkHealth', options.signal);
    await this.#ask({ operation: 'checkHealth', backend: this.name }, () => this.client.get('health'));
  }

  async #find(operation: 'get' | 'getMetadata', key: StorageKey, signal: AbortSignal | undefined): Promise<Entry> {
    this.throwIfAborted(operation, signal, key);
    const details: StorageErrorDetails = { operation, key, backend: this.name };
    const entry = await this.#ask(details, () => this.client.get(key));
    if (!entry) throw new StorageFileNotFoundError(details);
    return entry;
  }

  /** A failure of the client becomes one of the family, with the client's own kept as cause. */
  async #ask<T>(details: StorageErrorDetails, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw new StorageUnavailableError({ ...details, cause });
    }
  }
}
