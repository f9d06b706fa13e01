/** The store at Cloudinary: files behind signed URLs, and images that change on their way out. */
import { randomUUID } from 'node:crypto';
import {
  BaseStorageBackend,
  InvalidOptionsError,
  NotSupportedError,
  StorageUnavailableError,
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
  type WriteConditions,
} from '../../contract/index.js';
import { ComingKeys } from './coming-keys.js';
import { emptyFile } from './cloudinary-errors.js';
import { CloudinaryClient, MAX_DELETE_BATCH, throwIfAborted, unlessAborted } from './cloudinary-client.js';
import { checkedOptions, type CheckedOptions, type CloudinaryBackendOptions } from './cloudinary-options.js';
import { encodeContext, encodeMetadata, MAX_METADATA_BYTES, newEtag, objectInfo, type Asset } from './context.js';
import { AssetReader } from './asset-reader.js';
import { Listing } from './listing.js';
import { PublicIds, type AssetName } from './public-id.js';
import { publish } from './publication.js';
import { formatOfKey, MAX_UPLOAD_SECONDS, SignedUrls } from './signed-urls.js';
import { UploadSession } from './upload-session.js';

/**
 * Stores files at Cloudinary. Needs the package `cloudinary` (2.x), which is loaded when it is first used.
 *
 * @publicApi
 */
export class CloudinaryBackend extends BaseStorageBackend {
  readonly name = 'cloudinary';
  readonly capabilities: StorageCapabilities;
  readonly #options: CheckedOptions;
  readonly #client: CloudinaryClient;
  readonly #publicIds: PublicIds;
  readonly #listing: Listing;
  readonly #urls: SignedUrls;
  readonly #reader: AssetReader;
  readonly #coming = new ComingKeys();

  /** @throws StorageConfigurationError */
  constructor(options: CloudinaryBackendOptions) {
    super();
    this.#options = checkedOptions(options);
    const { folder, resourceType } = this.#options;
    this.#client = new CloudinaryClient(this.#options);
    this.#publicIds = new PublicIds(folder, resourceType);
    this.#listing = new Listing(this.#client, this.#publicIds);
    this.#urls = new SignedUrls(this.#client, this.#options);
    this.#reader = new AssetReader(this.#client, this.#urls, this.#options);
    this.capabilities = {
      createOnly: [],
      ifMatch: [],
      ordering: 'none',
      maxKeyBytes: this.#publicIds.maxKeyBytes,
      maxMetadataBytes: MAX_METADATA_BYTES,
      hierarchical: false,
      emptyObjects: false,
      stagedReads: false,
      consistency: 'eventual',
      getUrl: this.#urls.transforms ? ['expiry', 'transform'] : ['expiry'],
      getUploadUrl: ['expiry', 'metadata'],
    };
  }

  get location(): string {
    const { cloudName, folder } = this.#options;
    return `cloudinary://${cloudName}/${folder}/`;
  }

  /** What stage() would refuse before it reads a byte. @throws as stage() */
  assertStorable(key: StorageKey, options: StageOptions): void {
    const details = this.#details('put', key);
    this.#refuseConditions(options, details);
    this.#publicIds.of(key);
    encodeContext(options, '', details);
    if (options.size === 0) throw emptyFile(details);
  }

