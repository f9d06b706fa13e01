/** What apps inject: checks keys, options and bodies, gives conveniences, and calls one backend. */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  InvalidKeyError,
  InvalidOptionsError,
  OperationAbortedError,
  parseKey,
  parsePrefix,
  StorageConfigurationError,
  StorageError,
  StorageFileNotFoundError,
  type ObjectInfo,
  type OperationOptions,
  type SignedUpload,
  type StorageBackend,
  type StorageCapabilities,
  type StorageErrorDetails,
  type StorageKey,
  type StorageOperation,
  type WriteConditions,
} from './contract/index.js';
import { discardBody, type StorageBody } from './service/body.js';
import { stageFile, type StagedBytes } from './service/stage-file.js';
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
  StageFileRequest,
  StorageServiceSettings,
} from './service/storage-options.js';
import { StoredFile, type GetUrlOptions } from './service/stored-file.js';
import { assertBindings, checkedExpiry, dispositionOf } from './service/url-requests.js';
import {
  checkedConditions,
  checkedContentType,
  checkedCount,
  checkedMetadata,
  checkedRange,
} from './service/write-options.js';
import { ScopeBackend } from './wrappers/index.js';

const DEFAULT_LIST_LIMIT = 1000;
const DELETE_BATCH = 1000;

/**
 * File storage that does not care where the bytes live.
 *
 * @publicApi
 */
export class StorageService {
  /** Name of this storage among several: `default` unless it was given one. */
  readonly name: string;
  readonly #backend: StorageBackend;
  readonly #settings: StorageServiceSettings;

  constructor(backend: StorageBackend, settings: StorageServiceSettings = {}) {
    this.#backend = backend;
    this.#settings = settings;
    this.name = settings.name ?? 'default';
  }

  /** Kind of store behind this storage: `local`, `memory`, `s3`, ... */
  get backendName(): string {
    return this.#backend.name;
  }

  get capabilities(): StorageCapabilities {
    return this.#backend.capabilities;
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
    const staged = await this.#stage(key, body, options);
    try {
      const url = options.url === false ? undefined : await this.#defaultUrl(staged.info.key);
      return this.#file(await staged.commit(), url);
    } catch (error) {
      await staged.abort();
      throw error;
    }
  }

