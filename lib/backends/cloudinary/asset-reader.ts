/** Facts from the Admin API and bytes from the CDN, put together only where both are of one version. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  PermissionDeniedError,
  PreconditionFailedError,
  resolveRange,
  type StorageError,
  StorageFileNotFoundError,
  StorageUnavailableError,
  type ObjectInfo,
  type OpenedObject,
  type OpenOptions,
  type ResolvedRange,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { throwIfAborted, type CloudinaryClient } from './cloudinary-client.js';
import { CloudinaryFailure, emptyFile, storageError } from './cloudinary-errors.js';
import type { CheckedOptions } from './cloudinary-options.js';
import { objectInfo, type Asset } from './context.js';
import { bodyOf, fetchDelivery, type Delivery } from './delivery.js';
import { guardedAgent, type GuardedAgent } from './guarded-agent.js';
import type { AssetName } from './public-id.js';
import type { SignedUrls } from './signed-urls.js';

const OPEN_ATTEMPTS = 5;
const MD5 = /^[0-9a-f]{32}$/;
const VERSIONS = 1_000_000_000;

/** The details of an operation on one key. */
export type KeyDetails = StorageErrorDetails & { readonly key: StorageKey };

/**
 * A version in the CDN's URL that is the write's own: what the CDN still holds of an earlier write is under another URL.
 * (Cloudinary serves the current bytes for whatever number.)
 */
function versionOf(etag: string): number {
  return (createHash('sha256').update(etag).digest().readUInt32BE() % VERSIONS) + 1;
}

export class AssetReader {
  readonly #client: CloudinaryClient;
  readonly #urls: SignedUrls;
  readonly #agent: GuardedAgent;

  constructor(client: CloudinaryClient, urls: SignedUrls, options: CheckedOptions) {
    this.#client = client;
    this.#urls = urls;
    this.#agent = guardedAgent(options.deliveryUrl, options.timeout * 1000);
  }

  /** @throws StorageFileNotFoundError, PreconditionFailedError, InvalidRangeError, StorageUnavailableError */
  async open(name: AssetName, options: OpenOptions, details: KeyDetails): Promise<OpenedObject> {
    const { signal } = options;
    for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
      const asset = await this.#client.resource(name, details, signal);
      const info = objectInfo(details.key, asset);
      if (options.ifMatch !== undefined && options.ifMatch !== info.etag) throw new PreconditionFailedError(details);
      const range = resolveRange(options.range, info.size, details);
      if (range === undefined) throw emptyFile(details);
      const delivery = await this.#deliver(name, asset, info, options.range && range, details, signal);
      if (delivery === undefined) continue;
      try {
        if (await this.#isOfVersion(delivery, name, asset, info, range, details, signal)) {
          const body = bodyOf(delivery, range, details, (error) => this.#client.translate(error, details).cause);
          return { info, range, body };
        }
      } catch (error) {
        delivery.body.destroy();
        throw error;
      }
      delivery.body.destroy();
    }
    throw new StorageUnavailableError({
      ...details,
      reason: 'the CDN does not serve the current version of the file',
      advice: 'It was changed a moment ago: try again.',
    });
  }

  /** The bytes of a small asset that nobody else writes. */
  async original(name: AssetName, details: StorageErrorDetails, signal?: AbortSignal): Promise<Buffer> {
    const url = await this.#urls.delivery(name, undefined, 1);
    const { status, reason, body } = await fetchDelivery(url, undefined, this.#agent, signal);
    if (status === 200) return buffer(body);
    body.destroy();
    throw refused(status, reason, details);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Undefined where the CDN has nothing, although the object was there a moment ago. */
  async #deliver(
    name: AssetName,
    asset: Asset,
    info: ObjectInfo,
    range: ResolvedRange | undefined,
    details: KeyDetails,
    signal: AbortSignal | undefined,
  ): Promise<Delivery | undefined> {
    const url = await this.#urls.delivery(name, asset.format, versionOf(info.etag));
    let delivery: Delivery;
    try {
      delivery = await fetchDelivery(url, range, this.#agent, signal);
    } catch (error) {
      throwIfAborted(signal, details);
      throw this.#client.translate(error, details);
    }
    if (delivery.status === 200 || delivery.status === 206) return delivery;
    delivery.body.destroy();
    if (delivery.status === 404 || delivery.status === 416) return undefined;
    throw refused(delivery.status, delivery.reason, details);
  }

  async #isOfVersion(
    delivery: Delivery,
    name: AssetName,
    asset: Asset,
    info: ObjectInfo,
    range: ResolvedRange,
    details: KeyDetails,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    if (delivery.size !== undefined && delivery.size !== info.size) return false;
    if (delivery.start > range.start) return false;
    if (MD5.test(asset.etag ?? '') && MD5.test(delivery.etag ?? '')) return asset.etag === delivery.etag;
    // Without a digest on both sides: nothing may have been written between the two answers.
    try {
      return objectInfo(info.key, await this.#client.resource(name, details, signal)).etag === info.etag;
    } catch (error) {
      if (error instanceof StorageFileNotFoundError) return false;
      throw error;
    }
  }
}

function refused(status: number, reason: string | undefined, details: StorageErrorDetails): StorageError {
  const cause = new CloudinaryFailure(reason ?? 'delivery was refused', status);
  if (status !== 401 && status !== 403) return storageError(cause, details);
  return new PermissionDeniedError({
    ...details,
    reason: 'Cloudinary refused to deliver the file',
    advice: 'Check the API secret; PDF and ZIP files are delivered only where the account allows it.',
    cause,
  });
}
