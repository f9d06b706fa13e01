/** The request as multer sees it: the client's bytes, filtered, with an end in time whatever the client does. */
import type { IncomingMessage } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { OperationAbortedError, StorageConfigurationError, UploadStalledError } from '../contract/index.js';
import { boundaryOf, MultipartFilter } from './multipart-filter.js';
import { unsupportedType } from './upload-errors.js';
import type { UploadPlan } from './upload-plan.js';

/** True where the request announces multipart content. */
export function isMultipart(request: IncomingMessage): boolean {
  return /^\s*multipart\//i.test(request.headers['content-type'] ?? '');
}

/**
 * Stands between the request and multer. Destroyed with a StorageError when the framing is wrong, the client leaves, or
 * sends nothing for the stall time although bytes are awaited. The request itself is never destroyed here.
 */
export class UploadBody extends Transform {
  /** What multer and busboy read of the request: only what was checked. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text fields, as multer gathers them. */
  body: Record<string, unknown> = Object.create(null);
  file: unknown;
  files: unknown;

  readonly #request: IncomingMessage;
  readonly #filter: MultipartFilter;
  readonly #stallTimer: NodeJS.Timeout;
  #awaiting = true;

  /** @throws InvalidUploadError, UnsupportedTypeError, StorageConfigurationError */
  constructor(request: IncomingMessage, plan: UploadPlan) {
    super({ writableHighWaterMark: 256 * 1024 });
    const type = request.headers['content-type'] ?? '';
    if (!/^\s*multipart\/form-data\s*(?:;|$)/i.test(type)) {
      throw unsupportedType('the request is multipart, but not multipart/form-data');
    }
    if (request.readableEnded || request.destroyed) {
      throw new StorageConfigurationError({
        operation: 'upload',
        reason: 'the body of the request was read before the upload interceptor saw it',
        advice: 'Bind one upload interceptor to a route, and no other reader of multipart bodies.',
      });
    }
    const boundary = boundaryOf(type);
    this.headers = { 'content-type': `multipart/form-data; boundary="${boundary}"`, 'transfer-encoding': 'chunked' };
    this.#filter = new MultipartFilter(boundary, plan.limits, (bytes) => this.push(bytes));
    this.#request = request;
    this.#stallTimer = setTimeout(() => this.#stalled(plan.stallTimeout), plan.stallTimeout * 1000);
    // Multer pauses nothing itself: reading starts when it pipes this into its parser.
    request.on('data', this.#onData).once('end', this.#onEnd).once('close', this.#onClose).on('error', this.#onError);
    this.on('drain', () => {
      this.#awaiting = true;
      this.#stallTimer.refresh();
      request.resume();
    });
  }

  /** Multer lets go of its source exactly when it is done with it. Where it gave up, nothing more is to be read. */
  override unpipe(destination?: NodeJS.WritableStream): this {
    super.unpipe(destination);
    if (!this.readableEnded) setImmediate(() => this.destroy());
    return this;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#guarded(callback, () => this.#filter.write(chunk));
  }

  override _flush(callback: TransformCallback): void {
    this.#guarded(callback, () => this.#filter.end());
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#stallTimer);
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    callback(error);
  }

  #guarded(callback: TransformCallback, work: () => void): void {
    try {
      work();
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.write(chunk)) {
      this.#stallTimer.refresh();
      return;
    }
    // Our side is slow now: the client is not to blame for the silence.
    this.#awaiting = false;
    this.#request.pause();
  };

  readonly #onEnd = (): void => {
    clearTimeout(this.#stallTimer);
    this.end();
  };

  readonly #onClose = (): void => {
    if (!this.#request.readableEnded) this.#left();
  };

  /** Stays to the end of the request, since an error without a listener would end the process. */
  readonly #onError = (error: Error): void => {
    this.#left(error);
  };

  #left(cause?: Error): void {
    this.destroy(
      new OperationAbortedError({
        operation: 'upload',
        reason: 'the client left before its upload was complete',
        cause,
      }),
    );
  }

  #stalled(seconds: number): void {
    if (!this.#awaiting) return void this.#stallTimer.refresh();
    const reason = `the client sent nothing for ${seconds} s although its upload is not complete`;
    this.destroy(
      new UploadStalledError({
        operation: 'upload',
        reason,
        clientMessage: `The upload was not complete, and nothing came for ${seconds} seconds.`,
      }),
    );
  }
}
