/** What a driver need not write itself: operations derived from the primitives, and refusals. */
import type { StorageCapabilities } from './capabilities.js';
import {
  NotSupportedError,
  OperationAbortedError,
  StorageError,
  StorageFileNotFoundError,
  type StorageOperation,
} from './errors.js';
import type {
  CopyOptions,
  DeleteManyResult,
  ListPage,
  ListPageOptions,
  ObjectInfo,
  OpenedObject,
  OpenOptions,
  OperationOptions,
  SignedUpload,
  SignGetOptions,
  SignPutOptions,
  StageOptions,
} from './objects.js';
import type { CheckOptions, StagedObject, StorageBackend } from './storage-backend.js';
import type { StorageKey } from './storage-key.js';

/**
 * Base of drivers. Override what the store can do better itself.
 *
 * @publicApi
 */
export abstract class BaseStorageBackend implements StorageBackend {
  abstract readonly name: string;
  abstract readonly capabilities: StorageCapabilities;

  abstract stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject>;
  abstract open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject>;
  abstract stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo>;
  abstract delete(key: StorageKey, options?: OperationOptions): Promise<boolean>;
  abstract list(options: ListPageOptions): Promise<ListPage>;
  abstract check(options: CheckOptions): Promise<void>;

  /** One after the other; a store with a bulk call overrides this. */
  async deleteMany(keys: readonly StorageKey[], options: OperationOptions = {}): Promise<DeleteManyResult> {
    const deleted: StorageKey[] = [];
    const failed: { key: StorageKey; error: Error }[] = [];
    for (const key of keys) {
      this.throwIfAborted('delete', options.signal, key);
      try {
        if (await this.delete(key, options)) deleted.push(key);
      } catch (error) {
        failed.push({ key, error: error as Error });
      }
    }
    return { deleted, failed };
  }

  /** Streams the bytes through this process; a store with a copy of its own overrides this. */
  async copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return this.transfer('copy', from, to, options);
  }

  async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    // A driver that copies inside its store moves there too.
    const derived = this.copy === BaseStorageBackend.prototype.copy;
    const info = await (derived
      ? this.transfer('move', from, to, options)
      : this.moving(from, this.copy(from, to, options)));
    if (from !== to) await this.delete(from, { signal: options.signal });
    return info;
  }

  async getUrl(key: StorageKey, _options: SignGetOptions): Promise<string> {
    throw this.noUrls('getUrl', key);
  }

  async getUploadUrl(key: StorageKey, _options: SignPutOptions): Promise<SignedUpload> {
    throw this.noUrls('getUploadUrl', key);
  }

  async close(): Promise<void> {}

  /** Rejects where the caller's signal has fired. */
  protected throwIfAborted(operation: StorageOperation, signal: AbortSignal | undefined, key?: string): void {
    if (signal?.aborted) throw this.aborted(operation, signal, key);
  }

  /** The error of a stopped operation: the signal's reason where that is a StorageError. */
  protected aborted(operation: StorageOperation, signal: AbortSignal, key?: string): StorageError {
    return signal.reason instanceof StorageError
      ? signal.reason
      : new OperationAbortedError({ operation, key, backend: this.name, cause: signal.reason });
  }

  private async transfer(
    operation: 'copy' | 'move',
    from: StorageKey,
    to: StorageKey,
    options: CopyOptions,
  ): Promise<ObjectInfo> {
    this.assertConditionsHoldOnCopies(operation, to, options);
    const { info, body } = await this.openSource(operation, from, options.signal);
    // It may fail before the target begins to read it, which learns that then.
    body.on('error', () => {});
    try {
      const staged = await this.stage(to, body, {
        contentType: info.contentType,
        metadata: info.metadata,
        cacheControl: info.cacheControl,
        contentDisposition: info.contentDisposition,
        size: info.size,
        ...options,
      });
      return await staged.commit();
    } finally {
      body.destroy();
    }
  }

  private assertConditionsHoldOnCopies(operation: 'copy' | 'move', key: StorageKey, options: CopyOptions): void {
    const asked = (['ifNoneMatch', 'ifMatch'] as const).filter((name) => options[name] !== undefined);
    const refused = asked.find(
      (name) => !this.capabilities[name === 'ifMatch' ? 'ifMatch' : 'createOnly'].includes('copy'),
    );
    if (refused === undefined) return;
    throw new NotSupportedError({
      operation,
      key,
      backend: this.name,
      reason: `${refused} does not hold on copies of this backend`,
      advice: 'Leave the condition out, or use a backend whose capabilities have it.',
    });
  }

  private async openSource(
    operation: 'copy' | 'move',
    key: StorageKey,
    signal: AbortSignal | undefined,
  ): Promise<OpenedObject> {
    try {
      return await this.open(key, { signal });
    } catch (error) {
      throw this.asTold(operation, key, error);
    }
  }

  private async moving(from: StorageKey, copying: Promise<ObjectInfo>): Promise<ObjectInfo> {
    try {
      return await copying;
    } catch (error) {
      throw this.asTold('move', from, error);
    }
  }

  /** A missing source is told as a failure of what was asked for. */
  private asTold(operation: 'copy' | 'move', key: StorageKey, error: unknown): unknown {
    if (!(error instanceof StorageFileNotFoundError)) return error;
    return new StorageFileNotFoundError({ operation, key, backend: this.name, cause: error });
  }

  private noUrls(operation: StorageOperation, key: string): NotSupportedError {
    return new NotSupportedError({
      operation,
      key,
      backend: this.name,
      reason: 'this backend makes no URLs of its own',
      advice: 'Import StorageModule with its signed routes, or give createStorage() a URL secret and a base URL.',
    });
  }
}
