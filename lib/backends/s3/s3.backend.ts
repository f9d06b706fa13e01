/** The backend on S3 and every store that speaks its protocol. */
import { buffer } from 'node:stream/consumers';
import {
  assertConditions,
  BaseStorageBackend,
  FileTooLargeError,
  InvalidRangeError,
  MAX_KEY_BYTES,
  PermissionDeniedError,
  resolveRange,
  StorageFileNotFoundError,
  type ByteRange,
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
  type StorageOperation,
} from '../../contract/index.js';
import { withConfiguredEndpoint } from './configured-endpoint.js';
import type { CopyRequest, Source } from './copy-source.js';
import type { Published } from './multipart-upload.js';
import { getObject, type GetObjectAnswer } from './get-object.js';
import { assertHolds, newObject, type NewObject } from './new-object.js';
import { ObjectBody } from './object-body.js';
import { etagCondition, objectInfo, type ObjectHeaders } from './object-facts.js';
import { partOf, sizeByRange, wholeOf } from './object-size.js';
import { partBuffers } from './part-buffers.js';
import { partSizeFor } from './part-plan.js';
import { S3Connection } from './s3.connection.js';
import { copyObject, removeSource } from './s3.copy.js';
import { deleteMany } from './s3.delete.js';
import { attemptsOf } from './s3.errors.js';
import { listPage } from './s3.list.js';
import { MAX_METADATA_BYTES, WRITE_MARK } from './s3.metadata.js';
import type { S3BackendOptions, SweepOptions, SweptUploads } from './s3.options.js';
import { MAX_OBJECT_BYTES, resolveSettings } from './s3.settings.js';
import { stagedObject } from './staged-object.js';
import { sweepUploads } from './s3.sweep.js';
import { getBindings, putBindings, S3Urls } from './s3.urls.js';
import { BodyIntake } from './upload.js';
import { UploadLedger } from './upload-ledger.js';

/** Written, read and removed by a health check. */
const PROBE_KEY = '.nestjs-storage/health-check' as StorageKey;

export class S3Backend extends BaseStorageBackend {
  readonly name = 's3';
  readonly capabilities: StorageCapabilities;
  readonly #connection: S3Connection;
  readonly #urls: S3Urls;
  readonly #ledger: UploadLedger;
  /** The bucket has answered for itself: what is not found in it is a missing object. */
  #bucketSeen = false;

  /** Connects to nothing yet. @throws StorageConfigurationError that names the setting */
  constructor(options: S3BackendOptions) {
    super();
    const settings = resolveSettings(options);
    const { dialect } = settings;
    if (options.partBufferBytes !== undefined) partBuffers.limit = options.partBufferBytes;
    this.#connection = new S3Connection(settings);
    this.#urls = new S3Urls(this.#connection);
    this.#ledger = new UploadLedger(this.#connection, (object) => this.#published(object));
    this.capabilities = {
      createOnly: dialect.createOnly,
      ifMatch: dialect.ifMatch,
      ordering: 'utf8',
      maxKeyBytes: MAX_KEY_BYTES,
      maxObjectBytes: MAX_OBJECT_BYTES,
      maxMetadataBytes: MAX_METADATA_BYTES,
      hierarchical: false,
      emptyObjects: true,
      stagedReads: false,
      consistency: 'strong',
      getUrl: getBindings(settings),
      getUploadUrl: putBindings(settings),
    };
  }

  /** Uploads since the start that are perhaps still open on the server: aborted in vain, or begun without an answer. */
  get failedAborts(): number {
    return this.#ledger.failedAborts;
  }

  /** Loads the SDK and makes the client. @throws StorageConfigurationError when a package is missing */
  async connect(): Promise<void> {
    await this.#connection.ready();
  }

  /** Not told where the app's own client knows the way. */
  get location(): string | undefined {
    const { bucket, endpoint, options } = this.#connection.settings;
    if (options.client !== undefined || options.clientConfig !== undefined) return undefined;
    return `s3://${endpoint === undefined ? 'amazonaws.com' : new URL(endpoint).host}/${bucket}/`;
  }

