/** A backend that holds a backend and passes everything on: the base of wrappers. */
import type {
  CheckOptions,
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
  StagedObject,
  StageOptions,
  StorageBackend,
  StorageCapabilities,
  StorageKey,
} from '../contract/index.js';

export abstract class ForwardingBackend implements StorageBackend {
  constructor(protected readonly inner: StorageBackend) {}

  get name(): string {
    return this.inner.name;
  }

  get capabilities(): StorageCapabilities {
    return this.inner.capabilities;
  }

  get location(): string | undefined {
    return this.inner.location;
  }

  assertStorable(key: StorageKey, options: StageOptions): void {
    this.inner.assertStorable?.(key, options);
  }

  stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    return this.inner.stage(key, body, options);
  }

  open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    return this.inner.open(key, options);
  }

  stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo> {
    return this.inner.stat(key, options);
  }

  delete(key: StorageKey, options?: OperationOptions): Promise<boolean> {
    return this.inner.delete(key, options);
  }

  deleteMany(keys: readonly StorageKey[], options?: OperationOptions): Promise<DeleteManyResult> {
    return this.inner.deleteMany(keys, options);
  }

  copy(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.inner.copy(from, to, options);
  }

  move(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo> {
    return this.inner.move(from, to, options);
  }

  list(options: ListPageOptions): Promise<ListPage> {
    return this.inner.list(options);
  }

  getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    return this.inner.getUrl(key, options);
  }

  getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    return this.inner.getUploadUrl(key, options);
  }

  check(options: CheckOptions): Promise<void> {
    return this.inner.check(options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
