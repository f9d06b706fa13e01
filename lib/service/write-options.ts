/** Options of writes and reads, checked once for every backend. */
import {
  InvalidOptionsError,
  type ByteRange,
  type ObjectMetadata,
  type StorageErrorDetails,
  type WriteConditions,
} from '../contract/index.js';

/** Metadata as callers write it: numbers and booleans become their JSON text, undefined is left out. */
export type MetadataInput = Readonly<Record<string, string | number | boolean | undefined>>;

const METADATA_KEY = /^[a-z0-9_-]+$/;
// RFC 9110, 5.5: what a header field value may hold, less the obsolete bytes above ASCII.
const HEADER_VALUE = /^[\x20-\x7e]+$/;
// RFC 9110, 8.3.1: type "/" subtype, then parameters.
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+\s*(?:;.*)?$/i;

function fail(details: StorageErrorDetails, reason: string, advice?: string): never {
  throw new InvalidOptionsError({ ...details, reason, advice });
}

/** @throws InvalidOptionsError that names the entry */
export function checkedMetadata(input: MetadataInput | undefined, details: StorageErrorDetails): ObjectMetadata {
  if (input === undefined) return {};
  return Object.fromEntries(
    Object.entries(input).flatMap(([key, value]): [string, string][] => {
      if (!METADATA_KEY.test(key)) {
        fail(details, `metadata key ${JSON.stringify(key)} may hold only a-z, 0-9, "_" and "-"`);
      }
      if (value === undefined) return [];
      const scalar = typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
      if (typeof value !== 'string' && !scalar) {
        fail(
          details,
          `metadata "${key}" must be a string, a finite number or a boolean`,
          'Use JSON.stringify for more.',
        );
      }
      const text = String(value);
      if (!text.isWellFormed()) fail(details, `metadata "${key}" must be well-formed Unicode`);
      return [[key, text]];
    }),
  );
}

/** Many files of one type come one after the other. */
let lastType: string | undefined;

/** @throws InvalidOptionsError */
export function checkedContentType(type: string, details: StorageErrorDetails): string {
  if (type === lastType) return type;
  if (!HEADER_VALUE.test(type) || !MEDIA_TYPE.test(type)) {
    fail(details, `contentType ${JSON.stringify(type)} is not a media type`, 'An example is "application/pdf".');
  }
  lastType = type;
  return type;
}

/** @throws InvalidOptionsError */
export function checkedHeader(
  name: string,
  value: string | undefined,
  details: StorageErrorDetails,
): string | undefined {
  if (value !== undefined && !HEADER_VALUE.test(value)) {
    fail(details, `${name} must be a header value of printable ASCII`, 'Encode other characters as RFC 6266 says.');
  }
  return value;
}

/** @throws InvalidOptionsError */
export function checkedCount(name: string, value: number, least: number, details: StorageErrorDetails): number {
  if (!Number.isSafeInteger(value) || value < least) fail(details, `${name} must be a whole number from ${least}`);
  return value;
}

/** @throws InvalidOptionsError */
export function checkedRange(range: ByteRange | undefined, details: StorageErrorDetails): ByteRange | undefined {
  if (range === undefined) return undefined;
  if (range.suffix !== undefined) {
    checkedCount('range.suffix', range.suffix, 0, details);
    return range;
  }
  checkedCount('range.start', range.start, 0, details);
  if (range.end !== undefined) checkedCount('range.end', range.end, range.start, details);
  return range;
}

/** @throws InvalidOptionsError */
export function checkedConditions(conditions: WriteConditions, details: StorageErrorDetails): WriteConditions {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') fail(details, 'ifNoneMatch can only be "*"');
  if (ifNoneMatch !== undefined && ifMatch !== undefined) fail(details, 'ifMatch and ifNoneMatch exclude each other');
  return { ifMatch, ifNoneMatch };
}