  /** What stage() would refuse before it reads a byte. @throws as stage() */
  assertStorable(key: StorageKey, options: StageOptions): void {
    const { settings } = this.#connection;
    const details = this.#details('put', key);
    newObject(settings, key, options, details);
    const { size = 0 } = options;
    if (size > MAX_OBJECT_BYTES) throw new FileTooLargeError({ ...details, limit: MAX_OBJECT_BYTES });
    const kind = size > partSizeFor(size, settings.partSize) ? 'multipart' : 'single';
    assertHolds(settings.dialect, kind, options, details);
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details = this.#details('put', key);
    this.throwIfAborted('put', options.signal, key);
    const object = newObject(this.#connection.settings, key, options, details);
    const taken = await new BodyIntake(this.#connection, object, this.#ledger, body).take();
    return stagedObject(this.#connection, object, this.#ledger, taken);
  }

  async open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    const details = this.#details('get', key);
    const { range, ifMatch, signal } = options;
    const { bucket, dialect, unreadTimeout } = this.#connection.settings;
    if (range?.suffix === 0) throw await this.#rangeError(key, range, options, details);
    const input = {
      Bucket: bucket,
      Key: key,
      Range: range && rangeHeader(range),
      IfMatch: etagCondition(dialect, ifMatch),
    };
    try {
      const answer = await this.#connection.run(details, { signal, conditions: { ifMatch } }, (client, sdk) =>
        getObject({ client, sdk, direct: this.#connection.direct }, input, details, signal),
      );
      this.#bucketSeen = true;
      const { range: sent, size } = partOf(answer) ?? wholeOf(await this.#sizeOf(key, answer, details, signal));
      const length = answer.ContentLength ?? sent.end - sent.start + 1;
      const body = new ObjectBody(answer.Body, { details, size: length, unreadTimeout: unreadTimeout * 1000, signal });
      return { info: objectInfo(dialect, key, answer, size), range: length === 0 ? undefined : sent, body };
    } catch (error) {
      if (error instanceof InvalidRangeError) throw await this.#rangeError(key, range, options, details, error);
      throw error;
    }
  }

  /** Of an answer that does not say it, whose body is let go when nobody else does. */
  async #sizeOf(
    key: StorageKey,
    answer: GetObjectAnswer,
    details: StorageErrorDetails,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    try {
      return await sizeByRange(this.#connection, key, answer, details, signal);
    } catch (error) {
      answer.Body.destroy();
      throw error;
    }
  }

  /** The store says that a range is wrong, but not always how large the object is. */
  async #rangeError(
    key: StorageKey,
    range: ByteRange | undefined,
    options: OpenOptions,
    details: StorageErrorDetails,
    cause?: unknown,
  ): Promise<InvalidRangeError> {
    const { size } = await this.#head(key, details, options);
    try {
      resolveRange(range, size, { ...details, cause });
    } catch (error) {
      return error as InvalidRangeError;
    }
    return new InvalidRangeError({ ...details, size, cause });
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    return this.#head(key, this.#details('getMetadata', key), options);
  }

  /** A look first, since S3 does not tell whether there was anything to delete. */
  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    const details = this.#details('delete', key);
    try {
      await this.#headers(key, details, options.signal);
    } catch (error) {
      if (error instanceof StorageFileNotFoundError) return false;
      // Who may delete but not read is not told.
      if (!(error instanceof PermissionDeniedError)) throw error;
    }
    await this.#connection.run(details, options, (client, sdk, send) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.#connection.settings.bucket, Key: key }), send),
    );
    return true;
  }

  override deleteMany(keys: readonly StorageKey[], options: OperationOptions = {}): Promise<DeleteManyResult> {
    return deleteMany(this.#connection, keys, options);
  }

  override async copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return this.#copy({ operation: 'copy', from, to, options });
  }

  override async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    const info = await this.#copy({ operation: 'move', from, to, options });
    if (from !== to) await removeSource(this.#connection, from, options);
    return info;
  }

  async #copy(request: CopyRequest): Promise<ObjectInfo> {
    const { operation, from, to, options } = request;
    const details = this.#details(operation, from);
    if (from === to) return this.#copyOntoItself(from, options, details);
    return copyObject(this.#connection, request, () => this.#look(from, details, options), this.#ledger);
  }

  /** S3 refuses it; there is nothing to do but to look. */
  async #copyOntoItself(key: StorageKey, options: CopyOptions, details: StorageErrorDetails): Promise<ObjectInfo> {
    const info = await this.#head(key, details, options);
    assertConditions(info.etag, options, details);
    return info;
  }

