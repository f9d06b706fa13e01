/** Bytes out: ranges, the headers that describe them, and faults on the way. */
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Call } from './call.js';
import { Refusal } from './errors.js';
import type { MediaFault } from './faults.js';
import type { LiveObject } from './object-store.js';

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The range asked for; undefined for the whole. Malformed ones are ignored, as RFC 9110 says. @throws Refusal 416 */
export function askedRange(header: string | undefined, size: number): Span | undefined {
  const match = /^bytes=(?:([0-9]+)-([0-9]*)|-([0-9]+))$/.exec(header ?? '');
  if (!match) return undefined;
  const [, from, to, suffix] = match;
  const start = suffix === undefined ? Number(from) : Math.max(0, size - Number(suffix));
  const end = suffix === undefined && to ? Math.min(Number(to), size - 1) : size - 1;
  if (suffix === undefined && to && Number(to) < Number(from)) return undefined;
  if (start >= size || suffix === '0') {
    throw new Refusal(416, 'requestedRangeNotSatisfiable', 'The requested range cannot be satisfied.', {
      'content-range': `bytes */${size}`,
    });
  }
  return { start, end };
}

export function describing(object: LiveObject): Record<string, string> {
  const { fields, bytes } = object;
  return {
    'content-type': fields.contentType ?? 'application/octet-stream',
    ...(fields.cacheControl && { 'cache-control': fields.cacheControl }),
    ...(fields.contentDisposition && { 'content-disposition': fields.contentDisposition }),
    ...(fields.contentEncoding && { 'content-encoding': fields.contentEncoding }),
    'accept-ranges': 'bytes',
    'last-modified': object.updated.toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-stored-content-length': String(bytes.size),
    'x-goog-stored-content-encoding': fields.contentEncoding ?? 'identity',
    'x-goog-hash': `crc32c=${bytes.crc32c},md5=${bytes.md5}`,
  };
}

/** A body that breaks off, or arrives changed. */
function damaged(fault: MediaFault): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      if (fault === 'corrupt') {
        const changed = Buffer.from(chunk);
        changed[0]! ^= 1;
        done(null, changed);
      } else if (passed > chunk.length) {
        done(new Error('cut off'));
      } else {
        done(null, chunk.subarray(0, Math.ceil(chunk.length / 2)));
      }
    },
    flush: (done) => done(fault === 'cut' ? new Error('cut off') : null),
  });
}

export async function sendMedia(
  call: Call,
  object: LiveObject,
  overrides: Readonly<Record<string, string>> = {},
  fault?: MediaFault,
): Promise<void> {
  const { res, method } = call;
  const { size } = object.bytes;
  const span = askedRange(call.header('range'), size);
  const length = span ? span.end - span.start + 1 : size;
  res.writeHead(span ? 206 : 200, {
    ...describing(object),
    ...overrides,
    'content-length': String(length),
    ...(span && { 'content-range': `bytes ${span.start}-${span.end}/${size}` }),
  });
  if (method === 'HEAD') {
    res.end();
    return;
  }
  const source = object.bytes.stream(span?.start, span?.end);
  try {
    await (fault ? pipeline(source, damaged(fault), res) : pipeline(source, res));
  } catch {
    // The client left, or the fault was asked for.
    res.destroy();
  }
}
