/** The store on disk: every object a file under its own key, readable by other tools; see docs/decisions/0020 ff. */
import { pathToFileURL } from 'node:url';
import {
  assertConditions,
  BaseStorageBackend,
  decodeCursor,
  MAX_KEY_BYTES,
  OperationAbortedError,
  PreconditionFailedError,
  resolveRange,
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
  StorageError,
  StorageFileNotFoundError,
  type StorageErrorDetails,
  type StorageKey,
  type StorageOperation,
} from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import { SHORT_BYTES } from '../../disk/short-calls.js';
import { StoppableBody, writeBody } from './body-writer.js';
import { FileBody } from './file-body.js';
import { fileHolds } from './file-bytes.js';
import { close } from './fs-calls.js';
import { isMissing, rootIsGone, storageError } from './fs-errors.js';
import { etagOf } from './identity.js';
import { listPage } from './listing.js';
import { assertFits, MAX_SEGMENT_BYTES } from './local-key.js';
import { localSettings, type LocalBackendOptions, type LocalSettings } from './local.options.js';
import { probe } from './probe.js';
import { publish } from './publisher.js';
import { LocalStore } from './store.js';
import type { SweepReport, TempFile } from './temp-files.js';
import { copyFile, moveByLink, remove } from './transfer.js';
import { infoOf, lookFor, openVersion, statVersion } from './versions.js';

/**
 * Objects as plain files below one root folder.
 *
 * Construction and reading leave the disk as it is; the first write makes the root where it is missing, and sweeps what
 * dead processes left (docs/decisions/0157).
 * Several processes and hosts may share a root: reads are never torn or mixed, create-only holds everywhere, and
 * `ifMatch` holds among writers that use it (docs/decisions/0023).
 *
 * @publicApi
 */
export class LocalBackend extends BaseStorageBackend {
  readonly name = 'local';
  readonly capabilities: StorageCapabilities = {
    createOnly: ['single', 'multipart', 'copy'],
    ifMatch: ['single', 'multipart', 'copy'],
    ordering: 'utf8',
    maxKeyBytes: MAX_KEY_BYTES,
    maxSegmentBytes: MAX_SEGMENT_BYTES,
    hierarchical: true,
    emptyObjects: true,
    stagedReads: true,
    consistency: 'strong',
    getUrl: [],
    getUploadUrl: [],
  };
  readonly #settings: LocalSettings;
  #store: Promise<LocalStore> | undefined;

  /** @throws StorageConfigurationError */
  constructor(options: LocalBackendOptions) {
    super();
    this.#settings = localSettings(options);
  }

  get location(): string {
    return `${pathToFileURL(this.#settings.root).href.replace(/\/$/, '')}/`;
  }

