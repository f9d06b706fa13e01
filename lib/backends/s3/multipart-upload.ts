/** One multipart upload: parts sent side by side, then completed or aborted, and never left behind unnoticed. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectInfo } from '../../contract/index.js';
import type { ChunkList } from './chunk-list.js';
import { watchLostAnswers } from './lost-answers.js';
import { conditionFields, type NewObject } from './new-object.js';
import { bareEtag } from './object-facts.js';
import { attachBody } from './request-body.js';
import { attemptsOf, mayHaveWorked, toStorageError } from './s3.errors.js';
import type { S3Connection } from './s3.connection.js';

interface SentPart {
  readonly PartNumber: number;
  readonly ETag: string | undefined;
  readonly ChecksumCRC32?: string;
}

export interface CopySource {
  readonly CopySource: string;
  readonly CopySourceIfMatch: string | undefined;
  readonly CopySourceRange: string;
}

/** Who is told of uploads that may stay open, and looks at published objects. */
export interface UploadKeeper {
  /** Aborted in vain: the upload is still open on the server. */
  abandoned(key: string, uploadId: string, cause: unknown): void;
  /** The answer that names an upload was lost: one that nobody can abort may be open on the server. */
  unnamed(key: string, cause: unknown): void;
  /** Looks at a published object; undefined where it is not to be seen. */
  look(object: NewObject): Promise<Published | undefined>;
}

/** A published object, with the mark of its write. */
export interface Published {
  readonly info: ObjectInfo;
  readonly mark: string | undefined;
}

// Parts that were cut while the server worked on them can appear after the abort, which then has to be repeated:
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
const ABORT_PAUSES = [50, 250, 1000];

export class MultipartUpload {
  readonly #connection: S3Connection;
  readonly #object: NewObject;
  readonly #keeper: UploadKeeper;
  readonly #cut = new AbortController();
  readonly #parts: SentPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  #uploadId: string | undefined;
  #failure: { readonly error: unknown } | undefined;
  #aborting: Promise<void> | undefined;
  #next = 1;
  #wasCut = false;

  constructor(connection: S3Connection, object: NewObject, keeper: UploadKeeper) {
    this.#connection = connection;
    this.#object = object;
    this.#keeper = keeper;
    // One for each part on its way, of which partConcurrency allows a hundred.
    setMaxListeners(0, this.#cut.signal);
  }

  get #where() {
    const { Bucket, Key } = this.#object.request;
    return { Bucket, Key, UploadId: this.#uploadId };
  }

  /**
   * Where this fails after all, abort() leaves nothing behind.
   *
   * @param checksummed every part will bring a checksum: a store that is told of an algorithm here refuses parts without
   * one, and the completion that does not repeat them
   */
  async begin({ checksummed = false }: { readonly checksummed?: boolean } = {}): Promise<void> {
    const { details, options, request, markedMetadata } = this.#object;
    const { signal } = options;
    const { checksums } = this.#connection.settings;
    this.#throwIfAborted();
    let lost = (): Error | undefined => undefined;
    try {
      // The caller's signal does not cut this request: nobody could abort an upload whose id is not known.
      const answer = await this.#connection.run(details, {}, (client, sdk) => {
        const command = new sdk.CreateMultipartUploadCommand({
          ...request,
          ...(markedMetadata && { Metadata: markedMetadata }),
          ...(checksummed && checksums === 'crc32' && { ChecksumAlgorithm: 'CRC32' }),
        });
        lost = watchLostAnswers(command);
        return client.send(command);
      });
      this.#uploadId = answer.UploadId;
    } finally {
      const cause = lost();
      if (cause) this.#keeper.unnamed(this.#object.key, cause);
    }
    this.#throwIfAborted();
    signal?.addEventListener('abort', this.#stop, { once: true });
  }

