/** Takes in a body: a small one is held until it is committed, a larger one becomes an unfinished multipart upload. */
import { Readable } from 'node:stream';
import {
  FileTooLargeError,
  OperationAbortedError,
  StorageError,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { ChunkList } from './chunk-list.js';
import { MultipartUpload, type UploadKeeper } from './multipart-upload.js';
import { assertHolds, hasConditions, type NewObject } from './new-object.js';
import { partBuffers, type PartAccount } from './part-buffers.js';
import type { S3Connection } from './s3.connection.js';
import { MAX_OBJECT_BYTES, MAX_PARTS } from './s3.settings.js';

/** Where the bytes are now. */
export type Taken =
  | { readonly size: number; readonly held: ChunkList; readonly release: () => void }
  | { readonly size: number; readonly upload: MultipartUpload };

const MIB = 1024 * 1024;

/** A given size sets the part size, so that 10,000 parts are enough. */
export function partSizeFor(size: number | undefined, partSize: number): number {
  const least = size === undefined ? 0 : Math.ceil(size / MAX_PARTS / MIB) * MIB;
  return Math.max(partSize, least);
}

function tooLarge(details: StorageErrorDetails, limit: number, advice?: string): FileTooLargeError {
  return new FileTooLargeError({ ...details, limit, advice });
}

/** The next bytes of a body, never across the end of a part. */
class Pieces {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  async next(most: number): Promise<Uint8Array | undefined> {
    let chunk = this.#rest;
    this.#rest = undefined;
    while (chunk === undefined || chunk.byteLength === 0) {
      const { done, value } = await this.#iterator.next();
      if (done) return undefined;
      chunk = value;
    }
    if (chunk.byteLength > most) {
      this.#rest = chunk.subarray(most);
      return chunk.subarray(0, most);
    }
    return chunk;
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
  readonly #partSize: number;
  readonly #pieces: Pieces;
  #upload: MultipartUpload | undefined;
  #size = 0;

  constructor(connection: S3Connection, object: NewObject, keeper: UploadKeeper, body: AsyncIterable<Uint8Array>) {
    this.#connection = connection;
    this.#object = object;
    this.#keeper = keeper;
    const { size } = object.options;
    const { partSize } = connection.settings;
    // What has to be held cannot be larger than what may be held: only a given size can be sent as it arrives.
    const streamed = size !== undefined && size > partBuffers.limit;
    this.#partSize = partSizeFor(size, streamed ? partSize : Math.min(partSize, partBuffers.limit));
    this.#pieces = new Pieces(body);
  }

  /** Reads the body to its end. When it fails, nothing is left on the server or in memory. */
  async take(): Promise<Taken> {
    const { size } = this.#object.options;
    try {
      if (size !== undefined && size > MAX_OBJECT_BYTES) throw tooLarge(this.#object.details, MAX_OBJECT_BYTES);
      if (size !== undefined && size > this.#partSize) this.#assertMultipart();
      return this.#partSize > partBuffers.limit ? await this.#takeStreamed() : await this.#takeBuffered();
    } catch (error) {
      await this.#upload?.abort();
      this.#pieces.leave();
      throw error;
    }
  }

  #assertMultipart(): void {
    assertHolds(this.#connection.settings.dialect, 'multipart', this.#object.options, this.#object.details);
  }

  async #begin(): Promise<MultipartUpload> {
    this.#assertMultipart();
    const upload = new MultipartUpload(this.#connection, this.#object, this.#keeper);
    await upload.begin();
    this.#upload = upload;
    return upload;
  }

  async #takeBuffered(): Promise<Taken> {
    const account = partBuffers.open();
    const { checksums } = this.#connection.settings;
    let part = new ChunkList(checksums);
    try {
      const most = this.#partSize * this.#connection.settings.maxParts;
      for (;;) {
        const full = part.size === this.#partSize;
        const piece = await this.#pieces.next(full ? this.#partSize : this.#partSize - part.size);
        this.#upload?.throwIfFailed();
        if (piece === undefined) break;
        this.#size += piece.byteLength;
        if (this.#size > most) {
          throw tooLarge(this.#object.details, most, 'Give the size beforehand, or a larger partSize.');
        }
        // A full part waits for the first byte after it: only then is it certain that one request is not enough.
        if (full) {
          await this.#send(part, account);
          part = new ChunkList(checksums);
        }
        await this.#room(account, piece.byteLength);
        part.push(piece);
      }
      if (!this.#upload && this.#mayHold(account)) {
        account.settle();
        const release = () => {
          part.clear();
          account.close();
        };
        return { size: this.#size, held: part, release };
      }
      if (part.size > 0 || !this.#upload) await this.#send(part, account);
      await this.#upload!.settle();
      account.close();
      return { size: this.#size, upload: this.#upload! };
    } catch (error) {
      await this.#upload?.abort();
      part.clear();
      account.close();
      throw error;
    }
  }

  /** Small bodies are held, but where many are, they become uploads of one part, unless a condition forbids it. */
  #mayHold(account: PartAccount): boolean {
    if (account.roomy || this.#size === 0) return true;
    const { dialect } = this.#connection.settings;
    const { options } = this.#object;
    return (
      hasConditions(options) &&
      ((options.ifNoneMatch !== undefined && !dialect.createOnly.includes('multipart')) ||
        (options.ifMatch !== undefined && !dialect.ifMatch.includes('multipart')))
    );
  }

  async #room(account: PartAccount, bytes: number): Promise<void> {
    const { details, options } = this.#object;
    try {
      await account.take(bytes, options.signal);
    } catch (error) {
      throw error instanceof StorageError ? error : new OperationAbortedError({ ...details, cause: error });
    }
  }

  async #send(part: ChunkList, account: PartAccount): Promise<void> {
    const upload = this.#upload ?? (await this.#begin());
    await upload.send(part, account.send(part.size));
  }

  /** Parts larger than the budget (only a given size makes such) go to the socket as they arrive, one by one. */
  async #takeStreamed(): Promise<Taken> {
    const total = this.#object.options.size!;
    const upload = await this.#begin();
    while (this.#size < total) {
      const bytes = Math.min(this.#partSize, total - this.#size);
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
    const more = await this.#pieces.next(1);
    if (more !== undefined) throw tooLarge(this.#object.details, total);
    return { size: this.#size, upload };
  }

  async *#part(bytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    let left = bytes;
    while (left > 0) {
      const piece = await this.#pieces.next(left);
      if (piece === undefined) return;
      left -= piece.byteLength;
      this.#size += piece.byteLength;
      yield piece;
    }
  }
}
