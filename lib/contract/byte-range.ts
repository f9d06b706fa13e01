/** Byte ranges held against the size of an object, the same way for every backend. */
import { InvalidRangeError, type StorageErrorDetails } from './errors.js';
import type { ByteRange, ResolvedRange } from './objects.js';

/**
 * The part of an object of `size` bytes that a range names (RFC 9110, 14.1.2): an end past the object is cut, a start
 * past it is an error. Undefined where there is nothing to read: an empty object read whole.
 *
 * @throws InvalidRangeError
 */
export function resolveRange(
  range: ByteRange | undefined,
  size: number,
  details: StorageErrorDetails,
): ResolvedRange | undefined {
  if (range === undefined) return size === 0 ? undefined : { start: 0, end: size - 1 };
  const start = range.suffix === undefined ? range.start : Math.max(0, size - range.suffix);
  const end = Math.min(range.suffix === undefined ? (range.end ?? size - 1) : size - 1, size - 1);
  if (start >= size || range.suffix === 0) throw new InvalidRangeError({ ...details, size });
  return { start, end };
}
