/** What went wrong at Cloudinary, as an error of the storage's family without keys, secrets or request options. */
import {
  FileTooLargeError,
  InvalidOptionsError,
  NotSupportedError,
  PermissionDeniedError,
  QuotaExceededError,
  StorageConfigurationError,
  StorageError,
  StorageFileNotFoundError,
  StorageTimeoutError,
  StorageUnavailableError,
  UnsupportedTypeError,
  type StorageErrorDetails,
} from '../../contract/index.js';

/** The cause kept for logs: Cloudinary's sentence and status, with secrets blotted out. */
export class CloudinaryFailure extends Error {
  override readonly name = 'CloudinaryFailure';
  /** HTTP status, or 0 where no answer came. */
  readonly status: number;
  /** Node's code of a failed connection: `ECONNRESET`. */
  readonly code: string | undefined;

  constructor(message: string, status: number, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const TIMEOUT_STATUS = 499;

/** Rewrites texts so that none of the secrets, nor the pair as Basic credentials, is left in them. */
export function scrubber(secrets: readonly string[]): (text: string) => string {
  const hidden = secrets.filter((secret) => secret.length > 0).sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/**
 * The SDK rejects with errors, with `{ error }`, with `{ message, http_code }`, and with an error as that message where an
 * answer broke off; some hold the credentials.
 */
export function failureOf(thrown: unknown, scrub: (text: string) => string): CloudinaryFailure {
  const inner = field(thrown, 'error') ?? thrown;
  const message = field(inner, 'message');
  const brokenOff = field(message, 'message') !== undefined;
  const { text, code } = brokenOff
    ? { text: field(message, 'message'), code: field(message, 'code') }
    : { text: message, code: field(inner, 'code') };
  const status = field(inner, 'http_code');
  // Success that is told as a failure could not be read to its end: that is no answer.
  const answered = !brokenOff && typeof status === 'number' && status >= 300;
  return new CloudinaryFailure(
    scrub(typeof text === 'string' && text !== '' ? text : 'Cloudinary gave no reason'),
    answered ? status : 0,
    typeof code === 'string' ? code : undefined,
  );
}

function badRequest(details: StorageErrorDetails & { cause: CloudinaryFailure }): StorageError {
  const { message } = details.cause;
  if (/file size too large|larger than the maximum|too many (?:mega)?pixels/i.test(message)) {
    return new FileTooLargeError({
      ...details,
      reason: 'the file is larger than the Cloudinary plan allows',
      clientMessage: 'The file is too large.',
    });
  }
  if (/empty file/i.test(message)) return emptyFile(details);
  if (/invalid (?:image|video) file|unsupported .*(?:format|file)|unsupported (?:image|video)/i.test(message)) {
    return new UnsupportedTypeError({
      ...details,
      reason: 'the bytes are not of the kind that the key promises',
      advice: 'An image or video key must hold one; resourceType: "raw" takes anything.',
    });
  }
  if (/quota|usage limit|exceeded your/i.test(message)) {
    return new QuotaExceededError({ ...details, reason: 'the quota of the Cloudinary plan is used up' });
  }
  return new InvalidOptionsError({ ...details, reason: 'Cloudinary refused the request as wrong' });
}

export function emptyFile(details: StorageErrorDetails): NotSupportedError {
  return new NotSupportedError({
    ...details,
    reason: 'Cloudinary cannot hold an empty file',
    advice: 'Leave it out, or use a backend whose capabilities say emptyObjects.',
    clientMessage: 'The file is empty.',
  });
}

/** The error that says why, by status and, where the status says too little, by Cloudinary's sentence. */
export function storageError(cause: CloudinaryFailure, base: StorageErrorDetails): StorageError {
  const details = { ...base, cause };
  const { status, code } = cause;
  if (status === TIMEOUT_STATUS || code === 'ETIMEDOUT') return new StorageTimeoutError(details);
  if (code === 'ERR_INVALID_PROTOCOL') {
    return new StorageConfigurationError({
      ...details,
      reason: 'the Cloudinary SDK was loaded for the other of http and https',
      advice: 'It decides when it is first loaded, by upload_prefix in CLOUDINARY_URL: set that to the apiUrl in use.',
    });
  }
  switch (status) {
    case 0:
      return new StorageUnavailableError(details);
    case 400:
      return badRequest(details);
    case 401:
    case 403:
      return new PermissionDeniedError({
        ...details,
        reason: 'Cloudinary denied access',
        advice: 'Check cloud name, API key and secret, the rights of that key, and the clock of this machine.',
      });
    case 404:
      return new StorageFileNotFoundError(details);
    case 402:
      return new QuotaExceededError({ ...details, reason: 'the quota of the Cloudinary plan is used up' });
    case 413:
      return badRequest({ ...details, cause: new CloudinaryFailure('File size too large', status, code) });
    case 420:
    case 429:
      return new StorageUnavailableError({
        ...details,
        reason: "the hourly limit of Cloudinary's Admin API is used up",
        advice: 'Try again in the next hour, or raise the limit of the plan; look up and list less.',
      });
    default:
      if (status >= 500) return new StorageUnavailableError({ ...details, reason: 'Cloudinary failed to answer' });
      return new StorageError({ ...details, reason: `Cloudinary answered with the unexpected status ${status}` });
  }
}

// Failures of the network before a request is sent.
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN']);
// Nothing was answered, or a gateway answered for whom it did not hear.
const UNANSWERED = new Set([0, TIMEOUT_STATUS, 502, 504]);

/**
 * What became of a request that failed so. `failed`: it was refused or never sent; `doubtful`: Cloudinary says that it
 * failed, in the midst of its work; `open`: it may be done, or be done yet.
 */
export function outcomeOf(error: unknown): 'failed' | 'doubtful' | 'open' {
  const lost = error instanceof StorageUnavailableError || error instanceof StorageTimeoutError;
  if (!lost || !(error.cause instanceof CloudinaryFailure)) return 'failed';
  const { status, code } = error.cause;
  if (code !== undefined && NEVER_SENT.has(code)) return 'failed';
  return UNANSWERED.has(status) || code === 'ETIMEDOUT' ? 'open' : 'doubtful';
}
