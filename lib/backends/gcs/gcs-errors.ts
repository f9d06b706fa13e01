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
import { GcsFailure } from './gcs-failure.js';

const QUOTA = new Set(['quotaExceeded', 'dailyLimitExceeded', 'storageQuotaExceeded']);
const RATE = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError', 'internalError']);
const PROTECTED = new Set(['retentionPolicyNotMet', 'objectUnderActiveHold', 'objectRetentionNotMet']);

/** Whether a failure says that this one object is not there (and not, for example, the bucket). */
export function isMissingObject(error: unknown): boolean {
  return error instanceof GcsFailure && error.status === 404 && !namesBucket(error);
}

// Missing objects and missing buckets have the same status and reason; only the message tells them apart.
function namesBucket({ message }: GcsFailure): boolean {
  return /bucket does not exist/i.test(message);
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
  if (status === undefined) return withoutAnswer(failure, details);
  if (status === 401 || status === 403) return refused(failure, details);
  if (status === 404 && namesBucket(failure)) {
    return new StorageConfigurationError({
      ...details,
      reason: 'the bucket does not exist',
      advice: 'Create it, or check STORAGE_GCS_BUCKET.',
    });
  }
  if (status === 404) return new StorageFileNotFoundError(details);
  if (status === 408) return new StorageTimeoutError(details);
  if (status === 412 || (status === 409 && reason === 'conflict')) {
    return conditions.ifNoneMatch === '*' ? new AlreadyExistsError(details) : new PreconditionFailedError(details);
  }
  if (status === 413) return new FileTooLargeError(details);
  if (status === 416) return new InvalidRangeError(details);
  if (status === 429 || status >= 500) return new StorageUnavailableError(details);
  if (status === 410) return new StorageUnavailableError({ ...details, reason: 'the upload session is gone' });
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
