/** The backend of FakeStorage: memory, with URLs that lead nowhere and failures on demand. */
import { MemoryBackend } from '../../backends/memory/memory.backend.js';
import {
  BaseStorageBackend,
  type CheckOptions,
  type CopyOptions,
  type ListPage,
  type ListPageOptions,
  type ObjectInfo,
  type OpenedObject,
  type OpenOptions,
  type OperationOptions,
  type SignedUpload,
  type SignGetOptions,
  type SignPutOptions,
  type StagedObject,
  type StageOptions,
  type StorageCapabilities,
  type StorageKey,
} from '../../contract/index.js';

/** Where a failure can be injected. `getMetadata` is also what exists() and getUrl() look with. */
export type FakeOperation =
  | 'put'
  | 'commit'
  | 'get'
  | 'getMetadata'
  | 'delete'
  | 'list'
  | 'copy'
  | 'move'
  | 'getUrl'
  | 'getUploadUrl'
  | 'checkHealth';

export interface FakeFailure {
  readonly operation: FakeOperation;
  readonly error: Error;
  /** Only for this key. Default: any. */
  readonly key?: string;
}

/** RFC 2606 keeps this name free of real hosts for ever. */
const ORIGIN = 'https://fake-storage.invalid';

function urlOf(key: string, facts: Readonly<Record<string, string | number | undefined>>): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  const query = new URLSearchParams(
    Object.entries(facts).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );
  return `${ORIGIN}/${path}?${query.toString()}`;
}

export class FakeBackend extends BaseStorageBackend {
  readonly name = 'memory';
  readonly capabilities: StorageCapabilities;
  readonly #memory: MemoryBackend;
  /** Failures to come, first in first out. */
  failures: readonly FakeFailure[] = [];

  constructor(maxBytes?: number) {
    super();
    this.#memory = new MemoryBackend({ maxBytes });
    this.capabilities = {
      ...this.#memory.capabilities,
      getUrl: ['expiry', 'disposition', 'filename', 'contentType'],
      getUploadUrl: ['expiry', 'contentType', 'size', 'maxSize', 'createOnly', 'metadata'],
    };
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    this.#failWhereAsked('put', key);
    const staged = await this.#memory.stage(key, body, options);
    return {
      ...staged,
      commit: async () => {
        try {
          this.#failWhereAsked('commit', key);
        } catch (error) {
          await staged.abort();
          throw error;
        }
        return staged.commit();
      },
    };
  }

  async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    this.#failWhereAsked('get', key);
    return this.#memory.open(key, options);
  }

  async stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo> {
    this.#failWhereAsked('getMetadata', key);
    return this.#memory.stat(key, options);
  }

  async delete(key: StorageKey, options?: OperationOptions): Promise<boolean> {
    this.#failWhereAsked('delete', key);
    return this.#memory.delete(key, options);
  }

  override async copy(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    this.#failWhereAsked('copy', from, to);
    return this.#memory.copy(from, to, options);
  }

  override async move(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    this.#failWhereAsked('move', from, to);
    return this.#memory.move(from, to, options);
  }

  async list(options: ListPageOptions): Promise<ListPage> {
    this.#failWhereAsked('list');
    return this.#memory.list(options);
  }

  /** The same URL for the same question, so that tests can compare it as a whole. */
  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    this.#failWhereAsked('getUrl', key);
    const { expiresIn, disposition, contentType } = options;
    return urlOf(key, { expiresIn, disposition: disposition?.type, filename: disposition?.filename, contentType });
  }

  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    this.#failWhereAsked('getUploadUrl', key);
    const { expiresIn, contentType, size, maxSize, ifNoneMatch, metadata } = options;
    return {
      method: 'PUT',
      url: urlOf(key, {
        upload: 1,
        expiresIn,
        contentType,
        size,
        maxSize,
        ifNoneMatch,
        metadata: metadata && JSON.stringify(metadata),
      }),
      headers: contentType === undefined ? {} : { 'Content-Type': contentType },
      expiresAt: new Date(Date.now() + expiresIn * 1000),
    };
  }

  async check(options: CheckOptions): Promise<void> {
    this.#failWhereAsked('checkHealth');
    return this.#memory.check(options);
  }

  /** Forgets every object. */
  async clear(): Promise<void> {
    await this.#memory.close();
  }

  /** Takes the first failure that fits; a failure for a key fits only operations on that key. */
  #failWhereAsked(operation: FakeOperation, ...keys: readonly StorageKey[]): void {
    const at = this.failures.findIndex(
      (failure) =>
        failure.operation === operation && (failure.key === undefined || keys.some((key) => key === failure.key)),
    );
    if (at < 0) return;
    const { error } = this.failures[at]!;
    this.failures = this.failures.toSpliced(at, 1);
    throw error;
  }
}
