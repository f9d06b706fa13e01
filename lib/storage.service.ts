/** What apps inject: checks keys, options and bodies, gives conveniences, and calls one backend. */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  OperationAbortedError,
  StorageError,
  StorageFileNotFoundError,
  type ObjectInfo,
  type OperationOptions,
  type SignedUpload,
  type StorageBackend,
  type StorageCapabilities,
  type StorageErrorDetails,
  type StorageOperation,
  type WriteConditions,
} from './contract/index.js';
import { discardBody, type StorageBody } from './service/body.js';
import { BoundStorage } from './service/bound-storage.js';
import { allFiles, DEFAULT_LIST_LIMIT, deleteFolder, firstKeys, readPage } from './service/listing.js';
import { defaultUrl, signGet, signPut } from './service/signing.js';
import { stageFile, type StagedBytes } from './service/stage-file.js';
import { assertStorable } from './service/storable.js';
import type {
  CheckHealthOptions,
  DeletedFiles,
  GetOptions,
  GetUploadUrlOptions,
  ListedFile,
  ListedPage,
  ListOptions,
  ListPageQuery,
  OpenedFile,
  PutOptions,
  StagedUpload,
  StageFileOptions,
  StageFileRequest,
  StorageServiceSettings,
} from './service/storage-options.js';
import { StoredFile, type GetUrlOptions } from './service/stored-file.js';
import { traced, type OperationTrace, type TracedOperation } from './service/tracing.js';
import { checkedCount, checkedRange } from './service/write-options.js';
import { currentBackend, ScopeBackend } from './wrappers/index.js';

/** Names of traced operations that errors know by another. */
const ERROR_NAMES: Partial<Record<TracedOperation, StorageOperation>> = {
  deleteMany: 'delete',
  deletePrefix: 'delete',
};

/**
 * File storage that does not care where the bytes live.
 *
 * @publicApi
 */
export class StorageService {
  /** Name of this storage among several: `default` unless it was given one. */
  readonly name: string;
  readonly #bound: BoundStorage;

  constructor(backend: StorageBackend, settings: StorageServiceSettings = {}) {
    this.#bound = new BoundStorage(backend, settings);
    this.name = settings.name ?? 'default';
  }

  /** Kind of store behind this storage: `local`, `memory`, `s3`, ... */
  get backendName(): string {
    return this.#bound.backend.name;
  }

  get capabilities(): StorageCapabilities {
    return this.#bound.capabilities;
  }

  /**
   * Where the files are, without secrets, ending with `/`: `s3://host/bucket/`. Equal for two storages of the same
   * files. Undefined where it cannot be told: in memory, behind a client of the app, in a scope that changes.
   */
  get location(): string | undefined {
    return this.#bound.backend.location;
  }

  /**
   * Throws what put() would refuse before it reads the body: the key, the size, the metadata as the store encodes it, a
   * condition. Asks nobody, writes nothing.
   *
   * @throws InvalidKeyError, InvalidOptionsError, FileTooLargeError, NotSupportedError
   */
  assertStorable(key: string, options: StageFileOptions = {}): void {
    assertStorable(this.#own('put').#bound, key, options);
  }

  /**
   * Stores a file and publishes it in one step: until this resolves readers see the old file, and after a failure too.
   *
   * @returns the stored file, with a signed `url` of default expiry (where the storage can make one)
   * @throws InvalidKeyError, InvalidOptionsError, FileTooLargeError, SizeMismatchError, ChecksumMismatchError,
   * AlreadyExistsError, PreconditionFailedError, KeyConflictError, QuotaExceededError, PermissionDeniedError,
   * SourceFailedError, OperationAbortedError
   */
  async put(key: string, body: StorageBody, options: PutOptions = {}): Promise<StoredFile> {
    return this.#write(body, key, async (own, trace) => {
      const staged = await own.#stage(key, body, options);
      try {
        const url = options.url === false ? undefined : await defaultUrl(own.#bound, staged.info.key);
        const file = own.#file(await staged.commit(), url);
        if (trace) trace.message.bytes = file.size;
        return file;
      } catch (error) {
        await staged.abort();
        throw error;
      }
    });
  }