  list(options: ListPageOptions): Promise<ListPage> {
    return listPage(this.#connection, options);
  }

  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    if (this.capabilities.getUrl.length === 0) return super.getUrl(key, options);
    this.throwIfAborted('getUrl', options.signal, key);
    return this.#urls.getUrl(key, options, this.#details('getUrl', key));
  }

  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    if (this.capabilities.getUploadUrl.length === 0) return super.getUploadUrl(key, options);
    this.throwIfAborted('getUploadUrl', options.signal, key);
    return this.#urls.getUploadUrl(key, options, this.#details('getUploadUrl', key));
  }

  async check({ write, signal }: CheckOptions): Promise<void> {
    const details: StorageErrorDetails = { operation: 'checkHealth', backend: this.name };
    await this.#checkBucket(details, signal);
    if (!write) return;
    const body = (async function* () {
      yield Buffer.from('ok');
    })();
    const staged = await this.stage(PROBE_KEY, body, { contentType: 'text/plain', metadata: {}, size: 2, signal });
    await staged.commit();
    try {
      await buffer((await this.open(PROBE_KEY, { signal })).body);
    } catch (error) {
      // Another process that checks at the same time may have removed it already.
      if (!(error instanceof StorageFileNotFoundError)) throw error;
    }
    await this.#connection.run(details, { signal }, (client, sdk, send) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.#connection.settings.bucket, Key: PROBE_KEY }), send),
    );
  }

  /**
   * Removes unfinished uploads that were begun long ago. Run it now and then, or set a lifecycle rule of the bucket
   * (AbortIncompleteMultipartUpload): a process that is killed cannot clean up after itself.
   */
  sweepUploads(options: SweepOptions = {}): Promise<SweptUploads> {
    return sweepUploads(this.#connection, options);
  }

  /** Tries once more to abort what could not be aborted, and closes the client unless it was handed in. */
  override async close(): Promise<void> {
    await this.#ledger.settle();
    await this.#connection.close();
  }

  #details(operation: StorageOperation, key: string): StorageErrorDetails {
    return { operation, key, backend: this.name };
  }

  async #head(key: StorageKey, details: StorageErrorDetails, options: OperationOptions): Promise<ObjectInfo> {
    return (await this.#look(key, details, options)).info;
  }

  async #look(key: StorageKey, details: StorageErrorDetails, { signal }: OperationOptions): Promise<Source> {
    const headers = await this.#headers(key, details, signal);
    const size = headers.ContentLength ?? (await sizeByRange(this.#connection, key, headers, details, signal));
    return { headers, info: objectInfo(this.#connection.settings.dialect, key, headers, size) };
  }

  async #headers(key: StorageKey, details: StorageErrorDetails, signal?: AbortSignal): Promise<ObjectHeaders> {
    try {
      const answer = await this.#connection.run(details, { signal }, (client, sdk, send) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: this.#connection.settings.bucket, Key: key }), send),
      );
      this.#bucketSeen = true;
      return answer;
    } catch (error) {
      // An answer to HEAD has no body that says whether it is the object that is missing, or the bucket.
      if (error instanceof StorageFileNotFoundError && !this.#bucketSeen) await this.#checkBucket(details, signal);
      throw error;
    }
  }

  async #checkBucket(details: StorageErrorDetails, signal: AbortSignal | undefined): Promise<void> {
    const { bucket } = this.#connection.settings;
    await this.#connection.run(details, { signal }, async (client, sdk, send) => {
      try {
        await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }), send);
      } catch (error) {
        const { status } = attemptsOf(error);
        throw status === 404
          ? Object.assign(new Error('no such bucket', { cause: error }), { name: 'NoSuchBucket' })
          : error;
      }
    });
    this.#bucketSeen = true;
  }

  async #published(object: NewObject): Promise<Published> {
    const headers = await this.#headers(object.key, object.details);
    const { dialect } = this.#connection.settings;
    return {
      info: objectInfo(dialect, object.key, headers, headers.ContentLength ?? 0),
      mark: headers.Metadata?.[WRITE_MARK],
    };
  }
}

function rangeHeader(range: ByteRange): string {
  return range.suffix === undefined ? `bytes=${range.start}-${range.end ?? ''}` : `bytes=-${range.suffix}`;
}

/**
 * Makes the backend and loads the SDK at once, so that a missing package is told at the start. Without a dialect and an
 * endpoint the service is told by the endpoint that the SDK finds: of the client, the environment or the profile.
 */
export async function createS3Backend(options: S3BackendOptions): Promise<S3Backend> {
  const backend = new S3Backend(await withConfiguredEndpoint(options));
  await backend.connect();
  return backend;
}
