/** The options of a route with defaults filled in and checked, made once. */
import { randomUUID } from 'node:crypto';
import { safeName, StorageConfigurationError } from '../contract/index.js';
import { byteSize, type ByteSize, type ChecksumAlgorithm } from '../service/index.js';
import { AcceptedTypes } from './accepted-types.js';
import type { StorageUploadOptions, UploadCandidate, UploadLimits } from './upload-options.js';

/** Limits in numbers: bytes and counts. */
export type ResolvedLimits = { readonly [Name in keyof UploadLimits]-?: number };

export interface UploadPlan extends Omit<StorageUploadOptions, 'limits' | 'accept' | 'checksum'> {
  readonly key: NonNullable<StorageUploadOptions['key']>;
  readonly limits: ResolvedLimits;
  readonly accept: AcceptedTypes | undefined;
  readonly checksum: ChecksumAlgorithm | undefined;
  /** Seconds. */
  readonly stallTimeout: number;
}

const SIZE_TEXT = /^\d+(?:\.\d+)? *(?:[kmgtp]?b)?$/i;

function wrong(reason: string, advice: string): StorageConfigurationError {
  return new StorageConfigurationError({ operation: 'upload', reason, advice });
}

function sizeInBytes(name: string, value: ByteSize): number {
  if (value === Infinity) return value;
  // The library would read "20 apples" as 20.
  if (typeof value === 'string' && !SIZE_TEXT.test(value)) {
    throw wrong(`limits.${name} cannot be ${JSON.stringify(value)}`, 'Give bytes, or a text such as "20mb".');
  }
  return byteSize(`limits.${name}`, value)!;
}

function count(name: string, value: number): number {
  if (value !== Infinity && !(Number.isSafeInteger(value) && value >= 0)) {
    throw wrong(`limits.${name} cannot be ${JSON.stringify(value)}`, 'Give a whole number from 0, or Infinity.');
  }
  return value;
}

/** @throws StorageConfigurationError */
function resolveLimits(limits: UploadLimits, files: number): ResolvedLimits {
  const most = count('files', limits.files ?? files);
  const fields = count('fields', limits.fields ?? 100);
  return {
    fileSize: sizeInBytes('fileSize', limits.fileSize ?? '10mb'),
    files: most,
    fields,
    parts: count('parts', limits.parts ?? most + fields),
    fieldSize: sizeInBytes('fieldSize', limits.fieldSize ?? '64kb'),
    fieldNameSize: count('fieldNameSize', limits.fieldNameSize ?? 100),
    fileNameSize: count('fileNameSize', limits.fileNameSize ?? 1024),
    headerPairs: count('headerPairs', limits.headerPairs ?? 20),
    fieldNestingDepth: count('fieldNestingDepth', limits.fieldNestingDepth ?? 5),
    fieldArrayIndexLimit: count('fieldArrayIndexLimit', limits.fieldArrayIndexLimit ?? 100),
  };
}

/** A key that no other upload has and whose last segment people can read. */
export function defaultKey(file: UploadCandidate): string {
  return `uploads/${randomUUID()}/${file.safeName}`;
}

/** The default key for storages that take only `A-Z a-z 0-9 . _ -`. */
export function strictDefaultKey(file: UploadCandidate): string {
  return `uploads/${randomUUID()}/${safeName(file.originalname, { strict: true })}`;
}

/**
 * @param files most files that the route's fields allow
 * @throws StorageConfigurationError that names the option
 */
export function planUploads(options: StorageUploadOptions, files: number): UploadPlan {
  const { commit = 'late', stallTimeout = 30, checksum = 'sha256' } = options;
  if (commit !== 'late' && commit !== 'early') {
    throw wrong(`commit cannot be ${JSON.stringify(commit)}`, 'It is "late" or "early".');
  }
  if (!(stallTimeout > 0 && stallTimeout <= 86_400)) {
    throw wrong(`stallTimeout cannot be ${JSON.stringify(stallTimeout)}`, 'Give seconds, more than 0, up to 86,400.');
  }
  return {
    ...options,
    key: options.key ?? defaultKey,
    limits: resolveLimits(options.limits ?? {}, files),
    accept: options.accept && new AcceptedTypes(options.accept),
    checksum: checksum === false ? undefined : checksum,
    commit,
    // An early file is there before the handler has agreed: it must never take the place of another.
    ifNoneMatch: commit === 'early' ? '*' : options.ifNoneMatch,
    stallTimeout,
  };
}
