/** The error family: one class for each reason a storage operation can fail, whatever the operation and backend. */

/** What the storage was asked to do when an error arose. */
export type StorageOperation =
  | 'put'
  | 'get'
  | 'getMetadata'
  | 'exists'
  | 'delete'
  | 'list'
  | 'copy'
  | 'move'
  | 'getUrl'
  | 'getUploadUrl'
  | 'scope'
  | 'upload'
  | 'checkHealth'
  | 'configure'
  | 'maintain';

/** Why it failed. Programs look at the code (or the class), people at the message. */
export type StorageErrorCode =
  | 'not-found'
  | 'permission-denied'
  | 'quota-exceeded'
  | 'invalid-key'
  | 'invalid-options'
  | 'already-exists'
  | 'precondition-failed'
  | 'key-conflict'
  | 'invalid-range'
  | 'file-too-large'
  | 'unsupported-type'
  | 'checksum-mismatch'
  | 'size-mismatch'
  | 'invalid-upload'
  | 'upload-stalled'
  | 'infected'
  | 'source-failed'
  | 'unavailable'
  | 'timeout'
  | 'aborted'
  | 'not-supported'
  | 'configuration'
  | 'unknown';

/** The facts of a failure; the message is made of them. */
export interface StorageErrorDetails {
  /** What was being done. */
  readonly operation: StorageOperation;
  /** What went wrong, as a clause: `there is no such file`. */
  readonly reason?: string;
  /** What the developer can do next, as a sentence. */
  readonly advice?: string;
  /** The key as the backend knows it. Left out where no single key is concerned. */
  readonly key?: string;
  /** Name of the backend (`local`, `s3`, ...). Left out before one is chosen. */
  readonly backend?: string;
  /** The error underneath, kept for logs. It never reaches a client. */
  readonly cause?: unknown;
  /** A sentence that may be shown to a client: free of keys, paths, secrets and vendor text. */
  readonly clientMessage?: string;
}

const LONGEST_SHOWN = 200;

/** A text as it may stand in a log line: quoted, control and invisible characters escaped, cut at 200 characters. */
export function quoted(text: string): string {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u2028\u2029]|\p{Cf}|\p{Cs}/gu,
    (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
  );
}

function sentence(code: StorageErrorCode, details: StorageErrorDetails): string {
  const what = details.key === undefined ? details.operation : `${details.operation} ${quoted(details.key)}`;
  const where = details.backend === undefined ? '' : ` on ${details.backend}`;
  const advice = details.advice === undefined ? '' : ` ${details.advice}`;
  return `${what}${where}: ${details.reason ?? code}.${advice}`;
}

/**
 * Base of every error that the storage throws.
 *
 * @publicApi
 */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly operation: StorageOperation;
  readonly key: string | undefined;
  readonly backend: string | undefined;
  /** What went wrong, as a clause; part of the message. */
  readonly reason: string;
  /** What can be done about it, as a sentence; part of the message. */
  readonly advice: string | undefined;
  /** Safe to show to a client; undefined means that the HTTP mapping's neutral text is used. */
  readonly clientMessage: string | undefined;

  constructor(details: StorageErrorDetails, code: StorageErrorCode = 'unknown') {
    super(sentence(code, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.operation = details.operation;
    this.key = details.key;
    this.backend = details.backend;
    this.reason = details.reason ?? code;
    this.advice = details.advice;
    this.clientMessage = details.clientMessage;
  }
}

/** There is no object under that key. */
export class StorageFileNotFoundError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      { reason: 'there is no such file', advice: 'Check the key, or ask exists() first.', ...details },
      'not-found',
    );
  }
}

/** The store refuses: missing rights, a read-only storage, or a store that hides whether the object exists. */
export class PermissionDeniedError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'the store denied access',
        advice: 'Check the credentials or file permissions of this process.',
        ...details,
      },
      'permission-denied',
    );
  }
}

/** The store has no room left: disk full, quota used up, or the memory backend's limit reached. */
export class QuotaExceededError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      { reason: 'the store has no room left', advice: 'Free space, or raise the quota.', ...details },
      'quota-exceeded',
    );
  }
}

/** The key breaks a rule; the message names the rule and a valid example. */
export class InvalidKeyError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the key is not valid', ...details }, 'invalid-key');
  }
}

/** An option of the call is wrong: expiry, range, metadata, cursor, body. */
export class InvalidOptionsError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'an option is not valid', ...details }, 'invalid-options');
  }
}

