/** Calls to Cloudinary with this storage's credentials: bounded in time, stoppable, and failing in the storage's words. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  OperationAbortedError,
  StorageError,
  StorageUnavailableError,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { failureOf, scrubber, storageError, type CloudinaryFailure } from './cloudinary-errors.js';
import type { CheckedOptions, CloudinaryResourceType } from './cloudinary-options.js';
import { assertSigns, loadCloudinarySdk, type CloudinarySdk } from './cloudinary-sdk.js';
import type { Asset } from './context.js';
import { guardedAgent, type GuardedAgent } from './guarded-agent.js';
import type { AssetName } from './public-id.js';

/** Files of this type are delivered by signed URLs only. */
export const DELIVERY_TYPE = 'authenticated';

// The SDK wants public_ids of one call to be few; Cloudinary takes at most 100.
export const MAX_DELETE_BATCH = 100;
// https://cloudinary.com/documentation/admin_api#get_resources
export const MAX_PAGE = 500;

export interface AssetPage {
  readonly resources: readonly Asset[];
  readonly next_cursor?: string;
}

/** One part of an upload, or a whole one. */
export interface UploadPart {
  readonly name: AssetName;
  readonly context: Readonly<Record<string, string>>;
  readonly chunks: readonly Uint8Array[];
  /** Set for parts of a chunked upload. */
  readonly range?: { readonly uploadId: string; readonly contentRange: string };
}

export interface UploadAnswer extends Partial<Asset> {
  readonly resource_type?: string;
}

export class CloudinaryClient {
  readonly #options: CheckedOptions;
  readonly #scrub: (text: string) => string;
  readonly #agent: GuardedAgent;
  #sdk: Promise<CloudinarySdk> | undefined;

  constructor(options: CheckedOptions) {
    this.#options = options;
    const { apiKey, apiSecret, authTokenKey = '' } = options;
    const pair = `${apiKey}:${apiSecret}`;
    this.#scrub = scrubber([pair, Buffer.from(pair).toString('base64'), apiSecret, authTokenKey, apiKey]);
    this.#agent = guardedAgent(options.apiUrl, options.timeout * 1000);
  }

