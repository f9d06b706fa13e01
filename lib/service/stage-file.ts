/** From what a caller hands in to a staged object: every option and the body checked, whatever the backend. */
import type { Readable } from 'node:stream';
import {
  contentTypeOf,
  type ByteRange,
  type ObjectInfo,
  type StagedInfo,
  type StorageBackend,
  type StorageErrorDetails,
  type StorageKey,
  type StageOptions,
} from '../contract/index.js';
import { CheckedBody, type StorageBody } from './body.js';
import type { StageFileOptions, StageFileRequest } from './storage-options.js';
import {
  checkedConditions,
  checkedContentType,
  checkedCount,
  checkedHeader,
  checkedMetadata,
} from './write-options.js';

export interface StagedBytes {
  readonly info: StagedInfo;
  readonly digest: string | undefined;
  open?(range?: ByteRange): Promise<Readable>;
  matches?(bytes: Uint8Array): Promise<boolean>;
  commit(): Promise<ObjectInfo>;
  abort(): Promise<void>;
}

/** What a backend is told of a new object, every option checked. @throws InvalidOptionsError */
export function checkedStageOptions(
  key: StorageKey,
  options: StageFileOptions,
  details: StorageErrorDetails,
): StageOptions {
  if (options.size !== undefined) checkedCount('size', options.size, 0, details);
  return {
    ...checkedConditions(options, details),
    contentType: checkedContentType(options.contentType ?? contentTypeOf(key), details),
    metadata: checkedMetadata(options.metadata, details),
    cacheControl: checkedHeader('cacheControl', options.cacheControl, details),
    contentDisposition: checkedHeader('contentDisposition', options.contentDisposition, details),
    signal: options.signal,
  };
}

/** @param maxSize most bytes that options, settings and backend together allow */
export async function stageFile(
  backend: StorageBackend,
  key: StorageKey,
  body: StorageBody,
  options: StageFileRequest,
  maxSize: number | undefined,
  details: StorageErrorDetails,
): Promise<StagedBytes> {
  const { size, checksum, compute, signal } = options;
  const checkedOptions = checkedStageOptions(key, options, details);
  const checked = new CheckedBody(body, { size, maxSize, checksum, compute, signal, details });
  try {
    const staged = await backend.stage(key, checked, { ...checkedOptions, size: checked.size, maxSize });
    return {
      info: staged.info,
      digest: checked.digest,
      ...(staged.open && { open: (range?: ByteRange) => staged.open!(range) }),
      ...(staged.matches && { matches: (bytes: Uint8Array) => staged.matches!(bytes) }),
      commit: () => staged.commit(),
      abort: () => staged.abort(),
    };
  } catch (error) {
    checked.discard();
    throw error;
  }
}
