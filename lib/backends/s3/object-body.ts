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

/** Bytes that wait for a reader who has come. Encrypted bytes come in chunks of 16 KiB, which one by one cost a turn each. */
const WAITING = 64 * 1024;

export class ObjectBody extends Readable {
  readonly #source: Readable;
  readonly #options: ObjectBodyOptions;
  #left: number;
  /** Lengths of the chunks that wait. */
  readonly #lengths: number[] = [];
  #unread: NodeJS.Timeout | undefined;

  constructor(source: Readable, options: ObjectBodyOptions) {
    super({ highWaterMark: WAITING });
    this.#source = source;
    this.#options = options;
    this.#left = options.size;
    // A body may fail before anybody listens: whoever comes later finds the error when reading.
    this.on('error', () => {});
    source.on('data', (chunk: Buffer) => {
      this.#left -= chunk.byteLength;
      this.#lengths.push(chunk.byteLength);
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
    if (size === 0 || this.readableLength === 0) return super.read(size);
    // Several chunks that wait would be copied together: they are given as they came. Whoever wants a size gets it.
    const first = size ?? this.#lengths[0] ?? this.readableLength;
    const chunk = super.read(first < this.readableLength ? first : size) as Buffer | null;
    this.#taken(chunk?.byteLength ?? 0);
    return chunk;
  }

  #taken(bytes: number): void {
    for (let left = bytes; left > 0 && this.#lengths.length > 0;) {
      const [first] = this.#lengths as [number];
      if (first > left) this.#lengths[0] = first - left;
      else this.#lengths.shift();
      left -= first;
    }
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