  /** @throws StorageConfigurationError when the package is missing */
  sdk(): Promise<CloudinarySdk> {
    // A failure is not kept: the package may be there the next time.
    return (this.#sdk ??= this.#load().catch((error: unknown) => {
      this.#sdk = undefined;
      throw error;
    }));
  }

  async #load(): Promise<CloudinarySdk> {
    const sdk = await loadCloudinarySdk();
    assertSigns(sdk, this.#options.signatureAlgorithm);
    return sdk;
  }

  /** What every call is signed with; given each time, because the SDK's own configuration is global. */
  credentials() {
    const { cloudName, apiKey, apiSecret, apiUrl, signatureAlgorithm } = this.#options;
    return {
      cloud_name: cloudName,
      api_key: apiKey,
      api_secret: apiSecret,
      upload_prefix: apiUrl,
      signature_algorithm: signatureAlgorithm,
    };
  }

  newAgent(): GuardedAgent {
    return guardedAgent(this.#options.apiUrl, this.#options.timeout * 1000);
  }

  /** @throws StorageFileNotFoundError */
  async resource(name: AssetName, details: StorageErrorDetails, signal?: AbortSignal): Promise<Asset> {
    const { resourceType, publicId } = name;
    return this.#read(details, signal, (sdk, options) =>
      sdk.api.resource(publicId, { ...options, resource_type: resourceType, type: DELIVERY_TYPE }),
    );
  }

  async resources(
    query: { resourceType: CloudinaryResourceType; prefix: string; limit: number; cursor?: string },
    details: StorageErrorDetails,
    signal?: AbortSignal,
  ): Promise<AssetPage> {
    const { resourceType, prefix, limit, cursor } = query;
    return this.#read(details, signal, (sdk, options) =>
      sdk.api.resources({
        ...options,
        resource_type: resourceType,
        type: DELIVERY_TYPE,
        prefix,
        max_results: Math.min(limit, MAX_PAGE),
        context: true,
        ...(cursor !== undefined && { next_cursor: cursor }),
      }),
    );
  }

  async ping(details: StorageErrorDetails, signal?: AbortSignal): Promise<void> {
    await this.#read(details, signal, (sdk, options) => sdk.api.ping(options));
  }

  /** False where there was nothing. */
  async destroy(name: AssetName, details: StorageErrorDetails, signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#call(details, signal, (sdk, options) =>
      sdk.uploader.destroy(name.publicId, {
        ...options,
        resource_type: name.resourceType,
        type: DELIVERY_TYPE,
        invalidate: true,
      }),
    );
    return (answer as { result?: unknown }).result === 'ok';
  }

  /** By public ID: `deleted`, `not_found`. @param names at most 100, all of one resource type */
  async destroyMany(
    names: readonly AssetName[],
    details: StorageErrorDetails,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    const answer = await this.#call(details, signal, (sdk, options) =>
      sdk.api.delete_resources(
        names.map((name) => name.publicId),
        { ...options, resource_type: names[0]!.resourceType, type: DELIVERY_TYPE, invalidate: true },
      ),
    );
    return (answer as { deleted?: Record<string, string> }).deleted ?? {};
  }

  /** One step at Cloudinary: the target is replaced, the source is gone. @throws StorageFileNotFoundError */
  async rename(from: AssetName, to: AssetName, details: StorageErrorDetails, signal?: AbortSignal): Promise<Asset> {
    return this.#call(details, signal, (sdk, options) =>
      sdk.uploader.rename(from.publicId, to.publicId, {
        ...options,
        resource_type: from.resourceType,
        type: DELIVERY_TYPE,
        overwrite: true,
        invalidate: true,
      }),
    );
  }

  /** @param agent ends with the upload, so that stopping it stops its connection */
  async upload(part: UploadPart, agent: GuardedAgent, details: StorageErrorDetails): Promise<UploadAnswer> {
    const sdk = await this.sdk();
    const { name, context, chunks, range } = part;
    try {
      return await new Promise<UploadAnswer>((resolve, reject) => {
        const target = sdk.uploader.upload_stream(
          {
            ...this.credentials(),
            agent,
            timeout: this.#options.timeout * 1000,
            // Its promise has no reader here; a failure would be an unhandled rejection.
            disable_promises: true,
            resource_type: name.resourceType,
            type: DELIVERY_TYPE,
            public_id: name.publicId,
            overwrite: true,
            invalidate: true,
            unique_filename: false,
            use_filename: false,
            context: { ...context },
            ...(range && { x_unique_upload_id: range.uploadId, content_range: range.contentRange }),
          },
          (error, answer) => {
            target.destroy();
            if (error) reject(error);
            else resolve(answer ?? {});
          },
        );
        pipeline(Readable.from(chunks, { objectMode: false }), target).catch((error: unknown) => reject(error));
      });
    } catch (error) {
      throw this.translate(error, details);
    }
  }

  /** Any failure as the storage's own. */
  translate(error: unknown, details: StorageErrorDetails): StorageError {
    return error instanceof StorageError ? error : storageError(this.#failure(error), details);
  }

  close(): void {
    this.#agent.destroy();
  }

  #failure(error: unknown): CloudinaryFailure {
    return failureOf(error, this.#scrub);
  }

  /** A call that changes nothing is made again once when the connection fails under it. */
  async #read<T>(
    details: StorageErrorDetails,
    signal: AbortSignal | undefined,
    work: (sdk: CloudinarySdk, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#call(details, signal, work);
    } catch (error) {
      const lost = error instanceof StorageUnavailableError && (error.cause as CloudinaryFailure).status === 0;
      if (!lost) throw error;
      return this.#call(details, signal, work);
    }
  }

  async #call<T>(
    details: StorageErrorDetails,
    signal: AbortSignal | undefined,
    work: (sdk: CloudinarySdk, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal, details);
    const sdk = await this.sdk();
    try {
      const options = { ...this.credentials(), agent: this.#agent, timeout: this.#options.timeout * 1000 };
      // The SDK cannot stop a call: it ends by itself, or by its time-out, unheard.
      return await unlessAborted(work(sdk, options), signal, details);
    } catch (error) {
      throw this.translate(error, details);
    }
  }
}

type CallOptions = ReturnType<CloudinaryClient['credentials']> & { agent: GuardedAgent; timeout: number };

export function abortError(signal: AbortSignal, details: StorageErrorDetails): StorageError {
  return signal.reason instanceof StorageError
    ? signal.reason
    : new OperationAbortedError({ ...details, cause: signal.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined, details: StorageErrorDetails): void {
  if (signal?.aborted) throw abortError(signal, details);
}

/** What work comes to, unless the signal fires before: then it ends unheard. @throws what abortError() makes */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  details: StorageErrorDetails,
): Promise<T> {
  if (signal === undefined) return work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal, details));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop!);
  }
}
