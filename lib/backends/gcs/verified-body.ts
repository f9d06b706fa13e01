/** The bytes of an object on their way to the reader: held against the promised length and CRC32C. */
import { Readable } from 'node:stream';
import { ChecksumMismatchError, StorageUnavailableError, type StorageErrorDetails } from '../../contract/index.js';
import type { RunningCrc32c } from './crc32c.js';
import { toStorageError } from './gcs-errors.js';
import { GcsFailure } from './gcs-failure.js';

export interface BodyExpectation {
  /** Bytes. */
  readonly length: number;
  /** Sum of the whole object, where the whole object is read. */
  readonly crc32c?: string;
  readonly sum?: RunningCrc32c;
  readonly details: StorageErrorDetails;
  readonly signal?: AbortSignal;
}

/** Ends only when everything arrived as promised; anything else destroys it with a StorageError. */
export class VerifiedBody extends Readable {
  readonly #source: Readable;
  readonly #expected: BodyExpectation;
  #received = 0;

  constructor(source: Readable, expected: BodyExpectation) {
    super();
    this.#source = source;
    this.#expected = expected;
    source.on('data', (chunk: Buffer) => {
      this.#received += chunk.byteLength;
      expected.sum?.update(chunk);
      if (!this.push(chunk)) source.pause();
    });
    source.on('end', () => this.#end());
    source.on('error', (error: NodeJS.ErrnoException) => this.#fail(error));
    // A connection that breaks between two chunks may close without an error.
    source.on('close', () => {
      if (!source.readableEnded) this.#fail(new Error('the connection was closed'));
    });
    source.pause();
  }

  override _read(): void {
    this.#source.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Its socket with it: bytes that nobody wants are not waited for.
    this.#source.destroy();
    done(error);
  }

  #end(): void {
    const { length, crc32c, sum, details } = this.#expected;
    if (this.#received !== length) {
      const reason = `the store sent ${this.#received} of ${length} bytes`;
      this.destroy(new StorageUnavailableError({ ...details, reason }));
    } else if (sum && crc32c !== undefined && sum.digest() !== crc32c) {
      const reason = 'the bytes that arrived are not those that were stored';
      this.destroy(new ChecksumMismatchError({ ...details, reason, advice: 'Read the file again.' }));
    } else {
      this.push(null);
    }
  }

  #fail(cause: NodeJS.ErrnoException): void {
    if (this.destroyed) return;
    const failure = new GcsFailure({
      method: 'GET',
      reason: cause.code ?? 'ECONNRESET',
      message: cause.message,
      cause,
    });
    this.destroy(toStorageError(failure, this.#expected.details, this.#expected.signal));
  }
}
