/** PUT of a signed URL: the bytes go to the storage as they come, held against what the URL binds. */
import {
  AlreadyExistsError,
  FileTooLargeError,
  InvalidUploadError,
  PreconditionFailedError,
  SizeMismatchError,
  StorageConfigurationError,
  StorageFileNotFoundError,
  UnsupportedTypeError,
  type StorageErrorDetails,
  type WriteConditions,
} from '../contract/index.js';
import type { StorageBody } from '../service/body.js';
import type { StoredFile } from '../service/stored-file.js';
import type { StorageService } from '../storage.service.js';
import { entityTag } from './entity-tag.js';
import type { Exchange } from './exchange.js';
import { sendContinue } from './held-body.js';
import { isConditionalWrite, mayWriteOver } from './preconditions.js';
import { receiveBody } from './request-body.js';
import { sendJson } from './send.js';
import { DEFAULT_STALL_TIMEOUT, essenceOf } from './serving-policy.js';
import type { AdmittedRequest } from './signed-routes.js';
import type { SignedRequest } from './signed-urls.js';

/**
 * Stores the body and answers 201 where the URL may only create, else 200: whether there was a file before is not
 * told to who may only write.
 *
 * @throws StorageError for what is to be answered with an error; nothing is stored then
 */
export async function upload(exchange: Exchange, storage: StorageService, admitted: AdmittedRequest): Promise<void> {
  const { request } = admitted;
  const details: StorageErrorDetails = { operation: 'put', key: request.key };
  const contentType = checkedType(exchange, request, details);
  const length = checkedLength(exchange, request, details);
  const conditions = await conditionsOf(exchange, storage, request, details);
  const body = bodyOf(exchange, admitted, details);
  sendContinue(exchange.req, exchange.res);
  const file = await stored(storage, request, body, { contentType, length, conditions });
  sendJson(exchange, {
    status: request.createOnly ? 201 : 200,
    headers: { ETag: entityTag(file.etag) },
    body: { size: file.size, etag: file.etag },
  });
}

interface Checked {
  readonly contentType: string | undefined;
  readonly length: number | undefined;
  readonly conditions: WriteConditions;
}

async function stored(
  storage: StorageService,
  request: SignedRequest,
  body: StorageBody,
  { contentType, length, conditions }: Checked,
): Promise<StoredFile> {
  const { key, metadata, createOnly } = request;
  const limits = [request.size, request.maxSize].filter((limit) => limit !== undefined);
  try {
    return await storage.put(key, body, {
      contentType,
      metadata,
      size: request.size ?? length,
      maxSize: limits.length === 0 ? undefined : Math.min(...limits),
      ...conditions,
      url: false,
    });
  } catch (error) {
    // To a client that asked with If-None-Match this is its condition failing (RFC 9110, 13.1.2).
    if (error instanceof AlreadyExistsError && !createOnly) {
      throw new PreconditionFailedError({ operation: 'put', key, reason: 'the key is taken', cause: error });
    }
    throw error;
  }
}

/** `type/subtype` must be the bound one; parameters count where the URL binds some. */
function sameType(bound: string, given: string): boolean {
  if (essenceOf(bound) !== essenceOf(given)) return false;
  const normal = (type: string) => type.replaceAll(/[\s"]/g, '').toLowerCase();
  return !bound.includes(';') || normal(bound) === normal(given);
}

function checkedType(
  { req }: Exchange,
  { contentType: bound }: SignedRequest,
  details: StorageErrorDetails,
): string | undefined {
  const { 'content-type': given, 'content-encoding': encoding = 'identity' } = req.headers;
  if (req.headers['content-range'] !== undefined) {
    throw new InvalidUploadError({
      ...details,
      reason: 'a part of a file cannot be put (RFC 9110, 9.3.4)',
      clientMessage: 'A part of a file cannot be uploaded; send it whole.',
    });
  }
  if (encoding.trim().toLowerCase() !== 'identity') {
    throw new UnsupportedTypeError({
      ...details,
      reason: 'the body has a Content-Encoding, which would be stored as the file itself',
      clientMessage: 'Send the file without Content-Encoding.',
    });
  }
  if (bound === undefined) return given;
  if (given === undefined || !sameType(bound, given)) {
    throw new UnsupportedTypeError({
      ...details,
      reason: 'the body is not of the type that the URL binds',
      clientMessage: 'The file is not of the type that this link was made for.',
    });
  }
  return bound;
}

/** Bytes that the client announces; undefined with chunked encoding. */
function checkedLength(
  { req }: Exchange,
  { size, maxSize }: SignedRequest,
  details: StorageErrorDetails,
): number | undefined {
  const header = req.headers['content-length'];
  if (header === undefined) return req.headers['transfer-encoding'] === undefined ? 0 : undefined;
  const length = Number(header);
  const limit = Math.min(size ?? Infinity, maxSize ?? Infinity);
  if (length > limit) throw new FileTooLargeError({ ...details, limit });
  if (size !== undefined && length !== size) {
    throw new SizeMismatchError({ ...details, reason: `the URL binds ${size} bytes, and ${length} are announced` });
  }
  return length;
}

/** Binds the write to the version that the request's own conditions were held against. */
async function conditionsOf(
  { req }: Exchange,
  storage: StorageService,
  { key, createOnly }: SignedRequest,
  details: StorageErrorDetails,
): Promise<WriteConditions> {
  if (isConditionalWrite(req.headers)) {
    const current = await versionOf(storage, key);
    if (!mayWriteOver(req.headers, current) || (createOnly && current)) throw new PreconditionFailedError(details);
    return current ? { ifMatch: current.etag } : { ifNoneMatch: '*' };
  }
  return createOnly || req.headers['if-none-match'] !== undefined ? { ifNoneMatch: '*' } : {};
}

async function versionOf(storage: StorageService, key: string): Promise<StoredFile | undefined> {
  try {
    return await storage.getMetadata(key);
  } catch (error) {
    if (error instanceof StorageFileNotFoundError) return undefined;
    throw error;
  }
}

function bodyOf({ req, parsedBody }: Exchange, { policy }: AdmittedRequest, details: StorageErrorDetails): StorageBody {
  if (!req.readableDidRead) return receiveBody(req, policy.stallTimeout ?? DEFAULT_STALL_TIMEOUT, details);
  // Middleware that the app put in front read it: whole bytes serve, anything else is not the file any more.
  if (parsedBody instanceof Uint8Array) return parsedBody;
  throw new StorageConfigurationError({
    ...details,
    reason: 'a body parser read the upload before the signed routes',
    advice: 'Keep body parsers of your own away from PUT requests below the path of the signed routes.',
  });
}