  async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const details = this.#details('put', key);
    this.#refuseConditions(options, details);
    return this.#stage(key, body, options, details);
  }

  async #stage(
    key: StorageKey,
    body: AsyncIterable<Uint8Array>,
    options: StageOptions,
    details: StorageErrorDetails,
  ): Promise<StagedObject> {
    throwIfAborted(options.signal, details);
    const etag = newEtag();
    const target = { name: this.#publicIds.of(key), context: encodeContext(options, etag, details) };
    const session = new UploadSession(this.#client, target, this.#options.chunkBytes, details, options.signal);
    try {
      await session.take(body);
    } catch (error) {
      session.close();
      throw error;
    }
    const { contentType, metadata, cacheControl, contentDisposition } = options;
    const info = {
      key,
      size: session.size,
      contentType,
      metadata: { ...metadata },
      cacheControl,
      contentDisposition,
    };
    const settled = this.#coming.add(key);
    let outcome: Promise<ObjectInfo> | undefined;
    let aborted = false;
    return {
      info,
      commit: () =>
        (outcome ??= (async () => {
          if (aborted) throw this.aborted(details.operation, AbortSignal.abort(), key);
          try {
            const { timeout } = this.#options;
            return await publish(
              this.#client,
              { session, name: target.name, info: { ...info, etag }, timeout },
              details,
            );
          } finally {
            session.close();
            settled();
          }
        })()),
      abort: async () => {
        if (outcome || aborted) return;
        aborted = true;
        session.close();
        settled();
      },
    };
  }

  open(key: StorageKey, options: OpenOptions = {}): Promise<OpenedObject> {
    return this.#reader.open(this.#publicIds.of(key), options, { ...this.#details('get'), key });
  }

  async stat(key: StorageKey, options: OperationOptions = {}): Promise<ObjectInfo> {
    return objectInfo(key, await this.#stat(key, 'getMetadata', options.signal));
  }

  async delete(key: StorageKey, options: OperationOptions = {}): Promise<boolean> {
    return this.#client.destroy(this.#publicIds.of(key), this.#details('delete', key), options.signal);
  }

  override async deleteMany(keys: readonly StorageKey[], options: OperationOptions = {}): Promise<DeleteManyResult> {
    const deleted: StorageKey[] = [];
    const failed: { key: StorageKey; error: Error }[] = [];
    const named = keys.map((key) => ({ key, name: this.#publicIds.of(key) }));
    for (const resourceType of new Set(named.map(({ name }) => name.resourceType))) {
      const group = named.filter(({ name }) => name.resourceType === resourceType);
      for (let at = 0; at < group.length; at += MAX_DELETE_BATCH) {
        const batch = group.slice(at, at + MAX_DELETE_BATCH);
        throwIfAborted(options.signal, this.#details('delete'));
        try {
          const names = batch.map(({ name }) => name);
          const answer = await this.#client.destroyMany(names, this.#details('delete'), options.signal);
          deleted.push(...batch.filter(({ name }) => answer[name.publicId] === 'deleted').map(({ key }) => key));
        } catch (error) {
          if (options.signal?.aborted) throw error;
          failed.push(...batch.map(({ key }) => ({ key, error: error as Error })));
        }
      }
    }
    return { deleted, failed };
  }

  override copy(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    return this.#copy(from, to, options, 'copy');
  }

  /** Through this process: Cloudinary has no copy of its own. */
  async #copy(
    from: StorageKey,
    to: StorageKey,
    options: CopyOptions,
    operation: StorageOperation,
  ): Promise<ObjectInfo> {
    const target = this.#details(operation, to);
    this.#refuseConditions(options, target);
    const { signal } = options;
    const source = { ...this.#details(operation, from), key: from };
    const { info, body } = await this.#reader.open(this.#publicIds.of(from), { signal }, source);
    try {
      return await (await this.#stage(to, body, { ...info, signal }, target)).commit();
    } finally {
      body.destroy();
    }
  }

  /** One step at Cloudinary, unless the two keys are of different kinds: then a copy, and the source goes. */
  override async move(from: StorageKey, to: StorageKey, options: CopyOptions = {}): Promise<ObjectInfo> {
    const details = this.#details('move', from);
    this.#refuseConditions(options, this.#details('move', to));
    const source = this.#publicIds.of(from);
    const target = this.#publicIds.of(to);
    const asset = await this.#stat(from, 'move', options.signal);
    if (from === to) return objectInfo(to, asset);
    if (source.resourceType !== target.resourceType) {
      const copied = await this.#copy(from, to, options, 'move');
      await this.#client.destroy(source, details, options.signal);
      return copied;
    }
    await this.#client.rename(source, target, details, options.signal);
    return objectInfo(to, { ...asset, public_id: target.publicId });
  }

  list(options: ListPageOptions): Promise<ListPage> {
    return this.#listing.page(options);
  }

  override async getUrl(key: StorageKey, options: SignGetOptions): Promise<string> {
    const name = this.#publicIds.of(key);
    const details = this.#details('getUrl', key);
    if (options.disposition !== undefined || options.contentType !== undefined) {
      throw new NotSupportedError({
        ...details,
        reason: 'URLs of this backend bind neither a file name nor a content type',
        advice: "Serve the file through the app's own signed routes to set them.",
      });
    }
    if (options.transform) return this.#urls.transformed(name, options.transform, options.expiresIn, details);
    const format = await this.#formatOf(key, name, options.signal);
    return this.#urls.download(name, format, options.expiresIn);
  }

  /** A form for Cloudinary's upload, good for at most an hour. */
  override async getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload> {
    const details = this.#details('getUploadUrl', key);
    this.#refuseConditions(options, details);
    const { expiresIn, contentType, size, maxSize, metadata = {} } = options;
    if (contentType !== undefined || size !== undefined || maxSize !== undefined) {
      throw new NotSupportedError({
        ...details,
        reason: 'upload URLs of this backend bind neither a type nor a size',
        advice: "Let clients upload through the app's own signed routes, which do.",
      });
    }
    if (expiresIn > MAX_UPLOAD_SECONDS) {
      throw new InvalidOptionsError({
        ...details,
        reason: `expiresIn of ${expiresIn} seconds is over Cloudinary's ${MAX_UPLOAD_SECONDS}`,
      });
    }
    return this.#urls.upload(this.#publicIds.of(key), encodeMetadata(metadata, details), expiresIn);
  }

  async check(options: CheckOptions): Promise<void> {
    const details = this.#details('checkHealth');
    await this.#client.ping(details, options.signal);
    if (options.write) await this.#probe(details, options.signal);
  }

  override async close(): Promise<void> {
    this.#client.close();
    this.#reader.close();
  }

  #details(operation: StorageOperation, key?: string): StorageErrorDetails {
    return { operation, key, backend: this.name };
  }

  #refuseConditions({ ifMatch, ifNoneMatch }: WriteConditions, details: StorageErrorDetails): void {
    if (ifMatch === undefined && ifNoneMatch === undefined) return;
    throw new NotSupportedError({
      ...details,
      reason: 'Cloudinary has no conditional writes',
      advice: 'Write under a key that is new each time, or leave the condition out.',
    });
  }

  #stat(key: StorageKey, operation: StorageOperation, signal?: AbortSignal): Promise<Asset> {
    return this.#client.resource(this.#publicIds.of(key), this.#details(operation, key), signal);
  }

  /**
   * The format to ask an image or video in: the stored one, since any other would be a conversion. That of a file on its
   * way is not known yet; where nothing can be learned, the extension is the best there is.
   */
  async #formatOf(key: StorageKey, { resourceType }: AssetName, signal?: AbortSignal): Promise<string | undefined> {
    if (resourceType === 'raw') return undefined;
    const named = formatOfKey(key);
    if (this.#coming.has(key)) return named;
    try {
      return (await this.#stat(key, 'getUrl', signal)).format ?? named;
    } catch (error) {
      if (signal?.aborted) throw error;
      return named;
    }
  }

  /** Writes, reads back and removes one object that no key can name. */
  async #probe(details: StorageErrorDetails, signal?: AbortSignal): Promise<void> {
    const name = this.#publicIds.hidden(`probe-${randomUUID()}`);
    const bytes = Buffer.from(`probe ${new Date().toISOString()}`);
    const session = new UploadSession(this.#client, { name, context: {} }, bytes.length, details, signal);
    try {
      await session.take(
        (async function* () {
          yield bytes;
        })(),
      );
      await unlessAborted(session.finish(), signal, details);
      const back = await this.#reader.original(name, details, signal);
      if (!bytes.equals(back)) {
        throw new StorageUnavailableError({ ...details, reason: 'the probe could not be read back as it was written' });
      }
    } catch (error) {
      throw this.#client.translate(error, details);
    } finally {
      session.close();
      await this.#client.destroy(name, details);
    }
  }
}