/** `ifNoneMatch: '*'` was asked and the key is taken. */
export class AlreadyExistsError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'a file with that key already exists',
        advice: 'Choose another key, or leave out ifNoneMatch to replace it.',
        ...details,
      },
      'already-exists',
    );
  }
}

/** `ifMatch` was asked and the object is another version, or gone. */
export class PreconditionFailedError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'the file is not the version that ifMatch names',
        advice: 'Read the current etag and decide again.',
        ...details,
      },
      'precondition-failed',
    );
  }
}

/** A hierarchical store cannot hold `a` beside `a/b`. */
export class KeyConflictError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'one key is a file where another needs a folder',
        advice: 'This backend cannot hold "a" beside "a/b": rename one of them.',
        ...details,
      },
      'key-conflict',
    );
  }
}

/** The byte range does not touch the object. */
export class InvalidRangeError extends StorageError {
  /** Size of the whole object in bytes, for a `Content-Range: bytes * /size` answer. */
  readonly size: number | undefined;

  constructor(details: StorageErrorDetails & { readonly size?: number }) {
    super({ reason: 'the byte range lies outside the file', ...details }, 'invalid-range');
    this.size = details.size;
  }
}

/** The body is longer than allowed. */
export class FileTooLargeError extends StorageError {
  /** The limit in bytes. */
  readonly limit: number | undefined;

  constructor(details: StorageErrorDetails & { readonly limit?: number }) {
    const allowed = details.limit === undefined ? 'allowed' : `the allowed ${details.limit} bytes`;
    super(
      {
        reason: `the file is larger than ${allowed}`,
        clientMessage: `The file is larger than ${allowed}.`,
        ...details,
      },
      'file-too-large',
    );
    this.limit = details.limit;
  }
}

/** The content is of a type that is not accepted. */
export class UnsupportedTypeError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the file is of a type that is not accepted', ...details }, 'unsupported-type');
  }
}

/** The bytes do not have the promised checksum; nothing was stored. */
export class ChecksumMismatchError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'the bytes do not have the promised checksum',
        advice: 'Nothing was stored; send the file again.',
        ...details,
      },
      'checksum-mismatch',
    );
  }
}

/** The body is longer or shorter than its promised size; nothing was stored. */
export class SizeMismatchError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      {
        reason: 'the body does not have the promised size',
        advice: 'Nothing was stored; send the file again.',
        ...details,
      },
      'size-mismatch',
    );
  }
}

/** The upload request is malformed: wrong multipart syntax, too many files, parts or fields, names too long. */
export class InvalidUploadError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the upload is not valid', ...details }, 'invalid-upload');
  }
}

/** The client stopped sending before the announced end of its body. */
export class UploadStalledError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the client stopped sending', ...details }, 'upload-stalled');
  }
}

/** A scanner found malware. */
export class InfectedFileError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the file contains malware', ...details }, 'infected');
  }
}

/** The body that the caller handed in failed while it was read; nothing was stored. */
export class SourceFailedError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super(
      { reason: 'the body could not be read to its end', advice: 'Nothing was stored; see the cause.', ...details },
      'source-failed',
    );
  }
}

/** The store cannot be reached or is overloaded; trying later may help. */
export class StorageUnavailableError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the store cannot be reached', advice: 'Try again later.', ...details }, 'unavailable');
  }
}

/** The store did not answer in time. */
export class StorageTimeoutError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the store did not answer in time', advice: 'Try again later.', ...details }, 'timeout');
  }
}

/** The caller's AbortSignal fired, or the client left. */
export class OperationAbortedError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'the operation was aborted', ...details }, 'aborted');
  }
}

/** This backend cannot do that; its capabilities say so beforehand. */
export class NotSupportedError extends StorageError {
  constructor(details: StorageErrorDetails) {
    super({ reason: 'this backend cannot do that', ...details }, 'not-supported');
  }
}

/** The set-up is wrong: a setting, a missing package, a wiring mistake. */
export class StorageConfigurationError extends StorageError {
  constructor(details: Omit<StorageErrorDetails, 'operation'> & { readonly operation?: StorageOperation }) {
    super({ operation: 'configure', ...details }, 'configuration');
  }
}

/** The app has signed routes but no known address: it does not listen on a port, and no base URL is set. */
export class UnknownBaseUrlError extends StorageConfigurationError {}