  /** Takes in a file without publishing it. End it with exactly one of commit() and abort(). @throws as put() */
  async stage(key: string, body: StorageBody, options: StageFileRequest = {}): Promise<StagedUpload> {
    return this.#write(body, key, async (own, trace) => {
      const staged = await own.#stage(key, body, options);
      const upload = { ...staged, commit: async () => own.#file(await staged.commit()) };
      return trace ? trace.followUpload(upload) : upload;
    });
  }

  /**
   * Reads a file, or a part of it, into memory.
   *
   * @throws StorageFileNotFoundError, InvalidRangeError, PreconditionFailedError
   */
  async get(key: string, options: GetOptions = {}): Promise<Buffer> {
    return buffer(await this.getStream(key, options));
  }

  /** Opens a file for reading. Consume or destroy the stream. @throws as get() */
  async getStream(key: string, options: GetOptions = {}): Promise<Readable> {
    return (await this.open(key, options)).body;
  }

  /** Opens a file for reading together with its facts, both of one version. @throws as get() */
  async open(key: string, options: GetOptions = {}): Promise<OpenedFile> {
    return this.#run('get', { key }, async (own, trace) => {
      const parsed = own.#bound.key('get', key);
      const details = own.#bound.details('get', parsed);
      const { ifMatch, signal } = options;
      const range = checkedRange(options.range, details);
      const { info, body, range: read } = await own.#bound.backend.open(parsed, { range, ifMatch, signal });
      // Its reader gets the error; one who is still busy elsewhere must not lose the process to it.
      body.on('error', () => undefined);
      trace?.followBody(body, read ? read.end - read.start + 1 : info.size);
      if (signal) destroyOnAbort(body, signal, details);
      return { file: own.#file(info), range: read, body };
    });
  }

  /** True when the file is there; false only when it is not. A store that denies or fails throws. */
  async exists(key: string, options: OperationOptions = {}): Promise<boolean> {
    return this.#run('exists', { key }, async (own) => {
      const parsed = own.#bound.key('exists', key);
      try {
        await own.#bound.backend.stat(parsed, options);
        return true;
      } catch (error) {
        if (error instanceof StorageFileNotFoundError) return false;
        throw error;
      }
    });
  }

  /** Type, size, dates, etag and metadata of a file. @throws StorageFileNotFoundError */
  async getMetadata(key: string, options: OperationOptions = {}): Promise<StoredFile> {
    return this.#run('getMetadata', { key }, async (own) =>
      own.#file(await own.#bound.backend.stat(own.#bound.key('getMetadata', key), options)),
    );
  }

  /** Deletes a file. False where there was none. */
  async delete(key: string, options: OperationOptions = {}): Promise<boolean> {
    return this.#run('delete', { key }, async (own) =>
      own.#bound.backend.delete(own.#bound.key('delete', key), options),
    );
  }

  /** Deletes many files; one failure does not stop the rest. */
  async deleteMany(keys: readonly string[], options: OperationOptions = {}): Promise<DeletedFiles> {
    return this.#run('deleteMany', {}, async (own) => {
      const parsed = keys.map((key) => own.#bound.key('delete', key));
      return own.#bound.backend.deleteMany(parsed, options);
    });
  }

  /**
   * Deletes every file in a folder.
   *
   * @param prefix must end with `/`, so that `user/1` can never take `user/10` with it
   */
  async deletePrefix(prefix: string, options: OperationOptions = {}): Promise<DeletedFiles> {
    return this.#run('deletePrefix', { key: prefix }, (own) => deleteFolder(own.#bound, prefix, options));
  }

  /** Copies a file with its type and metadata. Conditions are about the target. */
  async copy(from: string, to: string, options: OperationOptions & WriteConditions = {}): Promise<StoredFile> {
    return this.#run('copy', { key: from, target: to }, async (own) => {
      const [source, target] = own.#bound.pair('copy', from, to, options);
      return own.#file(await own.#bound.backend.copy(source, target, options));
    });
  }

  /** Moves a file with its type and metadata. Conditions are about the target. */
  async move(from: string, to: string, options: OperationOptions & WriteConditions = {}): Promise<StoredFile> {
    return this.#run('move', { key: from, target: to }, async (own) => {
      const [source, target] = own.#bound.pair('move', from, to, options);
      return own.#file(await own.#bound.backend.move(source, target, options));
    });
  }

  /** All files under a prefix, page by page as they are asked for, in key order where the backend can. */
  list(options: ListOptions = {}): AsyncGenerator<ListedFile, void, undefined> {
    // Whose files these are is told by who asked for the list, not by who reads on in it.
    const own = this.#own('list');
    return allFiles((query) => own.listPage(query), options);
  }

  /** One page of files and folders. @throws InvalidKeyError for the prefix, InvalidOptionsError for the cursor */
  async listPage(query: ListPageQuery = {}): Promise<ListedPage> {
    return this.#run('list', { key: query.prefix ?? '' }, (own) => readPage(own.#bound, query));
  }

  /** The first keys under a prefix. @param options.limit default 1,000 */
  async listKeys(prefix = '', options: OperationOptions & { readonly limit?: number } = {}): Promise<string[]> {
    const own = this.#own('list');
    const limit = checkedCount('limit', options.limit ?? DEFAULT_LIST_LIMIT, 1, own.#bound.details('list'));
    return firstKeys((query) => own.listPage(query), prefix, limit, options);
  }

  /**
   * A signed URL that reads this one file until it expires.
   *
   * @throws StorageFileNotFoundError (unless `mustExist: false`), InvalidOptionsError (expiry), NotSupportedError
   */
  async getUrl(key: string, options: GetUrlOptions = {}): Promise<string> {
    return this.#run('getUrl', { key }, (own) => signGet(own.#bound, key, options));
  }

  /**
   * What a browser or another client needs to upload this one file by itself until it expires.
   *
   * @throws InvalidOptionsError, NotSupportedError for what the backend cannot bind
   */
  async getUploadUrl(key: string, options: GetUploadUrlOptions = {}): Promise<SignedUpload> {
    return this.#run('getUploadUrl', { key }, (own) => signPut(own.#bound, key, options));
  }

  /**
   * The same storage below a prefix: every key, listing and URL is under it, and no key leads out.
   *
   * @example storage.scope('tenants/acme').put('a.txt', 'hi') // stores tenants/acme/a.txt
   */
  scope(prefix: string): StorageService {
    const { backend, settings } = this.#bound;
    return new StorageService(new ScopeBackend(backend, prefix), settings);
  }

  /**
   * This storage as it is for who asks now. Where the module's `scope` makes it the current tenant's, what this gives
   * stays that tenant's wherever it is used later: in a queue, a timer, an event handler. Elsewhere it is the storage
   * itself.
   *
   * @throws PermissionDeniedError where there is no scope now, InvalidKeyError where it is not a valid one
   */
  forCurrentScope(): StorageService {
    return this.#own('scope');
  }

  /** Resolves when the store can be used; else throws what is wrong. Read-only unless `write`. */
  async checkHealth(options: CheckHealthOptions = {}): Promise<void> {
    const { backend } = this.#bound;
    const facts = () => ({ storage: this.name, backend: backend.name });
    // Of the whole store: probes come without a tenant.
    return traced('checkHealth', facts, () => backend.check({ write: options.write ?? false, signal: options.signal }));
  }

  /** Lets go of what the backend holds. Nest calls the module's own at shutdown. */
  async close(): Promise<void> {
    await this.#bound.backend.close();
  }

  /** Every operation passes here: it is told to who listens, and done in the scope that holds as it begins. */
  #run<T>(
    operation: TracedOperation,
    facts: { readonly key?: string; readonly target?: string },
    work: (own: StorageService, trace?: OperationTrace) => Promise<T>,
  ): Promise<T> {
    const message = () => ({ storage: this.name, backend: this.backendName, ...facts });
    return traced(operation, message, async (trace) => {
      const own = this.#own(ERROR_NAMES[operation] ?? (operation as StorageOperation));
      const { backend } = own.#bound;
      if (trace && backend instanceof ScopeBackend) trace.message.scope = backend.prefix;
      return work(own, trace);
    });
  }

  /** A write that is refused before its body was looked at lets the body go. */
  async #write<T>(
    body: StorageBody,
    key: string,
    work: (own: StorageService, trace?: OperationTrace) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#run('put', { key }, work);
    } catch (error) {
      discardBody(body);
      throw error;
    }
  }

  #own(operation: StorageOperation): StorageService {
    const { backend, settings } = this.#bound;
    const current = currentBackend(backend, operation);
    return current === backend ? this : new StorageService(current, settings);
  }

  async #stage(key: string, body: StorageBody, options: StageFileRequest): Promise<StagedBytes> {
    const parsed = this.#bound.key('put', key);
    const details = this.#bound.details('put', parsed);
    const maxSize = this.#bound.maxSize(options.maxSize, details);
    return stageFile(this.#bound.backend, parsed, body, options, maxSize, details);
  }

  #file(info: ObjectInfo, url?: string): StoredFile {
    return new StoredFile(info, (key, options) => this.getUrl(key, options), url);
  }
}

function destroyOnAbort(body: Readable, signal: AbortSignal, details: StorageErrorDetails): void {
  const destroy = () => {
    body.destroy(
      signal.reason instanceof StorageError
        ? signal.reason
        : new OperationAbortedError({ ...details, cause: signal.reason }),
    );
  };
  if (signal.aborted) return destroy();
  signal.addEventListener('abort', destroy, { once: true });
  body.once('close', () => signal.removeEventListener('abort', destroy));
}
