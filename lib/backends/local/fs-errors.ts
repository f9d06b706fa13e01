/** From what the file system says to the error family. */
import {
  FileTooLargeError,
  InvalidKeyError,
  KeyConflictError,
  PermissionDeniedError,
  QuotaExceededError,
  StorageError,
  StorageFileNotFoundError,
  StorageUnavailableError,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';

/** A folder on the way differs from the key only in case or Unicode form: the file system holds them for the same. */
export const SAME_BUT_FOR_CASE = 'ECASE';
/** The path changed under the operation more often than it was willing to look again. */
export const KEEPS_CHANGING = 'ECHANGED';

const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ENXIO', SAME_BUT_FOR_CASE]);

/** Whether a look at a path failed because nothing that could be an object is there. */
export function isMissing(error: unknown): boolean {
  return MISSING.has(codeOf(error) ?? '');
}

type Maker = (details: StorageErrorDetails) => StorageError;

const denied: Maker = (details) => new PermissionDeniedError(details);
const full: Maker = (details) => new QuotaExceededError({ reason: 'the disk or its quota is full', ...details });
const conflict: Maker = (details) => new KeyConflictError(details);
const missing: Maker = (details) => new StorageFileNotFoundError(details);
const crowded: Maker = (details) =>
  new StorageUnavailableError({
    reason: 'too many files are open',
    advice: 'Consume or destroy the bodies of opened files, or raise the limit of open files (ulimit -n).',
    ...details,
  });
const failing: Maker = (details) =>
  new StorageUnavailableError({ reason: 'the disk does not answer as it should', ...details });

const MAKERS: Readonly<Record<string, Maker>> = {
  ENOENT: missing,
  ENOTDIR: conflict,
  EISDIR: conflict,
  EEXIST: conflict,
  ENOTEMPTY: conflict,
  [SAME_BUT_FOR_CASE]: (details) =>
    new KeyConflictError({
      reason: 'a folder of this key exists in another spelling, and this file system holds both for one',
      advice: 'Use the spelling that is there.',
      ...details,
    }),
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: (details) => new FileTooLargeError({ reason: 'the file system holds no file of that size', ...details }),
  EACCES: denied,
  EPERM: denied,
  EROFS: (details) => new PermissionDeniedError({ reason: 'the file system is read-only', ...details }),
  ELOOP: (details) =>
    new PermissionDeniedError({
      reason: 'a symbolic link stands in the way',
      advice: 'Symbolic links below the root are not followed; put real files and folders in their place.',
      ...details,
    }),
  ENAMETOOLONG: (details) =>
    new InvalidKeyError({
      reason: 'the file system holds no path of that length',
      advice: 'Use a shorter key; a segment has at most 255 bytes.',
      ...details,
    }),
  EMFILE: crowded,
  ENFILE: crowded,
};

const UNAVAILABLE = new Set(
  `EIO ESTALE ENODEV EBUSY EAGAIN ENOMEM ETIMEDOUT ENOTCONN EHOSTDOWN EHOSTUNREACH ENETDOWN ECONNREFUSED ECONNRESET
  EREMOTEIO ESHUTDOWN ETXTBSY ELOCKED ${KEEPS_CHANGING}`.split(/\s+/),
);

/** Gives an error of the family; what is one already stays. The errno stays in the cause, with its path. */
export function storageError(error: unknown, details: StorageErrorDetails): StorageError {
  if (error instanceof StorageError) return error;
  const code = codeOf(error) ?? '';
  const known = { ...details, cause: error };
  const make = Object.hasOwn(MAKERS, code) ? MAKERS[code] : UNAVAILABLE.has(code) ? failing : undefined;
  return make ? make(known) : new StorageError({ reason: 'the file system refused the operation', ...known });
}

/** Never made anew by a write: a volume that is not mounted must not fill the disk beneath it. */
export function rootIsGone(cause: unknown, details: StorageErrorDetails): StorageUnavailableError {
  return new StorageUnavailableError({
    ...details,
    reason: 'the root folder is gone',
    advice: 'Mount the volume or make the folder again.',
    cause,
  });
}
