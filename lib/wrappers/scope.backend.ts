/** A backend whose every key stands under one prefix, with no way out of it. */
import {
  parseKey,
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
  type StorageCapabilities,
  type StorageKey,
  type StorageOperation,
} from '../contract/index.js';
import { currentBackend, type ContextualBackend } from './contextual.backend.js';
import { ForwardingBackend } from './forwarding.backend.js';

/** Keys of a parsed prefix and a parsed key are keys: only the length has to be looked at, which parseKey() does. */
export class ScopeBackend extends ForwardingBackend implements ContextualBackend {
  readonly #prefix: string;
  readonly #capabilities: StorageCapabilities;

  /** @param prefix with or without a trailing slash. @throws InvalidKeyError */
  constructor(inner: StorageBackend, prefix: string) {
    super(inner);
    const folder = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
    const { maxKeyBytes } = inner.capabilities;
    this.#prefix = `${parseKey(folder, { operation: 'scope', maxBytes: maxKeyBytes - 2 })}/`;
    this.#capabilities = { ...inner.capabilities, maxKeyBytes: maxKeyBytes - Buffer.byteLength(this.#prefix) };
  }

  override get capabilities(): StorageCapabilities {
    return this.#capabilities;
  }

  /** The whole way from the store's own root, ending with `/`. */
  get prefix(): string {
    return this.inner instanceof ScopeBackend ? this.inner.prefix + this.#prefix : this.#prefix;
  }

  override get location(): string | undefined {
    return this.inner.location === undefined ? undefined : this.inner.location + this.#prefix;
  }

  override assertStorable(key: StorageKey, options: StageOptions): void {
    this.inner.assertStorable?.(this.#full(key), options);
  }

  /** A scope within a scope that changes. */
  current(operation: StorageOperation): StorageBackend {
    const inner = currentBackend(this.inner, operation);
    return inner === this.inner ? this : new ScopeBackend(inner, this.#prefix);
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const staged = await this.inner.stage(this.#full(key), body, options);
    return {
      info: { ...staged.info, key },
      ...(staged.open && { open: (range) => staged.open!(range) }),
      ...(staged.matches && { matches: (bytes) => staged.matches!(bytes) }),
      commit: async () => this.#own(await staged.commit()),
      abort: () => staged.abort(),
    };
  }

  override async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    const opened = await this.inner.open(this.#full(key), options);
    return { ...opened, info: this.#own(opened.info) };
  }

  override async stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo> {
    return this.#own(await this.inner.stat(this.#full(key), options));
  }

  override delete(key: StorageKey, options?: OperationOptions): Promise<boolean> {
    return this.inner.delete(this.#full(key), options);
  }

  override async deleteMany(keys: readonly StorageKey[], options?: OperationOptions): Promise<DeleteManyResult> {
    const { deleted, failed } = await this.inner.deleteMany(
      keys.map((key) => this.#full(key)),
      options,
    );
    return {
      deleted: deleted.map((key) => this.#relative(key) as StorageKey),
      failed: failed.map(({ key, error }) => ({ key: this.#relative(key) as StorageKey, error })),
    };
  }

  override async copy(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.#own(await this.inner.copy(this.#full(from), this.#full(to), options));
  }

  override async move(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.#own(await this.inner.move(this.#full(from), this.#full(to), options));
  }

  override async list(options: ListPageOptions): Promise<ListPage> {
    const page = await this.inner.list({ ...options, prefix: this.#prefix + options.prefix });
    return {
      ...page,
      objects: page.objects.map((entry) => this.#own(entry)),
      prefixes: page.prefixes.map((prefix) => this.#relative(prefix)),
    };
  }

  override getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    return this.inner.getUrl(this.#full(key), options);
  }

  override getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    return this.inner.getUploadUrl(this.#full(key), options);
  }

  /** The backend belongs to the storage that was scoped; it goes on. */
  override async close(): Promise<void> {}

  #full(key: StorageKey): StorageKey {
    return (this.#prefix + key) as StorageKey;
  }

  #relative(key: string): string {
    return key.slice(this.#prefix.length);
  }

  #own<T extends { readonly key: StorageKey }>(entry: T): T {
    return { ...entry, key: this.#relative(entry.key) as StorageKey };
  }
}
