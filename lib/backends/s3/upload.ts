/** Takes in a body: a small one is held until it is committed, a larger one becomes an unfinished multipart upload. */
import { Readable } from 'node:stream';
import {
  FileTooLargeError,
  OperationAbortedError,
  StorageError,
  StorageUnavailableError,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { ChunkList } from './chunk-list.js';
import { MultipartUpload, type UploadKeeper } from './multipart-upload.js';
import { assertHolds, holds, type NewObject } from './new-object.js';
import type { PartAccount } from './part-account.js';
import { NoRoomToHold, partBuffers } from './part-buffers.js';
import { PartPlan } from './part-plan.js';
import type { S3Connection } from './s3.connection.js';
import { MAX_OBJECT_BYTES } from './s3.settings.js';

/** Where the bytes are now. */
export type Taken =
  | { readonly size: number; readonly held: ChunkList; readonly release: () => void }
  | { readonly size: number; readonly upload: MultipartUpload };

function tooLarge(details: StorageErrorDetails, limit: number, advice?: string): FileTooLargeError {
  return new FileTooLargeError({ ...details, limit, advice });
}

function noRoom(details: StorageErrorDetails, cause: unknown): StorageUnavailableError {
  return new StorageUnavailableError({
    ...details,
    reason: 'this store holds the condition only if the body stays in memory until it is committed, and others fill it',
    advice: 'Try again later, commit or abort what is staged, or raise partBufferBytes.',
    cause,
  });
}

const NOTHING = new Uint8Array();

/** The bytes of a body, as many at a time as are asked for. */
class Pieces {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = NOTHING;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  /** Waits for the next byte. False at the end of the body. */
  async more(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#iterator.next();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }

  take(most: number): Uint8Array {
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(most);
    return piece;
  }

  /** Lets the source go. Not awaited: a source that hangs would hold up whoever wants to leave it. */
  leave(): void {
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

export class BodyIntake {
  readonly #connection: S3Connection;
  readonly #object: NewObject;
  readonly #keeper: UploadKeeper;
  readonly #plan: PartPlan;
  readonly #pieces: Pieces;
  #upload: MultipartUpload | undefined;
  #size = 0;

  constructor(connection: S3Connection, object: NewObject, keeper: UploadKeeper, body: AsyncIterable<Uint8Array>) {
    this.#connection = connection;
    this.#object = object;
    this.#keeper = keeper;
    this.#plan = new PartPlan(connection.settings, object.options, partBuffers.limit);
    this.#pieces = new Pieces(body);
  }

  /** Reads the body to its end. When it fails, nothing is left on the server or in memory. */
  async take(): Promise<Taken> {
    const { size } = this.#object.options;
    const { partSize } = this.#plan;
    try {
      if (size !== undefined && size > MAX_OBJECT_BYTES) throw tooLarge(this.#object.details, MAX_OBJECT_BYTES);
      if (size !== undefined && size > partSize) this.#assertMultipart();
      return partSize > partBuffers.limit ? await this.#takeStreamed() : await this.#takeBuffered();
    } catch (error) {
      await this.#upload?.abort();
      this.#pieces.leave();
      throw error;
    }
  }

  #assertMultipart(): void {
    assertHolds(this.#connection.settings.dialect, 'multipart', this.#object.options, this.#object.details);
  }

  async #begin(checksummed: boolean): Promise<MultipartUpload> {
    this.#assertMultipart();
    this.#upload = new MultipartUpload(this.#connection, this.#object, this.#keeper);
    await this.#upload.begin({ checksummed });
    return this.#upload;
  }

  async #takeBuffered(): Promise<Taken> {
    const { checksums, dialect } = this.#connection.settings;
    const mustKeep = !holds(dialect, 'multipart', this.#object.options);
    const account = partBuffers.open(mustKeep);
    let part = new ChunkList(checksums);
    let { least, full } = this.#plan.next();
    if (mustKeep) least = full;
    try {
      // A full part waits for the first byte after it: only then is it certain that one request is not enough.
      while (await this.#pieces.more()) {
        this.#upload?.throwIfFailed();
        this.#assertMore();
        if (part.size === least && part.size < full && account.grow(full - least)) least = full;
        if (part.size === least) {
          await this.#send(part, account);
          part = new ChunkList(checksums);
          ({ least, full } = this.#plan.next());
        }
        const piece = this.#pieces.take(least - part.size);
        await this.#room(account, piece.byteLength, least);
        part.push(piece);
        this.#size += piece.byteLength;
      }
      this.#upload?.throwIfFailed();
      if (!this.#upload && account.keep()) {
        const release = () => {
          part.clear();
          account.close();
        };
        return { size: this.#size, held: part, release };
      }
      if (part.size > 0) await this.#send(part, account);
      await this.#upload!.settle();
      return { size: this.#size, upload: this.#upload! };
    } catch (error) {
      part.clear();
      account.close();
      throw error;
    }
  }

  /** There are bytes after those that were taken. */
  #assertMore(): void {
    const { most, partSize } = this.#plan;
    const { details, options } = this.#object;
    if (this.#size < most) return;
    const byParts = most === partSize * this.#connection.settings.maxParts && options.size === undefined;
    throw tooLarge(details, most, byParts ? 'Give the size beforehand, or a larger partSize.' : undefined);
  }

  async #room(account: PartAccount, bytes: number, part: number): Promise<void> {
    const { details, options } = this.#object;
    try {
      await account.take(bytes, part, options.signal);
    } catch (error) {
      if (error instanceof NoRoomToHold) throw noRoom(details, error);
      throw error instanceof StorageError ? error : new OperationAbortedError({ ...details, cause: error });
    }
  }

  async #send(part: ChunkList, account: PartAccount): Promise<void> {
    const upload = this.#upload ?? (await this.#begin(true));
    this.#plan.sent(part.size);
    await upload.send(part, account.send());
  }

  /** Parts larger than the budget (only a given size makes such) go to the socket as they arrive, one by one. */
  async #takeStreamed(): Promise<Taken> {
    const total = this.#object.options.size!;
    const upload = await this.#begin(false);
    while (this.#size < total) {
      const bytes = Math.min(this.#plan.partSize, total - this.#size);
      const body = Readable.from(this.#part(bytes), { objectMode: false });
      try {
        await upload.sendStream(bytes, body);
      } catch (error) {
        // What stopped the body says more than the broken request.
        throw body.errored ?? error;
      } finally {
        body.destroy();
      }
    }
    // The end of the body is where its promises are checked.
    if (await this.#pieces.more()) throw tooLarge(this.#object.details, total);
    return { size: this.#size, upload };
  }

  async *#part(bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = bytes; left > 0 && (await this.#pieces.more());) {
      const piece = this.#pieces.take(left);
      left -= piece.byteLength;
      this.#size += piece.byteLength;
      yield piece;
    }
  }
}
