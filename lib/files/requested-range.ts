/** `Range` and `If-Range` of RFC 9110, 14.2 and 13.1.5: one range of bytes, or the whole file. */
import type { IncomingHttpHeaders } from 'node:http';
import { InvalidRangeError, type ResolvedRange, type StorageErrorDetails } from '../contract/index.js';
import { entityTag, parseHttpDate, secondsOf, type Versioned } from './entity-tag.js';

// Several ranges, other units and malformed values may all be ignored, which bounds the work of any request.
const ONE_RANGE = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i;

/** A date is a strong validator only when the file did not change again within its second (RFC 9110, 8.8.2.2). */
function isSameVersion(ifRange: string, version: Versioned): boolean {
  if (ifRange.startsWith('"')) return ifRange.trim() === entityTag(version.etag);
  const since = parseHttpDate(ifRange);
  const modified = secondsOf(version.lastModified);
  return since === modified && secondsOf(new Date()) > modified;
}

/**
 * The part of the file that a GET asks for; undefined means all of it.
 *
 * @throws InvalidRangeError when nothing of the range lies in the file
 */
export function requestedRange(
  headers: IncomingHttpHeaders,
  file: Versioned & { readonly size: number },
  details: StorageErrorDetails,
): ResolvedRange | undefined {
  const match = headers.range === undefined ? null : ONE_RANGE.exec(headers.range);
  if (!match) return undefined;
  const ifRange = headers['if-range'];
  if (typeof ifRange === 'string' && !isSameVersion(ifRange, file)) return undefined;
  const [, first, last, suffix] = match;
  const { size } = file;
  const start = suffix === undefined ? Number(first) : Math.max(0, size - Number(suffix));
  const end = last === undefined || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  // The last byte before the first is no valid range, and so is ignored.
  if (last !== undefined && last !== '' && Number(last) < Number(first)) return undefined;
  if (start >= size) throw new InvalidRangeError({ ...details, size });
  return { start, end };
}
