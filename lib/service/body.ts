/** Bodies: every form that callers have becomes one checked stream of chunks. */
import { addAbortSignal, Readable } from 'node:stream';
import type { ReadableStream as WebReadableStream } from 'node:stream/web';
import {
  ChecksumMismatchError,
  FileTooLargeError,
  InvalidOptionsError,
  OperationAbortedError,
  SizeMismatchError,
  SourceFailedError,
  StorageError,
  type StorageErrorDetails,
} from '../contract/index.js';
import { checksumBytes, runningChecksum, type Checksum, type ChecksumAlgorithm } from './checksum.js';

/** What can be stored. Streams are read once and never held whole; an unknown length is normal, so is an empty body. */
export type StorageBody =
  Uint8Array | ArrayBuffer | string | Blob | Readable | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>;

/** What a body must keep to while it is read. */
export interface BodyChecks {
  /** Exact bytes. */
  readonly size?: number;
  /** Most bytes. */
  readonly maxSize?: number;
  readonly checksum?: Checksum;
  /** Algorithms to compute while the bytes pass. */
  readonly compute?: ChecksumAlgorithm;
  readonly signal?: AbortSignal;
  /** Named in errors. */
  readonly details: StorageErrorDetails;
}

type Source = { readonly bytes: Uint8Array } | { readonly stream: Readable };

/** A stream may fail before anybody reads it: who reads learns that all the same, and nobody else must hear of it. */
function held(stream: Readable): { readonly stream: Readable } {
  stream.on('error', () => {});
  return { stream };
}

function sourceOf(body: StorageBody, details: StorageErrorDetails): Source {
  if (typeof body === 'string') return { bytes: Buffer.from(body) };
  if (body instanceof Uint8Array) return { bytes: body };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  if (body instanceof Blob) return held(Readable.fromWeb(body.stream() as WebReadableStream));
  if (body instanceof Readable) {
    if (body.readableDidRead || body.destroyed) {
      throw new InvalidOptionsError({
        ...details,
        reason: 'the body is a stream that was already read or destroyed',
        advice: 'Make a new stream for each write.',
        cause: body.errored ?? undefined,
      });
    }
    return held(body);
  }
  if (body instanceof ReadableStream) {
    if (body.locked) {
      throw new InvalidOptionsError({
        ...details,
        reason: 'the body is a ReadableStream that somebody else is reading',
        advice: 'Make a new stream for each write, or release the reader of this one.',
      });
    }
    return held(Readable.fromWeb(body as WebReadableStream));
  }
  if (typeof body === 'object' && body !== null && Symbol.asyncIterator in body) return held(Readable.from(body));
  throw new InvalidOptionsError({
    ...details,
    reason: `a body cannot be ${body === null ? 'null' : typeof body}`,
    advice: 'Pass a string, Uint8Array, Blob, Readable, ReadableStream or AsyncIterable of bytes.',
  });
}

function knownSize(body: StorageBody, source: Source): number | undefined {
  if ('bytes' in source) return source.bytes.byteLength;
  return body instanceof Blob ? body.size : undefined;
}

/** Lets go of a body that nobody will read: a refused write leaves no open file or socket behind. */
export function discardBody(body: StorageBody): void {
  // A file that was still being opened tells its failure after that.
  if (body instanceof Readable) body.on('error', () => {}).destroy();
  // A stream that is being read already is let go by its reader.
  else if (body instanceof ReadableStream && !body.locked) void body.cancel().catch(() => undefined);
}

/**
 * A body on its way to a backend: counts the bytes, holds them against what was promised, and throws before its end
 * if anything is wrong, so that a backend never sees a bad body end well.
 */
export class CheckedBody implements AsyncIterable<Uint8Array> {
  /** Exact length where it is known beforehand. */
  readonly size: number | undefined;
  /** Bytes so far. */
  bytes = 0;
  /** The computed checksum in hex, once the body has ended. */
  digest: string | undefined;

  readonly #source: Source;
  readonly #checks: BodyChecks;
  readonly #promised: Buffer | undefined;

  /** @throws InvalidOptionsError, FileTooLargeError, SizeMismatchError for what can be told before reading */
  constructor(body: StorageBody, checks: BodyChecks) {
    this.#checks = checks;
    this.#source = sourceOf(body, checks.details);
    try {
      this.#promised = checks.checksum && checksumBytes(checks.checksum);
      const known = knownSize(body, this.#source);
      if (known !== undefined) this.#checkSize(known, true);
      if (checks.size !== undefined) this.#checkSize(checks.size, false);
      this.size = known ?? checks.size;
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Lets the source go, whether it was read or not. */
  discard(): void {
    if ('stream' in this.#source) this.#source.stream.destroy();
  }

  /** The bytes. Throws before their end where a check does not hold. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const { checksum, compute } = this.#checks;
    const verified = checksum && runningChecksum(checksum.algorithm);
    const computed = compute && (compute === checksum?.algorithm ? verified : runningChecksum(compute));
    for await (const chunk of this.#chunks()) {
      this.bytes += chunk.byteLength;
      this.#checkSize(this.bytes, false);
      verified?.update(chunk);
      if (computed !== verified) computed?.update(chunk);
      yield chunk;
    }
    this.#throwIfAborted();
    this.#checkSize(this.bytes, true);
    const digest = verified?.digest();
    if (digest && !digest.equals(this.#promised!)) throw new ChecksumMismatchError(this.#checks.details);
    this.digest = (computed === verified ? digest : computed?.digest())?.toString('hex');
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    this.#throwIfAborted();
    if ('bytes' in this.#source) {
      if (this.#source.bytes.byteLength > 0) yield this.#source.bytes;
      return;
    }
    const { signal, details } = this.#checks;
    const { stream } = this.#source;
    if (signal) addAbortSignal(signal, stream);
    try {
      for await (const chunk of stream as AsyncIterable<unknown>) {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
        if (!(bytes instanceof Uint8Array)) {
          throw new InvalidOptionsError({ ...details, reason: 'the body yields values that are not bytes or strings' });
        }
        if (bytes.byteLength > 0) yield bytes;
      }
    } catch (error) {
      this.#throwIfAborted();
      throw error instanceof StorageError ? error : new SourceFailedError({ ...details, cause: error });
    }
  }

  #checkSize(bytes: number, final: boolean): void {
    const { size, maxSize, details } = this.#checks;
    if (maxSize !== undefined && bytes > maxSize) throw new FileTooLargeError({ ...details, limit: maxSize });
    if (size !== undefined && (bytes > size || (final && bytes !== size))) {
      throw new SizeMismatchError({
        ...details,
        reason: `the body was promised to have ${size} bytes and has ${final ? '' : 'at least '}${bytes}`,
      });
    }
  }

  #throwIfAborted(): void {
    const { signal, details } = this.#checks;
    if (!signal?.aborted) return;
    throw signal.reason instanceof StorageError
      ? signal.reason
      : new OperationAbortedError({ ...details, cause: signal.reason });
  }
}
