/** The body of an object being read: counted, never ended short, and never left holding its socket. */
import { Readable } from 'node:stream';
import { StorageTimeoutError, StorageUnavailableError, type StorageErrorDetails } from '../../contract/index.js';
import { toStorageError } from './s3.errors.js';

export interface ObjectBodyOptions {
  readonly details: StorageErrorDetails;
  /** Bytes to expect. */
  readonly size: number;
  /** Milliseconds after which a body of which nothing was read is given up. */
  readonly unreadTimeout: number;
  readonly signal?: AbortSignal;
}

/** What is read ahead of the first reader: bodies of up to this size free their socket even when nobody comes. */
const READ_AHEAD = 128 * 1024;

export class ObjectBody extends Readable {
  readonly #source: Readable;
  readonly #options: ObjectBodyOptions;
  #left: number;
  #unread: NodeJS.Timeout | undefined;

  constructor(source: Readable, options: ObjectBodyOptions) {
    // One chunk at a time: several that wait are copied together when they are read.
    super({ highWaterMark: 1 });
    this.#source = source;
    this.#options = options;
    this.#left = options.size;
    // A body may fail before anybody listens: whoever comes later finds the error when reading.
    this.on('error', () => {});
    source.on('data', (chunk: Buffer) => {
      this.#left -= chunk.byteLength;
      const ahead = this.#unread !== undefined && this.readableLength + chunk.byteLength < READ_AHEAD;
      if (!this.push(chunk) && !ahead) source.pause();
    });
    source.once('end', () => {
      if (this.#left === 0) this.push(null);
      else this.destroy(this.#truncated());
    });
    source.once('error', (error) => {
      if (this.#left > 0) this.destroy(toStorageError(error, options));
      else this.push(null);
    });
    source.once('close', () => {
      if (!source.readableEnded && !this.destroyed) this.destroy(this.#truncated());
    });
    this.#unread = setTimeout(() => this.#giveUp(), options.unreadTimeout).unref();
    // It may have broken before anybody listened.
    if (source.destroyed) this.destroy(this.#truncated());
  }

  override _read(): void {
    this.#source.resume();
  }

  override read(size?: number): unknown {
    // Reading ahead, with size 0, is not yet somebody reading.
    if (size !== 0) {
      clearTimeout(this.#unread);
      this.#unread = undefined;
    }
    return super.read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#unread);
    // An early leave: the connection cannot be used again, so it is cut.
    if (!this.#source.readableEnded) this.#source.destroy();
    callback(error);
  }

  /** The whole body may have been read ahead; only one that still holds its socket is given up. */
  #giveUp(): void {
    if (this.#unread === undefined || this.#left === 0) return;
    this.destroy(
      new StorageTimeoutError({
        ...this.#options.details,
        reason: `the opened file was not read within ${this.#options.unreadTimeout / 1000} s`,
        advice: 'Consume or destroy the stream: it holds a connection.',
      }),
    );
  }

  #truncated(): StorageUnavailableError {
    const { details, size } = this.#options;
    return new StorageUnavailableError({
      ...details,
      reason: `the connection to the store broke after ${size - this.#left} of ${size} bytes`,
    });
  }
}
