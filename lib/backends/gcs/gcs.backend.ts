/** The Google Cloud Storage driver: the whole contract over the JSON API, with the SDK's credentials. */
import {
  BaseStorageBackend,
  FileTooLargeError,
  MAX_KEY_BYTES,
  PreconditionFailedError,
  type CheckOptions,
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
  type StorageCapabilities,
  type StorageErrorDetails,
  type StorageKey,
  type WriteConditions,
} from '../../contract/index.js';
import { copyObject } from './copy-object.js';
import { bestCrc32c, type Crc32cFactory } from './crc32c.js';
import { GcsApi } from './gcs-api.js';
import { toStorageError } from './gcs-errors.js';
import { loadGcsSdk, type GcsSdk } from './gcs-sdk.js';
import { checkedGcsOptions, type CheckedGcsOptions, type GcsBackendOptions } from './gcs.options.js';
import { listObjects } from './list-objects.js';
import { headerMetadata, storedMetadata } from './metadata-values.js';
import { assertStorable, infoOf, isGeneration, MAX_METADATA_BYTES } from './object-resource.js';
import { probeWrite } from './probe-write.js';
import { openObject, statObject } from './read-object.js';
import { removeGeneration, removeObject } from './remove-object.js';
import { signedGetUrl, signedUpload } from './signed-urls.js';
import { stageUpload } from './staged-upload.js';
import { makeSigner } from './v4-signer.js';
import type { V4Signer } from './v4-signature.js';

/** What is there once the SDK is loaded. */
interface Connection {
  readonly sdk: GcsSdk;
  readonly api: GcsApi;
  readonly crc32c: Crc32cFactory;
}

const PARALLEL_DELETES = 16;

/**
 * Files in one bucket of Google Cloud Storage. Needs `@google-cloud/storage`, which is loaded on first use. Works with
 * uniform bucket access: it never sends an ACL.
 *
 * @publicApi
 */
export class GcsBackend extends BaseStorageBackend {
  readonly name = 'gcs';
  readonly capabilities: StorageCapabilities;
  readonly #options: CheckedGcsOptions;
  #connection: Promise<Connection> | undefined;
  #signer: Promise<V4Signer> | undefined;

  /** @throws StorageConfigurationError that names the option */
  constructor(options: GcsBackendOptions) {
    super();
    this.#options = checkedGcsOptions(options);
    const signs = options.anonymous !== true;
    this.capabilities = {
      createOnly: ['single', 'multipart', 'copy'],
      ifMatch: ['single', 'multipart', 'copy'],
      ordering: 'utf8',
      maxKeyBytes: MAX_KEY_BYTES,
      // https://cloud.google.com/storage/quotas#objects
      maxObjectBytes: 5 * 1024 ** 4,
      maxMetadataBytes: MAX_METADATA_BYTES,
      hierarchical: false,
      emptyObjects: true,
      stagedReads: false,
      consistency: 'strong',
      getUrl: signs ? ['expiry', 'disposition', 'filename', 'contentType'] : [],
      getUploadUrl: signs ? ['expiry', 'contentType', 'size', 'maxSize', 'createOnly', 'metadata'] : [],
    };
  }

  get location(): string {
    const { bucket, endpoint } = this.#options;
    return `gs://${endpoint === undefined ? '' : `${new URL(endpoint).host}/`}${bucket}/`;
  }

