/** A backend whose prefix is asked for at each operation: of the current tenant, and of nobody where there is none. */
import {
  InvalidKeyError,
  parseKey,
  PermissionDeniedError,
  quoted,
  StorageError,
  type CopyOptions,
  type DeleteManyResult,
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
  type StorageBackend,
  type StorageKey,
  type StorageOperation,
} from '../contract/index.js';
import type { ContextualBackend } from './contextual.backend.js';
import { ForwardingBackend } from './forwarding.backend.js';
import { ScopeBackend } from './scope.backend.js';

/**
 * Where the files of a scope are: a folder and an id, as `tenants/acme` or `['tenants', 'acme']`. A list may have more
 * or fewer segments, as long as all scopes of a storage have as many: then no scope can lie within another.
 */
export type ScopePath = string | readonly string[];

/** Segments of a path in one string. */
const FOLDER_AND_ID = 2;

/** What becomes of an id that is not there when it is put into a string. */
const NOTHING = new Set(['undefined', 'null', 'NaN', '[object Object]']);

function refusal(operation: StorageOperation, backend: string, reason: string, cause?: unknown): PermissionDeniedError {
  return new PermissionDeniedError({
    operation,
    backend,
    reason,
    advice: 'Work in a context that has a scope (a request of a known tenant), or use a storage without `scope`.',
    clientMessage: 'There is no access to files here.',
    cause,
  });
}

function invalid(operation: StorageOperation, backend: string, reason: string, cause?: unknown): InvalidKeyError {
  return new InvalidKeyError({
    operation,
    backend,
    reason,
    advice: "A scope is a folder and an id without slashes, like `tenants/acme` or ['tenants', 'acme'].",
    clientMessage: 'The place of these files is not valid.',
    cause,
  });
}

export class DynamicScopeBackend extends ForwardingBackend implements ContextualBackend {
  readonly #scope: () => ScopePath | undefined;

  /** @param scope asked at each operation, in the caller's async context; undefined refuses the operation */
  constructor(inner: StorageBackend, scope: () => ScopePath | undefined) {
    super(inner);
    this.#scope = scope;
  }

  /**
   * The backend of the scope that holds now. What it does ends there, whatever holds by then.
   *
   * @throws PermissionDeniedError where there is no scope, InvalidKeyError where it is not a valid one
   */
  current(operation: StorageOperation): StorageBackend {
    const segments = this.#segments(operation);
    try {
      return new ScopeBackend(this.inner, parseKey(segments.join('/'), { operation }));
    } catch (error) {
      throw invalid(operation, this.name, `the scope ${quoted(segments.join('/'))} is not a valid prefix`, error);
    }
  }

  /** Another one for each scope: who wants to know asks current(). */
  override get location(): undefined {
    return undefined;
  }

  override assertStorable(key: StorageKey, options: StageOptions): void {
    this.current('put').assertStorable?.(key, options);
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    return this.current('put').stage(key, body, options);
  }

  override async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    return this.current('get').open(key, options);
  }

  override async stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo> {
    return this.current('getMetadata').stat(key, options);
  }

  override async delete(key: StorageKey, options?: OperationOptions): Promise<boolean> {
    return this.current('delete').delete(key, options);
  }

  override async deleteMany(keys: readonly StorageKey[], options?: OperationOptions): Promise<DeleteManyResult> {
    return this.current('delete').deleteMany(keys, options);
  }

  override async copy(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.current('copy').copy(from, to, options);
  }

  override async move(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.current('move').move(from, to, options);
  }

  override async list(options: ListPageOptions): Promise<ListPage> {
    return this.current('list').list(options);
  }

  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    return this.current('getUrl').getUrl(key, options);
  }

  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    return this.current('getUploadUrl').getUploadUrl(key, options);
  }

  #segments(operation: StorageOperation): readonly string[] {
    const path = this.#path(operation);
    const segments: readonly unknown[] = typeof path === 'string' ? path.split('/') : path;
    if (typeof path === 'string' && segments.length !== FOLDER_AND_ID) {
      throw invalid(operation, this.name, `the scope ${quoted(path)} is not a folder and an id`);
    }
    for (const segment of segments) {
      if (typeof segment !== 'string' || segment === '' || NOTHING.has(segment)) {
        throw refusal(operation, this.name, 'the scope of this storage has no id');
      }
      if (segment.includes('/')) {
        throw invalid(operation, this.name, `the scope's segment ${quoted(segment)} holds a slash`);
      }
    }
    return segments as readonly string[];
  }

  #path(operation: StorageOperation): ScopePath {
    let path: ScopePath | undefined;
    try {
      path = this.#scope();
    } catch (error) {
      if (error instanceof StorageError) throw error;
      throw refusal(operation, this.name, 'the scope of this storage could not be told', error);
    }
    if (typeof path === 'string' ? path !== '' : Array.isArray(path) && path.length > 0) return path as ScopePath;
    throw refusal(operation, this.name, 'this storage has no scope now');
  }
}
