/** What a client is told when a storage operation fails: a status, a neutral text, and nothing else. */
import { InvalidRangeError, StorageError, type StorageErrorCode } from '../contract/index.js';

/** Body of every error answer. */
export interface StorageErrorBody {
  readonly statusCode: number;
  /** Reason, for programs. */
  readonly code: StorageErrorCode;
  /** Sentence, for people. Holds no key, path, secret or vendor text. */
  readonly message: string;
  /** Name of the status. */
  readonly error: string;
}

/** An error as HTTP: nothing in it but what a client may know. */
export interface StorageHttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: StorageErrorBody;
}

type Row = readonly [status: number, error: string, message: string];

/** Seconds after which a client may ask an unavailable store again. */
const RETRY_AFTER = 5;

const TABLE: Readonly<Record<StorageErrorCode, Row>> = {
  'not-found': [404, 'Not Found', 'There is no such file.'],
  'permission-denied': [403, 'Forbidden', 'Access to this file is denied.'],
  'quota-exceeded': [507, 'Insufficient Storage', 'There is no room left to store this file.'],
  'invalid-key': [400, 'Bad Request', 'The name of the file is not valid.'],
  'invalid-options': [400, 'Bad Request', 'The request is not valid.'],
  'already-exists': [409, 'Conflict', 'A file with that name already exists.'],
  'precondition-failed': [412, 'Precondition Failed', 'The file has changed in the meantime.'],
  'key-conflict': [409, 'Conflict', 'The name of the file is in conflict with that of another file.'],
  'invalid-range': [416, 'Range Not Satisfiable', 'The requested range lies outside the file.'],
  'file-too-large': [413, 'Payload Too Large', 'The file is too large.'],
  'unsupported-type': [415, 'Unsupported Media Type', 'Files of this type are not accepted.'],
  'checksum-mismatch': [400, 'Bad Request', 'The file does not have the promised checksum.'],
  'size-mismatch': [400, 'Bad Request', 'The file does not have the promised size.'],
  'invalid-upload': [400, 'Bad Request', 'The upload is not valid.'],
  'upload-stalled': [408, 'Request Timeout', 'The upload stopped before its end.'],
  infected: [422, 'Unprocessable Entity', 'The file was refused by the virus scanner.'],
  'source-failed': [400, 'Bad Request', 'The file could not be read to its end.'],
  unavailable: [503, 'Service Unavailable', 'The file store cannot be reached; try again later.'],
  timeout: [504, 'Gateway Timeout', 'The file store did not answer in time.'],
  aborted: [499, 'Client Closed Request', 'The request was aborted.'],
  'not-supported': [501, 'Not Implemented', 'The file store cannot do that.'],
  configuration: [500, 'Internal Server Error', 'Internal server error.'],
  unknown: [500, 'Internal Server Error', 'Internal server error.'],
};

function headersOf(error: unknown, status: number): Record<string, string> {
  if (status === 503) return { 'Retry-After': String(RETRY_AFTER) };
  if (error instanceof InvalidRangeError && error.size !== undefined) {
    return { 'Content-Range': `bytes */${error.size}` };
  }
  return {};
}

/**
 * The HTTP answer for a failure. Anything that is not a StorageError is a neutral 500.
 *
 * @example const { status, body } = storageHttpAnswer(error); throw new HttpException(body, status, { cause: error });
 * @publicApi
 */
export function storageHttpAnswer(error: unknown): StorageHttpAnswer {
  const code = error instanceof StorageError ? error.code : 'unknown';
  const [status, name, neutral] = TABLE[code];
  const message = (error instanceof StorageError ? error.clientMessage : undefined) ?? neutral;
  return { status, headers: headersOf(error, status), body: { statusCode: status, code, message, error: name } };
}
