/** What the SDK and the network throw, told by reason. */
import {
  AlreadyExistsError,
  FileTooLargeError,
  InvalidKeyError,
  InvalidRangeError,
  OperationAbortedError,
  PermissionDeniedError,
  PreconditionFailedError,
  QuotaExceededError,
  StorageConfigurationError,
  StorageError,
  StorageFileNotFoundError,
  StorageUnavailableError,
  type StorageErrorDetails,
  type WriteConditions,
} from '../../contract/index.js';
import { cut, NETWORK_ERRORS, timedOut } from './network.errors.js';
import { tokenError } from './sts.errors.js';

/** What is read of a failure, whoever threw it. */
interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

export interface FailureContext {
  readonly details: StorageErrorDetails;
  readonly conditions?: WriteConditions;
  readonly signal?: AbortSignal;
}

type Maker = (details: StorageErrorDetails, context: FailureContext, failure: Failure) => StorageError;

// More than the 15 minutes that S3 forgives is an error for certain; minutes are worth telling.
const SUSPICIOUS_SKEW_SECONDS = 60;

const unavailable =
  (reason: string, advice?: string): Maker =>
  (details) =>
    new StorageUnavailableError({ ...details, reason, ...(advice !== undefined && { advice }) });

const denied =
  (reason: string, advice: string): Maker =>
  (details) =>
    new PermissionDeniedError({ ...details, reason, advice });

const misconfigured =
  (reason: string, advice: string): Maker =>
  (details) =>
    new StorageConfigurationError({ ...details, reason, advice });

function skew(failure: Failure): string {
  const date = Date.parse(failure.$response?.headers?.['date'] ?? '');
  if (Number.isNaN(date)) return 'Check that the clock of this machine is right.';
  const offset = Math.round((Date.now() - date) / 1000);
  const amount = `${Math.abs(offset)} s ${offset < 0 ? 'behind' : 'ahead of'} the store's`;
  return Math.abs(offset) < SUSPICIOUS_SKEW_SECONDS ? '' : `The likely cause is the clock: it is ${amount}.`;
}

const badSignature: Maker = (details, _context, failure) => {
  const clock = skew(failure);
  return new PermissionDeniedError({
    ...details,
    reason: 'the store refused the signature',
    advice: clock || 'The clock agrees with the store, so check the secret key, the region and the endpoint.',
  });
};

const tooSkewed: Maker = (details, _context, failure) =>
  new PermissionDeniedError({
    ...details,
    reason: 'the store refused the signature because of its time',
    advice: skew(failure) || 'Check that the clock of this machine is right.',
  });

const failedCondition: Maker = (details, { conditions }) =>
  conditions?.ifNoneMatch === undefined ? new PreconditionFailedError(details) : new AlreadyExistsError(details);

// AWS and MinIO answer so where an object that was to have a certain ETag is not there at all:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
const noKey: Maker = (details, { conditions }) =>
  conditions?.ifMatch === undefined || details.operation === 'get'
    ? new StorageFileNotFoundError(details)
    : new PreconditionFailedError(details);

const overloaded = unavailable('the store is overloaded and asks to slow down');
const noQuota: Maker = (details) => new QuotaExceededError(details);
const badKeys = denied('the store does not know the access key', 'Check the access key and the endpoint.');
const oldToken = denied('the temporary credentials have expired', 'Let the credentials be renewed.');

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, https://docs.ceph.com/en/latest/radosgw/s3/,
// https://github.com/minio/minio/blob/master/cmd/api-errors.go
const BY_CODE: Readonly<Record<string, Maker>> = {
  ...NETWORK_ERRORS,
  NoSuchKey: noKey,
  NotFound: noKey,
  NoSuchUpload: unavailable(
    'the unfinished upload is gone from the store',
    'It was swept or has expired: try again, and sweep only what is older than uploads take.',
  ),
  NoSuchBucket: misconfigured('there is no such bucket', 'Create it, or check its name and the endpoint.'),
  PermanentRedirect: misconfigured('the bucket is in another region', 'Set the region of the bucket.'),
  AuthorizationHeaderMalformed: misconfigured('the bucket is in another region', 'Set the region of the bucket.'),
  AccessDenied: (details) => new PermissionDeniedError(details),
  AccountProblem: (details) => new PermissionDeniedError(details),
  AllAccessDisabled: (details) => new PermissionDeniedError(details),
  InvalidObjectState: denied('the object is archived', 'Restore it first.'),
  InvalidAccessKeyId: badKeys,
  ExpiredToken: oldToken,
  InvalidToken: oldToken,
  SignatureDoesNotMatch: badSignature,
  RequestTimeTooSkewed: tooSkewed,
  RequestExpired: tooSkewed,
  QuotaExceeded: noQuota,
  InsufficientStorage: noQuota,
  XMinioStorageFull: noQuota,
  XMinioAdminBucketQuotaExceeded: noQuota,
  EntityTooLarge: (details) => new FileTooLargeError(details),
  KeyTooLongError: (details) => new InvalidKeyError({ ...details, reason: 'the store finds the key too long' }),
  InvalidRange: (details) => new InvalidRangeError(details),
  PreconditionFailed: failedCondition,
  ConditionalRequestConflict: unavailable('another write of this key was on its way'),
  OperationAborted: unavailable('another operation on this bucket was on its way'),
  BadDigest: unavailable('the bytes changed on the way to the store'),
  XAmzContentSHA256Mismatch: unavailable('the bytes changed on the way to the store'),
  IncompleteBody: cut,
  SlowDown: overloaded,
  ServiceUnavailable: overloaded,
  ThrottlingException: overloaded,
  RequestTimeout: timedOut,
  InternalError: unavailable('the store failed'),
  CredentialsProviderError: misconfigured(
    'no credentials were found',
    'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give credentials.',
  ),
};

