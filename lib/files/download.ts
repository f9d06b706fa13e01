/** GET and HEAD of a signed URL. */
import {
  PreconditionFailedError,
  StorageUnavailableError,
  type ResolvedRange,
  type StorageErrorDetails,
} from '../contract/index.js';
import type { StoredFile } from '../service/stored-file.js';
import type { StorageService } from '../storage.service.js';
import type { Exchange } from './exchange.js';
import { isConditionalRead, judgeRead } from './preconditions.js';
import { requestedRange } from './requested-range.js';
import { fileHeaders, notModifiedHeaders, type Headers } from './response-headers.js';
import { sendBody, sendHead, type OnBroken } from './send.js';
import type { AdmittedRequest } from './signed-routes.js';

/** How often a file may be replaced between looking at it and opening it. */
const TRIES = 3;

/** What a download works on. */
export interface Download {
  readonly exchange: Exchange;
  readonly storage: StorageService;
  readonly admitted: AdmittedRequest;
  readonly onBroken: OnBroken;
}

/**
 * Answers a GET or HEAD. Resolves when the answer has begun.
 *
 * @throws StorageError for what is to be answered with an error
 */
export async function download(work: Download): Promise<void> {
  const { req } = work.exchange;
  if (req.method !== 'HEAD' && req.headers.range === undefined && !isConditionalRead(req.headers)) {
    return sendWhole(work);
  }
  for (let tried = 1; ; tried++) {
    try {
      return await sendWanted(work);
    } catch (error) {
      // Not the client's condition, which is answered as such: the version that was looked at has been replaced.
      if (!(error instanceof MovedOn)) throw error;
      if (tried < TRIES) continue;
      throw new StorageUnavailableError({
        ...detailsOf(work.admitted),
        reason: `the file was replaced ${TRIES} times while it was opened`,
        cause: error.cause,
      });
    }
  }
}

class MovedOn extends Error {}

function detailsOf({ request }: AdmittedRequest): StorageErrorDetails {
  return { operation: 'get', key: request.key };
}

/** The plain GET costs the backend one open. */
async function sendWhole({ exchange, storage, admitted, onBroken }: Download): Promise<void> {
  const { request, policy } = admitted;
  const { file, body } = await storage.open(request.key);
  let headers: Headers;
  try {
    headers = fileHeaders(file, request, policy);
  } catch (error) {
    body.destroy();
    throw error;
  }
  sendBody(exchange, { status: 200, headers, body, length: file.size }, onBroken);
}

/** HEAD, conditions and ranges look first, so that nothing is opened that is not sent. */
async function sendWanted({ exchange, storage, admitted, onBroken }: Download): Promise<void> {
  const { req } = exchange;
  const { request, policy } = admitted;
  const file = await storage.getMetadata(request.key);
  const verdict = judgeRead(req.headers, file);
  if (verdict === 'precondition-failed') throw new PreconditionFailedError(detailsOf(admitted));
  const headers = fileHeaders(file, request, policy);
  if (verdict === 'not-modified') {
    sendHead(exchange, 304, notModifiedHeaders(headers));
    return;
  }
  if (req.method === 'HEAD') {
    sendHead(exchange, 200, { ...headers, 'Content-Length': file.size });
    return;
  }
  const range = requestedRange(req.headers, file, detailsOf(admitted));
  const { body } = await openVersion(storage, file, range);
  if (!range) return sendBody(exchange, { status: 200, headers, body, length: file.size }, onBroken);
  const part = { ...headers, 'Content-Range': `bytes ${range.start}-${range.end}/${file.size}` };
  const length = range.end - range.start + 1;
  sendBody(exchange, { status: 206, headers: part, body, length }, onBroken);
}

/** @throws MovedOn when the file is no longer the version that was looked at */
async function openVersion(storage: StorageService, file: StoredFile, range: ResolvedRange | undefined) {
  try {
    return await storage.open(file.key, { range, ifMatch: file.etag });
  } catch (error) {
    if (error instanceof PreconditionFailedError) throw new MovedOn('another version', { cause: error });
    throw error;
  }
}
