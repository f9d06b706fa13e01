/** Staging: a small body is held, a longer one stands as an upload session whose last chunk is withheld. */
import {
  ChecksumMismatchError,
  OperationAbortedError,
  type ObjectInfo,
  type StagedInfo,
  type StagedObject,
  type StageOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { ChunkBuffer } from './chunk-buffer.js';
import type { Crc32cFactory } from './crc32c.js';
import type { GcsApi } from './gcs-api.js';
import { toStorageError } from './gcs-errors.js';
import { generationMatch, infoOf, objectPath, resourceFor, type ObjectResource } from './object-resource.js';
import { uploadSingle } from './single-upload.js';
import { UploadSession } from './upload-session.js';

export interface StagingContext {
  readonly api: GcsApi;
  readonly crc32c: Crc32cFactory;
  readonly bucket: string;
  readonly chunkSize: number;
}

interface Taken {
  readonly session: UploadSession | undefined;
  /** What the service does not have yet: the whole of a small body, the last chunk of a longer one. */
  readonly rest: Buffer;
  readonly size: number;
  readonly crc32c: string;
}

/** Reads the body to its end; all but the last chunk goes to the service, in a session that publishes nothing yet. */
export async function stageUpload(
  context: StagingContext,
  key: StorageKey,
  body: AsyncIterable<Uint8Array>,
  options: StageOptions,
): Promise<StagedObject> {
  const details: StorageErrorDetails = { operation: 'put', key, backend: 'gcs' };
  const taken = await takeIn(context, key, body, options, details);
  return new StagedUpload(context, taken, key, options, details);
}

async function takeIn(
  { api, crc32c, bucket, chunkSize }: StagingContext,
  key: StorageKey,
  body: AsyncIterable<Uint8Array>,
  options: StageOptions,
  details: StorageErrorDetails,
): Promise<Taken> {
  const { signal } = options;
  const sum = crc32c();
  let size = 0;
  let filling = new ChunkBuffer(chunkSize);
  let spare: ChunkBuffer | undefined;
  let session: UploadSession | undefined;
  let sending: Promise<void> = Promise.resolve();
  const sent = async () => {
    try {
      await sending;
    } catch (error) {
      throw toStorageError(error, details, signal, options);
    }
  };
  const sendFull = async () => {
    // One chunk is on its way while the next one fills.
    await sent();
    try {
      session ??= await UploadSession.start(api, {
        bucket,
        key,
        resource: resourceFor({ key, ...options }),
        contentType: options.contentType,
        ifGenerationMatch: generationMatch(options),
        size: options.size,
        signal,
      });
    } catch (error) {
      throw toStorageError(error, details, signal, options);
    }
    const full = filling;
    sending = session.send(full.bytes(), signal);
    // Its failure is told by the next sent(); until then it is no unhandled one.
    sending.catch(() => {});
    filling = spare ?? new ChunkBuffer(chunkSize);
    filling.clear();
    spare = full;
  };
  try {
    for await (const chunk of body) {
      if (signal?.aborted) throw toStorageError(undefined, details, signal);
      sum.update(chunk);
      size += chunk.byteLength;
      for (let rest = chunk; rest.byteLength > 0; rest = filling.fill(rest)) if (filling.full) await sendFull();
    }
    await sent();
    return { session, rest: filling.bytes(), size, crc32c: sum.digest() };
  } catch (error) {
    await sending.catch(() => {});
    // A session that cannot be cancelled now expires by itself after a week and costs nothing.
    await session?.cancel().catch(() => undefined);
    throw error;
  }
}

class StagedUpload implements StagedObject {
  readonly info: StagedInfo;
  readonly #context: StagingContext;
  readonly #options: StageOptions;
  readonly #details: StorageErrorDetails;
  /** Let go of once the upload has ended, since it holds up to a chunk of memory. */
  #taken: Taken | undefined;
  #outcome: Promise<ObjectInfo> | undefined;
  #ended: Promise<void> | undefined;

  constructor(
    context: StagingContext,
    taken: Taken,
    key: StorageKey,
    options: StageOptions,
    details: StorageErrorDetails,
  ) {
    const { contentType, metadata, cacheControl, contentDisposition } = options;
    this.info = { key, size: taken.size, contentType, metadata, cacheControl, contentDisposition };
    this.#context = context;
    this.#taken = taken;
    this.#options = options;
    this.#details = details;
  }

  commit(): Promise<ObjectInfo> {
    return (this.#outcome ??= this.#commit());
  }

  abort(): Promise<void> {
    if (this.#outcome) return Promise.resolve();
    return (this.#ended ??= this.#abort());
  }

  async #commit(): Promise<ObjectInfo> {
    const taken = this.#taken;
    if (this.#ended || !taken) throw new OperationAbortedError(this.#details);
    try {
      if (this.#options.signal?.aborted) {
        await taken.session?.cancel().catch(() => undefined);
        throw toStorageError(undefined, this.#details, this.#options.signal);
      }
      const resource = await (taken.session ? this.#finish(taken.session, taken) : this.#uploadSingle(taken));
      await this.#verify(resource, taken);
      return infoOf(resource);
    } catch (error) {
      throw toStorageError(error, this.#details, undefined, this.#options);
    } finally {
      this.#taken = undefined;
    }
  }

  async #abort(): Promise<void> {
    const session = this.#taken?.session;
    this.#taken = undefined;
    try {
      await session?.cancel();
    } catch (error) {
      throw toStorageError(error, this.#details);
    }
  }

  /** Once begun it is not called off: whether the last chunk arrived could not be told otherwise. */
  async #finish(session: UploadSession, { rest, crc32c }: Taken): Promise<ObjectResource> {
    try {
      return await session.finish(rest, crc32c);
    } catch (error) {
      // The session itself knows whether it published; if it did not, it never will.
      const published = await session.cancel().catch(() => undefined);
      if (published) return published;
      throw error;
    }
  }

  #uploadSingle({ rest, crc32c }: Taken): Promise<ObjectResource> {
    const { api, bucket } = this.#context;
    return uploadSingle(api, {
      bucket,
      key: this.info.key,
      resource: resourceFor(this.info, crc32c),
      contentType: this.info.contentType,
      bytes: rest,
      crc32c,
      ifGenerationMatch: generationMatch(this.#options),
    });
  }

  /** The service was told the sum beforehand; one that stored other bytes all the same is not believed. */
  async #verify({ crc32c, generation }: ObjectResource, taken: Taken): Promise<void> {
    if (crc32c === undefined || crc32c === taken.crc32c) return;
    const { api, bucket } = this.#context;
    await api
      .done({
        method: 'DELETE',
        path: objectPath(bucket, this.info.key),
        query: { ifGenerationMatch: generation },
        accept: [200, 204, 404, 412],
      })
      .catch(() => undefined);
    throw new ChecksumMismatchError(this.#details);
  }
}
