/** Runs multer over a request: every file staged, every field read, or an error and nothing left to do. */
import { AsyncResource } from 'node:async_hooks';
import type { ExecutionContext } from '@nestjs/common';
import type { RequestHandler } from 'express';
import multer from 'multer';
import type { StorageService } from '../storage.service.js';
import { closeArrayGaps } from './array-gaps.js';
import { UploadReceiver } from './file-receiver.js';
import type { HttpExchange } from './http-exchange.js';
import type { StagedFile } from './staged-file.js';
import { receiveFilesOf, stagingEngine, type EngineFile, type IncomingFile } from './staging.engine.js';
import { UploadBody } from './upload-body.js';
import { uploadError } from './upload-errors.js';
import type { UploadPlan } from './upload-plan.js';
import type { UploadTransaction } from './upload-transaction.js';

/** How multer takes the fields of a route: one of its single(), array(), fields() and any(). */
export type FieldShape = (engine: multer.Multer) => RequestHandler;

/** Multer with the limits of a route. Counting files is left to the filter, which does not count empty inputs. */
export function multerFor(plan: UploadPlan, shape: FieldShape): RequestHandler {
  const { fileSize, fields, parts, fieldSize, fieldNameSize, fieldNestingDepth, fieldArrayIndexLimit } = plan.limits;
  return shape(
    multer({
      storage: stagingEngine,
      defParamCharset: 'utf8',
      limits: { fileSize, fields, parts, fieldSize, fieldNameSize, fieldNestingDepth, fieldArrayIndexLimit },
    }),
  );
}

/** Multer's entries are plain copies; what handlers get is the staged file of each. */
function stagedFiles(value: unknown): StagedFile[] {
  const entries = Array.isArray(value) ? value : Object.values(value as Record<string, unknown>).flat();
  return (entries as EngineFile[]).map(({ staged }) => staged);
}

function handOver(body: UploadBody, exchange: HttpExchange): readonly StagedFile[] {
  const { parts } = exchange;
  if (body.file !== undefined) {
    const { staged } = body.file as EngineFile;
    parts.file = staged;
    return [staged];
  }
  if (body.files === undefined) return [];
  const files = stagedFiles(body.files);
  parts.files = Array.isArray(body.files)
    ? files
    : Object.fromEntries(
        Object.entries(body.files as Record<string, unknown>).map(([field, entries]) => [field, stagedFiles(entries)]),
      );
  return files;
}

/** @throws what went wrong first, as a StorageError where it is the request's or the store's fault */
export async function receiveUpload(
  plan: UploadPlan,
  parse: RequestHandler,
  exchange: HttpExchange,
  context: ExecutionContext,
  storage: StorageService,
  transaction: UploadTransaction,
): Promise<readonly StagedFile[]> {
  const body = new UploadBody(exchange.request, plan);
  const length = exchange.request.headers['content-length'];
  const announced = length === undefined ? undefined : Number(length);
  const receiver = new UploadReceiver(plan, storage, context, transaction, announced);
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= uploadError(error, plan.limits);
  };
  const receive = async (file: IncomingFile): Promise<StagedFile> => {
    try {
      return await receiver.receive(file);
    } catch (error) {
      fail(error);
      // Nothing of the request can succeed any more: stop reading it.
      body.destroy(error as Error);
      throw error;
    }
  };
  // The parser's events know nothing of the app's AsyncLocalStorage; its key and metadata functions must.
  receiveFilesOf(body, AsyncResource.bind(receive));
  body.on('error', fail);
  // The request was answered by someone else, or its client is gone: there is nobody to read for.
  const stop = () => body.destroy(transaction.signal.reason as Error);
  transaction.signal.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve) => {
      const done = (error?: unknown) => {
        if (error !== undefined && error !== null) fail(error);
        resolve();
      };
      parse(body as never, exchange.response as never, done);
      // The key function may look at the fields that came before the file.
      exchange.parts.body = body.body;
    });
    transaction.signal.throwIfAborted();
    if (failure !== undefined) throw failure;
  } finally {
    transaction.signal.removeEventListener('abort', stop);
    body.destroy();
  }
  closeArrayGaps(body.body);
  return handOver(body, exchange);
}