const refused = (details: StorageErrorDetails) =>
  new StorageError({ ...details, reason: 'the store refused the request', advice: 'The cause holds its answer.' });

const BY_STATUS: Readonly<Record<number, Maker>> = {
  // An answer to HEAD holds no code.
  400: (details, _context, { Code }) =>
    Code === undefined
      ? new PermissionDeniedError({
          ...details,
          reason: 'the store refused the request and did not say why',
          advice:
            'The likely causes are temporary credentials that have expired, and a region other than the bucket has.',
        })
      : refused(details),
  301: BY_CODE['PermanentRedirect']!,
  401: (details) => new PermissionDeniedError(details),
  403: (details) => new PermissionDeniedError(details),
  404: (details) => new StorageFileNotFoundError(details),
  408: timedOut,
  412: failedCondition,
  413: (details) => new FileTooLargeError(details),
  416: (details) => new InvalidRangeError(details),
  429: overloaded,
  503: overloaded,
  507: noQuota,
};

/** How often a failed request was sent, and with what status the store answered last. */
export function attemptsOf(error: unknown): { attempts: number; status: number | undefined; name: string } {
  const failure = (error ?? {}) as Failure;
  return {
    attempts: failure.$metadata?.attempts ?? 1,
    status: failure.$metadata?.httpStatusCode,
    name: failure.name ?? '',
  };
}

/** Whether the request of an error may have done its work: nobody answered, or it was not the first attempt. */
export function mayHaveWorked(error: unknown): boolean {
  const { attempts, status } = attemptsOf((error as { cause?: unknown }).cause);
  return attempts > 1 || status === undefined || status >= 500;
}

/** The error by reason. What already is a StorageError stays as it is. */
export function toStorageError(error: unknown, context: FailureContext): StorageError {
  if (error instanceof StorageError) return error;
  const details = { ...context.details, cause: error };
  const failure = (error ?? {}) as Failure;
  if (context.signal?.aborted || failure.name === 'AbortError') {
    const reason: unknown = context.signal?.reason;
    return reason instanceof StorageError ? reason : new OperationAbortedError(details);
  }
  const ofToken = tokenError(error, details);
  if (ofToken) return ofToken;
  const status = failure.$metadata?.httpStatusCode;
  const inner = (failure.cause ?? {}) as Failure;
  // Of an error from another realm (as test runners make them) the SDK keeps the text alone.
  const told = /^AWS SDK error wrapper .*?\b(E[A-Z_]{3,})\b/.exec(failure.message ?? '')?.[1];
  // The SDK's own handler calls broken connections TimeoutError as well.
  const name = failure.name === 'TimeoutError' ? (failure.code ?? failure.name) : failure.name;
  for (const code of [name, failure.Code, failure.code, inner.code, told]) {
    const maker = code !== undefined && Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined;
    if (maker) return maker(details, context, failure);
  }
  const byStatus = status === undefined ? undefined : BY_STATUS[status];
  if (byStatus) return byStatus(details, context, failure);
  if (status !== undefined && status >= 500)
    return new StorageUnavailableError({ ...details, reason: 'the store failed' });
  return refused(details);
}