  /** What stage() would refuse before it reads a byte. @throws as stage() */
  assertStorable(key: StorageKey, options: StageOptions): void {
    const details = this.#details('put', key);
    assertStorable(key, storedMetadata(options.metadata), details);
    this.#assertEtag(options, details);
    const limit = this.capabilities.maxObjectBytes!;
    if ((options.size ?? 0) > limit) throw new FileTooLargeError({ ...details, limit });
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details = this.#details('put', key);
    const { api, crc32c } = await this.#run(details, options.signal, async (connection) => {
      assertStorable(key, storedMetadata(options.metadata), details);
      this.#assertEtag(options, details);
      return connection;
    });
    // Outside of #run: a failure of the body leaves as it is.
    const { bucket, chunkSize } = this.#options;
    return stageUpload({ api, crc32c, bucket, chunkSize }, key, body, options);
  }

  async open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    const details = this.#details('get', key);
    return this.#run(details, options.signal, ({ api, crc32c }) =>
      openObject({ api, crc32c, bucket: this.#options.bucket }, key, options, details),
    );
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    return this.#run(this.#details('getMetadata', key), options.signal, async ({ api }) =>
      infoOf(await statObject({ api, bucket: this.#options.bucket }, key, options.signal)),
    );
  }

  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    return this.#run(this.#details('delete', key), options.signal, ({ api }) =>
      removeObject(api, this.#options.bucket, key, options.signal),
    );
  }

  override async deleteMany(keys: readonly StorageKey[], options: OperationOptions = {}): Promise<DeleteManyResult> {
    const deleted: StorageKey[] = [];
    const failed: { key: StorageKey; error: Error }[] = [];
    const waiting = keys.values();
    const work = async () => {
      for (const key of waiting) {
        if (options.signal?.aborted) return;
        try {
          if (await this.delete(key, options)) deleted.push(key);
        } catch (error) {
          failed.push({ key, error: error as Error });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL_DELETES, keys.length) }, work));
    this.throwIfAborted('delete', options.signal);
    return { deleted, failed };
  }

  override async copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return (await this.#copy('copy', from, to, options)).target;
  }

  /** Deletes just what was copied: a source that is overwritten meanwhile stays. */
  override async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    const { target, generation } = await this.#copy('move', from, to, options);
    if (from === to) return target;
    await this.#run(this.#details('move', from), options.signal, ({ api }) =>
      removeGeneration(api, this.#options.bucket, from, generation, options.signal),
    );
    return target;
  }

  async list(options: ListPageOptions): Promise<ListPage> {
    return this.#run(this.#details('list'), options.signal, ({ api }) =>
      listObjects(api, this.#options.bucket, options),
    );
  }

  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    return this.#run(this.#details('getUrl', key), options.signal, async ({ sdk }) =>
      signedGetUrl({ ...this.#options, origin: sdk.origin }, key, options, await this.#sign(sdk)),
    );
  }

  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    const details = this.#details('getUploadUrl', key);
    return this.#run(details, options.signal, async ({ sdk }) => {
      assertStorable(key, headerMetadata(options.metadata ?? {}), details);
      return signedUpload({ ...this.#options, origin: sdk.origin }, key, options, await this.#sign(sdk));
    });
  }

  /** Reads by listing one name, which needs no right on the bucket itself. */
  async check(options: CheckOptions): Promise<void> {
    const { bucket } = this.#options;
    await this.#run(this.#details('checkHealth'), options.signal, async ({ api, crc32c }) => {
      await listObjects(api, bucket, { prefix: '', limit: 1, signal: options.signal });
      if (options.write) await probeWrite({ api, crc32c, bucket }, options.signal);
    });
  }

  override async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#signer = undefined;
    // A connection that was never made has nothing to let go of.
    const made = await connection?.catch(() => undefined);
    made?.api.close();
  }

  async #copy(
    operation: 'copy' | 'move',
    from: StorageKey,
    to: StorageKey,
    options: CopyOptions,
  ): Promise<{ readonly target: ObjectInfo; readonly generation: string }> {
    const { bucket } = this.#options;
    const { signal } = options;
    const details = this.#details(operation, to);
    return this.#run(this.#details(operation, from), signal, async ({ api }) => {
      assertStorable(to, {}, details);
      this.#assertEtag(options, details);
      const { target, generation } = await copyObject(api, bucket, from, to, options, details);
      return { target: infoOf(target), generation };
    });
  }

  #connect(): Promise<Connection> {
    if (!this.#connection) {
      const made = (async () => {
        const sdk = await loadGcsSdk(this.#options);
        return { sdk, api: new GcsApi(sdk, this.#options), crc32c: await bestCrc32c(sdk) };
      })();
      this.#connection = made;
      // A failure is not for ever: credentials may appear.
      made.catch(() => {
        if (this.#connection === made) this.#connection = undefined;
      });
    }
    return this.#connection;
  }

  #sign(sdk: GcsSdk): Promise<V4Signer> {
    if (!this.#signer) {
      const made = makeSigner(sdk.auth, this.#options.requestTimeout, this.#details('getUrl'));
      this.#signer = made;
      made.catch(() => {
        if (this.#signer === made) this.#signer = undefined;
      });
    }
    return this.#signer;
  }

  /** Every failure leaves as a StorageError of the operation that was asked for. */
  async #run<T>(
    details: StorageErrorDetails,
    signal: AbortSignal | undefined,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    this.throwIfAborted(details.operation, signal, details.key);
    try {
      return await work(await this.#connect());
    } catch (error) {
      throw toStorageError(error, details, signal);
    }
  }

  #details(operation: StorageErrorDetails['operation'], key?: string): StorageErrorDetails {
    return { operation, key, backend: this.name };
  }

  /** An etag of another backend names no version here. */
  #assertEtag({ ifMatch }: WriteConditions, details: StorageErrorDetails): void {
    if (ifMatch !== undefined && !isGeneration(ifMatch)) throw new PreconditionFailedError(details);
  }
}

/** Makes the backend from its options alone, for set-ups that are read from the environment. */
export function createGcsBackend(options: GcsBackendOptions): GcsBackend {
  return new GcsBackend(options);
}
