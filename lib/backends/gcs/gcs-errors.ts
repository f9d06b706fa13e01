/** Failures of the service in the storage's own words. */
import {
  AlreadyExistsError,
  FileTooLargeError,
  InvalidOptionsError,
  InvalidRangeError,
  OperationAbortedError,
  PermissionDeniedError,
  PreconditionFailedError,
  QuotaExceededError,
  StorageConfigurationError,
  StorageError,
  StorageFileNotFoundError,
  StorageTimeoutError,
  StorageUnavailableError,
  ChecksumMismatchError,
  type StorageErrorDetails,
  type WriteConditions,
} from '../../contract/index.js';
import { GcsFailure, OVERTAKEN, SESSION_GONE, SIGNING_DENIED } from './gcs-failure.js';

const QUOTA = new Set(['quotaExceeded', 'dailyLimitExceeded', 'storageQuotaExceeded']);
const RATE = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError', 'internalError']);
const PROTECTED = new Set(['retentionPolicyNotMet', 'objectUnderActiveHold', 'objectRetentionNotMet']);

/** Whether a failure says that this one object is not there (and not, for example, the bucket). */
export function isMissingObject(error: unknown): boolean {
  return error instanceof GcsFailure && error.status === 404 && !isMissingBucket(error);
}

/** Missing objects and missing buckets have the same status and reason; only the message tells them apart. */
export function isMissingBucket({ message }: GcsFailure): boolean {
  return /bucket does not exist/i.test(message);
}

/** What the driver found out for itself, beyond the status. */
function found(reason: string | undefined, details: StorageErrorDetails): StorageError | undefined {
  if (reason === SESSION_GONE) {
    return new StorageUnavailableError({
      ...details,
      reason: 'the upload session is gone',
      advice: 'Repeat the upload from its first byte.',
    });
  }
  if (reason === OVERTAKEN) {
    return new StorageUnavailableError({
      ...details,
      reason: 'the answer was lost, and what is there now may be newer, so the request was not repeated',
      advice: 'Look at the file, and repeat the operation where it is still wanted.',
    });
  }
  if (reason === SIGNING_DENIED) {
    return new PermissionDeniedError({
      ...details,
      reason: 'the URL could not be signed',
      advice:
        'Without a private key the IAM service signs: give the service account the role Service Account Token ' +
        'Creator on itself, or use a service account key.',
    });
  }
  return undefined;
}

function missing(failure: GcsFailure, details: StorageErrorDetails): StorageError {
  if (isMissingBucket(failure)) {
    return new StorageConfigurationError({
      ...details,
      reason: 'the bucket does not exist',
      advice: 'Create it, or check STORAGE_GCS_BUCKET.',
    });
  }
  if (details.key !== undefined && details.operation !== 'put') return new StorageFileNotFoundError(details);
  // A new file cannot be missing: what was not found is the place to put it.
  return new StorageConfigurationError({
    ...details,
    reason: 'the store knows no such address',
    advice: 'Check the endpoint and STORAGE_GCS_BUCKET.',
  });
}

function refused(failure: GcsFailure, details: StorageErrorDetails): StorageError {
  const { reason = '', status } = failure;
  if (QUOTA.has(reason)) return new QuotaExceededError(details);
  if (RATE.has(reason)) {
    return new StorageUnavailableError({ ...details, reason: 'the store asks for fewer requests' });
  }
  if (PROTECTED.has(reason)) {
    return new PermissionDeniedError({
      ...details,
      reason: 'the file is protected by a retention policy or a hold',
      advice: 'Wait for its end, or lift it in the bucket.',
    });
  }
  return new PermissionDeniedError({
    ...details,
    reason: status === 401 ? 'the store does not accept the credentials' : 'the store denied access',
    advice:
      status === 401
        ? 'Check the service account key, that it is not revoked, and the clock of this machine.'
        : 'Give the service account the role Storage Object User on the bucket.',
  });
}

function withoutAnswer(failure: GcsFailure, details: StorageErrorDetails): StorageError {
  if (failure.reason === 'ETIMEDOUT') return new StorageTimeoutError(details);
  return new StorageUnavailableError(details);
}

function byStatus(failure: GcsFailure, given: StorageErrorDetails, conditions: WriteConditions): StorageError {
  const details = { ...given, cause: failure };
  const { status, reason, message } = failure;
  const known = found(reason, details);
  if (known) return known;
  if (status === undefined) return withoutAnswer(failure, details);
  if (status === 401 || status === 403) return refused(failure, details);
  if (status === 404) return missing(failure, details);
  if (status === 408) return new StorageTimeoutError(details);
  if (status === 412 || (status === 409 && reason === 'conflict')) {
    return conditions.ifNoneMatch === '*' ? new AlreadyExistsError(details) : new PreconditionFailedError(details);
  }
  if (status === 413) return new FileTooLargeError(details);
  if (status === 416) return new InvalidRangeError(details);
  if (status === 429 || status >= 500) return new StorageUnavailableError(details);
  // Of a rewrite token, for example.
  if (status === 410)
    return new StorageUnavailableError({ ...details, reason: 'the store no longer knows the request' });
  if (status === 400 && /crc32c|md5/i.test(message)) return new ChecksumMismatchError(details);
  if (status === 400) return new InvalidOptionsError({ ...details, reason: 'the store finds the request not valid' });
  return new StorageError({ ...details, reason: `the store answered with status ${status}` });
}

/**
 * The error that callers get.
 *
 * @param signal the caller's: once it has fired, that is the reason for whatever failed
 * @param conditions of the write, which say what a 412 means
 */
export function toStorageError(
  error: unknown,
  details: StorageErrorDetails,
  signal?: AbortSignal,
  conditions: WriteConditions = {},
): StorageError {
  if (signal?.aborted) {
    return signal.reason instanceof StorageError
      ? signal.reason
      : new OperationAbortedError({ ...details, cause: signal.reason });
  }
  if (error instanceof StorageError) return error;
  if (error instanceof GcsFailure) return byStatus(error, details, conditions);
  return new StorageError({ ...details, reason: 'the store failed in an unknown way', cause: error });
}
