/** Facts from the Admin API and bytes from the CDN, put together only where both are of one version. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import {
  PermissionDeniedError,
  PreconditionFailedError,
  resolveRange,
  type StorageError,
  StorageUnavailableError,
  type ObjectInfo,
  type OpenedObject,
  type OpenOptions,
  type ResolvedRange,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { abortError, throwIfAborted, type CloudinaryClient } from './cloudinary-client.js';
import { CloudinaryFailure, emptyFile, storageError } from './cloudinary-errors.js';
import type { CheckedOptions } from './cloudinary-options.js';
import { isEtagOf, objectInfo, type Asset } from './context.js';
import { bodyOf, fetchDelivery, type Delivery } from './delivery.js';
import { guardedAgent, type GuardedAgent } from './guarded-agent.js';
import type { AssetName } from './public-id.js';
import type { SignedUrls } from './signed-urls.js';

// Each is one more look at a file that somebody keeps writing.
const OPEN_ATTEMPTS = 20;
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
    let asset = await this.#client.resource(name, details, signal);
    for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
      const { info, range } = this.#wanted(asset, options, details);
      const delivery = await this.#deliver(name, asset, info, options.range && range, details, signal);
      let later = asset;
      try {
        if (delivery === undefined || !isCertainlyOf(delivery, asset)) {
          later = await this.#client.resource(name, details, signal);
        }
        if (delivery !== undefined && isOf(delivery, asset, later)) {
          const now = this.#wanted(later, options, details);
          if (now.info.size === info.size && delivery.start <= range.start) {
            return { ...now, body: bodyOf(delivery, range, (error) => this.#brokenOff(error, details, signal)) };
          }
        }
      } catch (error) {
        delivery?.body.destroy();
        throw error;
      }
      delivery?.body.destroy();
      asset = later;
    }
    throw new StorageUnavailableError({
      ...details,
      reason: 'the CDN does not serve the current version of the file',
      advice: 'It was changed a moment ago: try again.',
    });
  }

  #brokenOff(error: unknown, details: KeyDetails, signal: AbortSignal | undefined): StorageError {
    if (signal?.aborted) return abortError(signal, details);
    const cause = error && this.#client.translate(error, details).cause;
    return new StorageUnavailableError({ ...details, reason: 'the file could not be read to its end', cause });
  }

  #wanted(asset: Asset, options: OpenOptions, details: KeyDetails): { info: ObjectInfo; range: ResolvedRange } {
    const info = objectInfo(details.key, asset);
    if (options.ifMatch !== undefined && !isEtagOf(options.ifMatch, asset)) throw new PreconditionFailedError(details);
    const range = resolveRange(options.range, info.size, details);
    if (range === undefined) throw emptyFile(details);
    return { info, range };
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
    const delivery = await this.#fetch(url, range, details, signal);
    if (delivery.status === 200 || delivery.status === 206) return delivery;
    delivery.body.destroy();
    if (delivery.status === 404 || delivery.status === 416) return undefined;
    throw refused(delivery.status, delivery.reason, details);
  }

  /** Asks again where the connection broke: a CDN ends those that it kept as the next request is on its way. */
  async #fetch(
    url: string,
    range: ResolvedRange | undefined,
    details: KeyDetails,
    signal: AbortSignal | undefined,
  ): Promise<Delivery> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await fetchDelivery(url, range, this.#agent, signal);
      } catch (error) {
        throwIfAborted(signal, details);
        const failure = this.#client.translate(error, details);
        if (attempt === 2 || !(failure instanceof StorageUnavailableError)) throw failure;
      }
    }
  }
}

/** The digests of facts and bytes say that they belong together. */
function isCertainlyOf({ etag, size }: Delivery, asset: Asset): boolean {
  if (size !== undefined && size !== asset.bytes) return false;
  return MD5.test(etag ?? '') && asset.etag === etag;
}

/** @param before facts taken before the bytes were asked for. @param after facts taken after that */
function isOf(delivery: Delivery, before: Asset, after: Asset): boolean {
  if (isCertainlyOf(delivery, after)) return true;
  if (MD5.test(delivery.etag ?? '') && MD5.test(after.etag ?? '')) return false;
  // Without a digest on both sides: nothing may have been written between the two.
  const same = objectInfo('' as StorageKey, before).etag === objectInfo('' as StorageKey, after).etag;
  return same && (delivery.size === undefined || delivery.size === after.bytes);
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
