/** Bytes of an asset from the CDN: the range that was asked, whole, or an error in place of the end. */
import http from 'node:http';
import https from 'node:https';
import { pipeline, Transform, type Readable, type TransformCallback } from 'node:stream';
import type { ResolvedRange, StorageError } from '../../contract/index.js';
import type { GuardedAgent } from './guarded-agent.js';

export interface Delivery {
  readonly status: number;
  /** As the CDN says it, without quotes; an MD5 for originals. */
  readonly etag: string | undefined;
  /** Bytes of the whole file; undefined where the answer does not tell. */
  readonly size: number | undefined;
  /** First byte of the body within the file. */
  readonly start: number;
  /** Sentence of Cloudinary's own on an error. */
  readonly reason: string | undefined;
  readonly body: http.IncomingMessage;
}

const CONTENT_RANGE = /^bytes (\d+)-\d+\/(\d+)$/;

/** Resolves with the answer's head; the body is not read yet and must be consumed or destroyed. */
export function fetchDelivery(
  url: string,
  range: ResolvedRange | undefined,
  agent: GuardedAgent,
  signal?: AbortSignal,
): Promise<Delivery> {
  return new Promise((resolve, reject) => {
    const { request } = url.startsWith('http:') ? http : https;
    const asked = request(url, {
      agent,
      signal,
      // Compressed bytes could be neither ranged nor counted.
      headers: {
        'accept-encoding': 'identity',
        ...(range && { range: `bytes=${range.start}-${range.end}` }),
      },
    });
    asked.once('error', reject);
    asked.once('response', (body) => {
      const { headers, statusCode = 0 } = body;
      const part = statusCode === 206 ? CONTENT_RANGE.exec(headers['content-range'] ?? '') : null;
      const length = headers['content-length'];
      const whole = statusCode === 200 && length !== undefined ? Number(length) : undefined;
      const reason = headers['x-cld-error'];
      resolve({
        status: statusCode,
        etag: headers.etag?.replace(/^W\//, '').replace(/^"(.*)"$/, '$1'),
        size: part ? Number(part[2]) : whole,
        start: part ? Number(part[1]) : 0,
        reason: Array.isArray(reason) ? reason[0] : reason,
        body,
      });
    });
    asked.end();
  });
}

/** Passes on the bytes of a range out of a body that begins at or before it, and fails when they are not all there. */
class RangeOfBody extends Transform {
  #skip: number;
  #left: number;
  readonly #failure: () => StorageError;

  constructor(skip: number, length: number, failure: () => StorageError) {
    super();
    this.#skip = skip;
    this.#left = length;
    this.#failure = failure;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const from = Math.min(this.#skip, chunk.length);
    this.#skip -= from;
    const part = chunk.subarray(from, from + this.#left);
    this.#left -= part.length;
    done(null, part.length > 0 ? part : undefined);
  }

  override _flush(done: TransformCallback): void {
    done(this.#left === 0 ? null : this.#failure());
  }
}

/**
 * The body as its reader sees it; destroying it ends the connection.
 *
 * @param failure what is thrown where the body breaks off
 */
export function bodyOf(
  { body, start }: Delivery,
  range: ResolvedRange,
  failure: (error?: unknown) => StorageError,
): Readable {
  const wanted = new RangeOfBody(range.start - start, range.end - range.start + 1, failure);
  // pipeline() would hand the raw error on; a reader is given the storage's own.
  body.once('error', (error) => wanted.destroy(failure(error)));
  pipeline(body, wanted, () => undefined);
  return wanted;
}