  #throwIfAborted(): void {
    const { details, options } = this.#object;
    const { signal } = options;
    if (signal?.aborted) throw toStorageError(signal.reason, { details, signal });
  }

  readonly #stop = () => this.#cut.abort();

  /** Throws what stopped an earlier part. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** Sends a part once there is a place for it. @param sent called when its bytes are needed no longer */
  async send(part: ChunkList, sent: () => void): Promise<void> {
    try {
      await this.#place();
    } catch (error) {
      part.clear();
      sent();
      throw error;
    }
    this.#track(
      this.#sendPart(part.size, () => part.stream(), part.headers()).finally(() => {
        part.clear();
        sent();
      }),
    );
  }

  /** Sends a part as it arrives, for parts too large to hold. It is sent once: its bytes cannot be had again. */
  async sendStream(size: number, body: Readable): Promise<void> {
    body.once('error', () => {
      this.#wasCut = true;
      this.#cut.abort();
    });
    await this.#sendPart(size, body, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' });
  }

  /** Has the store fill a part from another object, once there is a place for it. */
  async copyPart(source: CopySource): Promise<void> {
    await this.#place();
    this.#track(this.#copyPart(source));
  }

  async #copyPart(source: CopySource): Promise<void> {
    const PartNumber = this.#next++;
    const { details, options } = this.#object;
    const { CopyPartResult } = await this.#connection.run(details, { signal: options.signal }, (client, sdk) =>
      client.send(new sdk.UploadPartCopyCommand({ ...this.#where, ...source, PartNumber }), {
        abortSignal: this.#cut.signal,
      }),
    );
    // A checksum of the part is left out even where the store tells one: the upload was not begun with an algorithm,
    // since not every store makes them (https://github.com/minio/minio/issues/20649).
    this.#parts.push({ PartNumber, ETag: CopyPartResult?.ETag });
  }

  /** Remembers a part on its way, and the first failure of any. */
  #track(part: Promise<void>): void {
    const tracked = part
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#sending.delete(tracked));
    this.#sending.add(tracked);
  }

  async #place(): Promise<void> {
    while (this.#sending.size >= this.#connection.settings.partConcurrency) await Promise.race(this.#sending);
    this.throwIfFailed();
  }

  async #sendPart(size: number, body: Readable | (() => Readable), headers: Record<string, string>): Promise<void> {
    const PartNumber = this.#next++;
    const { details, options } = this.#object;
    const answer = await this.#connection.run(details, { signal: options.signal }, (client, sdk) => {
      const command = new sdk.UploadPartCommand({ ...this.#where, PartNumber, ContentLength: size });
      attachBody(command, body, headers);
      return client.send(command, { abortSignal: this.#cut.signal });
    });
    const ChecksumCRC32 = headers['x-amz-checksum-crc32'];
    this.#parts.push({ PartNumber, ETag: answer.ETag, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) });
  }

  /** Resolves when every part is on the server. */
  async settle(): Promise<void> {
    while (this.#sending.size > 0) await Promise.race(this.#sending);
    this.throwIfFailed();
  }

  /**
   * Publishes the object. Once this is on its way the caller's signal has no say: whether the object is visible would
   * not be known.
   *
   * @returns its ETag, or an empty text where the store does not tell
   */
  async complete(): Promise<string> {
    const { details, options } = this.#object;
    const { dialect } = this.#connection.settings;
    this.#parts.sort((a, b) => a.PartNumber - b.PartNumber);
    this.#throwIfAborted();
    try {
      const answer = await this.#connection.run(details, { conditions: options }, (client, sdk) =>
        client.send(
          new sdk.CompleteMultipartUploadCommand({
            ...this.#where,
            MultipartUpload: { Parts: this.#parts },
            ...conditionFields(dialect, options),
          }),
        ),
      );
      this.#release();
      // Some releases of Ceph leave the ETag out of the answer.
      return bareEtag(answer.ETag) || (this.#expectedEtag() ?? '');
    } catch (error) {
      const etag = await this.#publishedAnyway(error);
      if (etag === undefined) throw error;
      this.#release();
      return etag;
    }
  }

  /** A request whose answer was lost may have done its work: then its retry fails, or nothing answers at all. */
  async #publishedAnyway(error: unknown): Promise<string | undefined> {
    if (!mayHaveWorked(error)) return undefined;
    const found = await this.#keeper.look(this.#object);
    // An equal ETag says nothing of metadata and type: the same bytes may have been there before.
    return found?.mark === this.#object.mark ? found.info.etag : undefined;
  }

  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html: a digest of the digests.
  #expectedEtag(): string | undefined {
    const digests = this.#parts.map((part) => bareEtag(part.ETag));
    if (!digests.every((digest) => /^[0-9a-f]{32}$/.test(digest))) return undefined;
    const all = createHash('md5');
    for (const digest of digests) all.update(Buffer.from(digest, 'hex'));
    return `${all.digest('hex')}-${digests.length}`;
  }

  /** Throws the parts away. Never rejects: an upload that stays open is told to the keeper. */
  abort(): Promise<void> {
    this.#aborting ??= this.#abort();
    return this.#aborting;
  }

  async #abort(): Promise<void> {
    this.#wasCut ||= this.#sending.size > 0;
    this.#cut.abort();
    while (this.#sending.size > 0) await Promise.race(this.#sending);
    this.#release();
    const uploadId = this.#uploadId;
    if (uploadId === undefined) return;
    try {
      await this.#abortOnServer();
      for (const pause of this.#wasCut ? ABORT_PAUSES : []) {
        await delay(pause);
        if (!(await this.#abortOnServer())) break;
      }
    } catch (error) {
      this.#keeper.abandoned(this.#object.key, uploadId, error);
    }
  }

  /** False when the upload was gone already. */
  async #abortOnServer(): Promise<boolean> {
    try {
      // The caller's signal has no say here: clean-up goes on after it.
      await this.#connection.run(this.#object.details, {}, (client, sdk) =>
        client.send(new sdk.AbortMultipartUploadCommand(this.#where)),
      );
      return true;
    } catch (error) {
      const { name, status } = attemptsOf((error as { cause?: unknown }).cause);
      if (name === 'NoSuchUpload' || status === 404) return false;
      throw error;
    }
  }

  #release(): void {
    this.#object.options.signal?.removeEventListener('abort', this.#stop);
  }
}
