/** The bytes of an open file as a stream that closes the descriptor once, and never ends short. */
import { Readable } from 'node:stream';
import { type StorageError, StorageUnavailableError, type StorageErrorDetails } from '../../contract/index.js';
import { close, read } from './fs-calls.js';
import { storageError } from './fs-errors.js';

/** Largest read. A small file has a buffer of its own size: one read, one chunk. */
const MOST = 512 * 1024;

export interface FileBodyOptions {
  /** First byte. */
  readonly start: number;
  /** Bytes to read. */
  readonly length: number;
  readonly details: StorageErrorDetails;
  readonly signal?: AbortSignal;
  /** What the reader gets when the signal fires. */
  readonly abortedError: () => StorageError;
}

export class FileBody extends Readable {
  readonly #fd: number;
  readonly #options: FileBodyOptions;
  readonly #onAbort: () => void;
  #position: number;
  #left: number;
  /** A read is using the descriptor. */
  #reading = false;
  #whenIdle: (() => void) | undefined;

  /** Takes over the descriptor. */
  constructor(fd: number, options: FileBodyOptions) {
    super({ highWaterMark: Math.max(1, Math.min(MOST, options.length)) });
    this.#fd = fd;
    this.#options = options;
    this.#position = options.start;
    this.#left = options.length;
    this.#onAbort = () => this.destroy(options.abortedError());
    if (options.signal?.aborted) this.#onAbort();
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  override _read(): void {
    if (this.#left === 0) {
      this.push(null);
      return;
    }
    const length = Math.min(MOST, this.#left);
    // Of its own, not from the shared pool: chunks may be kept.
    const buffer = Buffer.allocUnsafeSlow(length);
    this.#reading = true;
    void this.#readInto(buffer);
  }

  async #readInto(buffer: Buffer): Promise<void> {
    let bytes = 0;
    let failure: StorageError | undefined;
    try {
      bytes = await read(this.#fd, buffer, buffer.length, this.#position);
      if (bytes === 0) failure = this.#cutShort();
    } catch (error) {
      failure = storageError(error, this.#options.details);
    }
    this.#reading = false;
    if (this.#whenIdle) this.#whenIdle();
    else if (failure) this.destroy(failure);
    else this.#pass(buffer.subarray(0, bytes));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    const shut = () => void this.#close(() => done(error));
    if (this.#reading) this.#whenIdle = shut;
    else shut();
  }

  async #close(done: () => void): Promise<void> {
    // Bytes that were read are right whether or not the closing succeeds.
    await close(this.#fd).catch(() => undefined);
    done();
  }

  #pass(bytes: Buffer): void {
    this.#position += bytes.length;
    this.#left -= bytes.length;
    this.push(bytes);
    if (this.#left === 0) this.push(null);
  }

  #cutShort(): StorageError {
    return new StorageUnavailableError({
      ...this.#options.details,
      reason: 'the file became shorter while it was read',
      advice: 'Something else than the storage writes to it; read it again.',
    });
  }
}