  /** Takes in a file without publishing it. End it with exactly one of commit() and abort(). @throws as put() */
  async stage(key: string, body: StorageBody, options: StageFileRequest = {}): Promise<StagedUpload> {
    const staged = await this.#stage(key, body, options);
    return { ...staged, commit: async () => this.#file(await staged.commit()) };
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
    const parsed = this.#key('get', key);
    const details = this.#details('get', parsed);
    const { signal } = options;
    const range = checkedRange(options.range, details);
    const { info, body, range: read } = await this.#backend.open(parsed, { range, ifMatch: options.ifMatch, signal });
    if (signal) destroyOnAbort(body, signal, details);
    return { file: this.#file(info), range: read, body };
  }

  /** True when the file is there; false only when it is not. A store that denies or fails throws. */
  async exists(key: string, options: OperationOptions = {}): Promise<boolean> {
    const parsed = this.#key('exists', key);
    try {
      await this.#backend.stat(parsed, options);
      return true;
    } catch (error) {
      if (error instanceof StorageFileNotFoundError) return false;
      throw error;
    }
  }

  /** Type, size, dates, etag and metadata of a file. @throws StorageFileNotFoundError */
  async getMetadata(key: string, options: OperationOptions = {}): Promise<StoredFile> {
    return this.#file(await this.#backend.stat(this.#key('getMetadata', key), options));
  }

  /** Deletes a file. False where there was none. */
  async delete(key: string, options: OperationOptions = {}): Promise<boolean> {
    return this.#backend.delete(this.#key('delete', key), options);
  }

  /** Deletes many files; one failure does not stop the rest. */
  async deleteMany(keys: readonly string[], options: OperationOptions = {}): Promise<DeletedFiles> {
    const parsed = keys.map((key) => this.#key('delete', key));
    return this.#backend.deleteMany(parsed, options);
  }

  /**
   * Deletes every file in a folder.
   *
   * @param prefix must end with `/`, so that `user/1` can never take `user/10` with it
   */
  async deletePrefix(prefix: string, options: OperationOptions = {}): Promise<DeletedFiles> {
    if (typeof prefix !== 'string' || !prefix.endsWith('/')) {
      throw new InvalidKeyError({
        ...this.#details('delete', String(prefix)),
        reason: 'the prefix of deletePrefix() must end with "/"',
        advice: `Without it ${JSON.stringify(prefix)} would also name its longer siblings.`,
      });
    }
    const deleted: string[] = [];
    const failed: { key: string; error: Error }[] = [];
    let batch: StorageKey[] = [];
    const flush = async () => {
      const result = await this.#backend.deleteMany(batch, options);
      deleted.push(...result.deleted);
      failed.push(...result.failed);
      batch = [];
    };
    for await (const file of this.list({ ...options, prefix })) {
      batch.push(file.key as StorageKey);
      if (batch.length === DELETE_BATCH) await flush();
    }
    if (batch.length > 0) await flush();
    return { deleted, failed };
  }

  /** Copies a file with its type and metadata. Conditions are about the target. */
  async copy(from: string, to: string, options: OperationOptions & WriteConditions = {}): Promise<StoredFile> {
    const [source, target] = this.#pair('copy', from, to, options);
    return this.#file(await this.#backend.copy(source, target, options));
  }

  /** Moves a file with its type and metadata. Conditions are about the target. */
  async move(from: string, to: string, options: OperationOptions & WriteConditions = {}): Promise<StoredFile> {
    const [source, target] = this.#pair('move', from, to, options);
    return this.#file(await this.#backend.move(source, target, options));
  }

  /** All files under a prefix, page by page as they are asked for, in key order where the backend can. */
  async *list(options: ListOptions = {}): AsyncGenerator<ListedFile, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.listPage({ ...options, cursor });
      yield* page.files;
      ({ cursor } = page);
    } while (cursor !== undefined);
  }

  /** One page of files and folders. @throws InvalidKeyError for the prefix, InvalidOptionsError for the cursor */
  async listPage(query: ListPageQuery = {}): Promise<ListedPage> {
    const { prefix = '', delimiter, cursor, limit = DEFAULT_LIST_LIMIT, signal } = query;
    const details = this.#details('list');
    checkedCount('limit', limit, 1, details);
    if (delimiter !== undefined && delimiter !== '/') {
      throw new InvalidOptionsError({ ...details, reason: 'the delimiter of a listing can only be "/"' });
    }
    const parsed = parsePrefix(prefix, { strict: this.#settings.strictKeys, maxBytes: this.capabilities.maxKeyBytes });
    const page = await this.#backend.list({ prefix: parsed, delimiter, cursor, limit, signal });
    return { files: page.objects, prefixes: page.prefixes, ...(page.cursor !== undefined && { cursor: page.cursor }) };
  }

  /** The first keys under a prefix. @param options.limit default 1,000 */
  async listKeys(prefix = '', options: OperationOptions & { readonly limit?: number } = {}): Promise<string[]> {
    const limit = checkedCount('limit', options.limit ?? DEFAULT_LIST_LIMIT, 1, this.#details('list'));
    const keys: string[] = [];
    let cursor: string | undefined;
    do {
      const most = Math.min(limit - keys.length, DEFAULT_LIST_LIMIT);
      const page = await this.listPage({ prefix, cursor, limit: most, signal: options.signal });
      keys.push(...page.files.map((file) => file.key));
      ({ cursor } = page);
    } while (cursor !== undefined && keys.length < limit);
    return keys;
  }

  /**
   * A signed URL that reads this one file until it expires.
   *
   * @throws StorageFileNotFoundError (unless `mustExist: false`), InvalidOptionsError (expiry), NotSupportedError
   */
  async getUrl(key: string, options: GetUrlOptions = {}): Promise<string> {
    const parsed = this.#key('getUrl', key);
    const details = this.#details('getUrl', parsed);
    const { download, contentType, signal } = options;
    const expiresIn = checkedExpiry(options.expiresIn, this.#settings, details);
    const disposition = dispositionOf(parsed, download);
    const asked = {
      disposition: disposition !== undefined,
      filename: disposition?.filename !== undefined,
      contentType: contentType !== undefined,
    };
    assertBindings(this.capabilities.getUrl, asked, details);
    if (contentType !== undefined) checkedContentType(contentType, details);
    if (options.mustExist !== false) await this.#mustExist(parsed, details, signal);
    return this.#backend.getUrl(parsed, { expiresIn, disposition, contentType, signal });
  }

  /**
   * What a browser or another client needs to upload this one file by itself until it expires.
   *
   * @throws InvalidOptionsError, NotSupportedError for what the backend cannot bind
   */
  async getUploadUrl(key: string, options: GetUploadUrlOptions = {}): Promise<SignedUpload> {
    const parsed = this.#key('getUploadUrl', key);
    const details = this.#details('getUploadUrl', parsed);
    const { contentType, size, ifNoneMatch, signal } = options;
    const expiresIn = checkedExpiry(options.expiresIn, this.#settings, details);
    const metadata = options.metadata && checkedMetadata(options.metadata, details);
    const maxSize = size === undefined ? this.#maxSize(options.maxSize, details) : options.maxSize;
    if (contentType !== undefined) checkedContentType(contentType, details);
    if (size !== undefined) checkedCount('size', size, 0, details);
    const asked = {
      contentType: contentType !== undefined,
      size: size !== undefined,
      maxSize: options.maxSize !== undefined,
      createOnly: ifNoneMatch !== undefined,
      metadata: metadata !== undefined,
    };
    assertBindings(this.capabilities.getUploadUrl, asked, details);
    return this.#backend.getUploadUrl(parsed, {
      expiresIn,
      contentType,
      size,
      maxSize: this.capabilities.getUploadUrl.includes('maxSize') ? maxSize : undefined,
      ifNoneMatch,
      metadata,
      signal,
    });
  }

  /**
   * The same storage below a prefix: every key, listing and URL is under it, and no key leads out.
   *
   * @example storage.scope('tenants/acme').put('a.txt', 'hi') // stores tenants/acme/a.txt
   */
  scope(prefix: string): StorageService {
    return new StorageService(new ScopeBackend(this.#backend, prefix), this.#settings);
  }

  /** Resolves when the store can be used; else throws what is wrong. Read-only unless `write`. */
  async checkHealth(options: CheckHealthOptions = {}): Promise<void> {
    await this.#backend.check({ write: options.write ?? false, signal: options.signal });
  }

  /** Lets go of what the backend holds. Nest calls the module's own at shutdown. */
  async close(): Promise<void> {
    await this.#backend.close();
  }

  async #stage(key: string, body: StorageBody, options: StageFileRequest): Promise<StagedBytes> {
    try {
      const parsed = this.#key('put', key);
      const details = this.#details('put', parsed);
      return await stageFile(this.#backend, parsed, body, options, this.#maxSize(options.maxSize, details), details);
    } catch (error) {
      discardBody(body);
      throw error;
    }
  }

  #key(operation: StorageOperation, key: string): StorageKey {
    return parseKey(key, { strict: this.#settings.strictKeys, maxBytes: this.capabilities.maxKeyBytes, operation });
  }

  #pair(operation: 'copy' | 'move', from: string, to: string, conditions: WriteConditions): [StorageKey, StorageKey] {
    const target = this.#key(operation, to);
    checkedConditions(conditions, this.#details(operation, target));
    return [this.#key(operation, from), target];
  }

  #details(operation: StorageOperation, key?: string): StorageErrorDetails {
    return { operation, key, backend: this.#backend.name };
  }

  #file(info: ObjectInfo, url?: string): StoredFile {
    return new StoredFile(info, (key, options) => this.getUrl(key, options), url);
  }

  #maxSize(asked: number | undefined, details: StorageErrorDetails): number | undefined {
    if (asked !== undefined) checkedCount('maxSize', asked, 0, details);
    const limits = [asked, this.#settings.maxFileSize, this.capabilities.maxObjectBytes].filter((n) => n !== undefined);
    return limits.length === 0 ? undefined : Math.min(...limits);
  }

  /** Signed before the commit, so that a failure to sign cannot follow a success; none where no URL can be made. */
  async #defaultUrl(key: StorageKey): Promise<string | undefined> {
    if (this.capabilities.getUrl.length === 0) return undefined;
    try {
      return await this.getUrl(key, { mustExist: false });
    } catch (error) {
      if (error instanceof StorageConfigurationError) return undefined;
      throw error;
    }
  }

  async #mustExist(key: StorageKey, details: StorageErrorDetails, signal?: AbortSignal): Promise<void> {
    try {
      await this.#backend.stat(key, { signal });
    } catch (error) {
      if (!(error instanceof StorageFileNotFoundError)) throw error;
      throw new StorageFileNotFoundError({
        ...details,
        advice: 'Check the key, or pass mustExist: false to sign a URL for a file that comes later.',
        cause: error,
      });
    }
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