  /** What stage() would refuse before it reads a byte. @throws as stage() */
  assertStorable(key: StorageKey): void {
    assertFits(key, this.#details('put', key));
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details = this.#details('put', key);
    const { store, temp } = await this.#run(details, async (opened) => {
      this.throwIfAborted('put', options.signal, key);
      assertFits(key, details);
      await opened.ensureWritable();
      await this.#assertConditions(opened, key, options, details);
      this.throwIfAborted('put', options.signal, key);
      return { store: opened, temp: await opened.temps.create(key) };
    });
    const source = new StoppableBody(body, options.signal, () => this.aborted('put', options.signal!, key));
    try {
      const size = await writeBody(source, temp.fd, { durable: this.#settings.durable });
      return this.#staged(store, key, temp, size, options);
    } catch (error) {
      await temp.discard();
      // What the body threw is the caller's own, whatever it looks like.
      throw source.failed ? error : await this.#told(error, details);
    }
  }

  async open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    const details = this.#details('get', key);
    return this.#read(details, async (store) => {
      this.throwIfAborted('get', options.signal, key);
      assertFits(key, details);
      if (!store) throw new StorageFileNotFoundError(details);
      const { fd, stats, record } = await openVersion(store, key);
      try {
        this.throwIfAborted('get', options.signal, key);
        const info = infoOf(store, key, stats, record);
        if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw new PreconditionFailedError(details);
        const range = resolveRange(options.range, info.size, details);
        const body = new FileBody(fd, {
          start: range?.start ?? 0,
          length: range ? range.end - range.start + 1 : 0,
          details,
          signal: options.signal,
          abortedError: () => this.aborted('get', options.signal!, key),
        });
        return { info, range, body };
      } catch (error) {
        await close(fd);
        throw error;
      }
    });
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    const details = this.#details('getMetadata', key);
    return this.#read(details, async (store) => {
      this.throwIfAborted('getMetadata', options.signal, key);
      assertFits(key, details);
      if (!store) throw new StorageFileNotFoundError(details);
      const { stats, record } = await statVersion(store, key);
      return infoOf(store, key, stats, record);
    });
  }

  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    const details = this.#details('delete', key);
    return this.#read(details, async (store) => {
      this.throwIfAborted('delete', options.signal, key);
      assertFits(key, details);
      if (!store) return false;
      await store.prepare();
      const removed = await remove(store, key);
      // On a volume that is not mounted nothing was deleted, which must not look as if there was nothing.
      if (!removed && (await store.isGone())) throw rootIsGone(undefined, details);
      return removed;
    });
  }

  override async copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return (await this.#transfer('copy', from, to, options, copyFile)) ?? super.copy(from, to, options);
  }

  override async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return (await this.#transfer('move', from, to, options, moveByLink)) ?? super.move(from, to, options);
  }

  async list(options: ListPageOptions): Promise<ListPage> {
    const throwIfAborted = () => this.throwIfAborted('list', options.signal);
    return this.#read(this.#details('list'), async (store) => {
      if (store) return listPage(store, options, throwIfAborted);
      throwIfAborted();
      decodeCursor(options.cursor, options.prefix, this.name);
      return { objects: [], prefixes: [] };
    });
  }

  async check(options: CheckOptions): Promise<void> {
    const throwIfAborted = () => this.throwIfAborted('checkHealth', options.signal);
    // A root that is missing is made, since that tells whether it can be.
    await this.#run(
      this.#details('checkHealth'),
      async (store) => probe(store, options.write, throwIfAborted),
      options.write,
    );
  }

  /** Removes what dead processes left behind, as the first write does. */
  async sweep(): Promise<SweepReport> {
    return this.#run(this.#details('maintain'), (store) => store.sweep());
  }

  override async close(): Promise<void> {
    const opened = this.#store;
    this.#store = undefined;
    // A store that could not be opened has nothing to close.
    const store = await opened?.catch(() => undefined);
    await store?.close();
  }

  #staged(store: LocalStore, key: StorageKey, temp: TempFile, size: number, options: StageOptions): StagedObject {
    const details = this.#details('put', key);
    const { contentType, cacheControl, contentDisposition } = options;
    const record = { contentType, metadata: { ...options.metadata }, cacheControl, contentDisposition };
    let outcome: Promise<ObjectInfo> | undefined;
    let aborted: Promise<void> | undefined;
    return {
      info: { key, size, ...record },
      open: async (range?: ByteRange) => {
        const part = resolveRange(range, size, details);
        const abortedError = () => this.aborted('put', options.signal ?? AbortSignal.abort(), key);
        if (outcome ?? aborted) throw abortedError();
        const fd = await temp.openAgain().catch((error: unknown) => {
          throw storageError(error, details);
        });
        const length = part ? part.end - part.start + 1 : 0;
        return new FileBody(fd, { start: part?.start ?? 0, length, details, abortedError });
      },
      matches: (bytes) =>
        this.#run(details, async () => {
          if (outcome ?? aborted) throw new OperationAbortedError(details);
          return bytes.byteLength === size && fileHolds(temp.fd, bytes);
        }),
      commit: () =>
        (outcome ??= this.#run(details, async () => {
          if (aborted) throw new OperationAbortedError(details);
          const throwIfAborted = () => this.throwIfAborted('put', options.signal, key);
          return publish(store, { key, temp, record, conditions: options, details, throwIfAborted });
        })),
      abort: async () => {
        if (!outcome) await (aborted ??= temp.discard());
      },
    };
  }

  async #transfer(
    operation: 'copy' | 'move',
    from: StorageKey,
    to: StorageKey,
    options: CopyOptions,
    transfer: typeof copyFile,
  ): Promise<ObjectInfo | undefined> {
    const details = this.#details(operation, to);
    return this.#run(details, async (store) => {
      const throwIfAborted = () => this.throwIfAborted(operation, options.signal, from);
      throwIfAborted();
      assertFits(from, this.#details(operation, from));
      assertFits(to, details);
      await store.ensureWritable();
      try {
        return await transfer(store, { from, to, options, details, throwIfAborted });
      } catch (error) {
        // The target's folders are made where they are missing: what is missing is the source.
        throw isMissing(error) ? storageError(error, this.#details(operation, from)) : error;
      }
    });
  }

  /** The early look: a body that cannot be published need not be read, nor be brought to the disk. */
  async #assertConditions(store: LocalStore, key: StorageKey, options: StageOptions, details: StorageErrorDetails) {
    if (options.ifMatch === undefined && options.ifNoneMatch === undefined) return;
    const { size } = options;
    // Writing it costs no more than the look does.
    if (size !== undefined && size <= SHORT_BYTES && !this.#settings.durable) return;
    const stats = await lookFor(store, key);
    assertConditions(stats && etagOf(store.layoutId, stats), options, details);
  }

  /** @param writes false: the root is there, and that is all */
  async #run<T>(details: StorageErrorDetails, task: (store: LocalStore) => Promise<T>, writes = true): Promise<T> {
    try {
      const store = await this.#opened();
      if (writes) await store.prepare();
      return await task(store);
    } catch (error) {
      throw await this.#told(error, details);
    }
  }

  /** @param task gets no store where there is no root: a store without objects */
  async #read<T>(details: StorageErrorDetails, task: (store: LocalStore | undefined) => Promise<T>): Promise<T> {
    try {
      return await task(await this.#found());
    } catch (error) {
      throw await this.#told(error, details);
    }
  }

  async #told(error: unknown, details: StorageErrorDetails): Promise<StorageError> {
    if (error instanceof StorageError || !isMissing(error)) return storageError(error, details);
    switch (details.operation) {
      // Missing is not-found, also where a file stands in place of a folder; only a write calls that a conflict.
      case 'get':
      case 'getMetadata':
        if (await this.#rootIsGone()) return rootIsGone(error, details);
        return new StorageFileNotFoundError({ ...details, cause: error });
      case 'copy':
      case 'move':
        return storageError(error, details);
      default:
        // Folders below the root are made where they are missing: what is missing is the root.
        return codeOf(error) === 'ENOENT' ? rootIsGone(error, details) : storageError(error, details);
    }
  }

  async #rootIsGone(): Promise<boolean> {
    try {
      return (await (await this.#store)?.isGone()) ?? false;
    } catch {
      // There never was a store.
      return false;
    }
  }

  /** Undefined where there is no root. One that was there once is missed from then on: it is never looked for anew. */
  async #found(): Promise<LocalStore | undefined> {
    if (this.#store) return this.#store;
    const found = await LocalStore.find(this.#settings);
    // Whoever was first gives the one store whose locks count.
    return found ? (this.#store ??= Promise.resolve(found)) : this.#store;
  }

  async #opened(): Promise<LocalStore> {
    await this.#found();
    return (this.#store ??= LocalStore.open(this.#settings).catch((error: unknown) => {
      // The next use tries again.
      this.#store = undefined;
      throw error;
    }));
  }

  #details(operation: StorageOperation, key?: string): StorageErrorDetails {
    return { operation, key, backend: this.name };
  }
}
