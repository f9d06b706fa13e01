/** Whether two storages hold the same object under a key: type, metadata and every byte. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { StorageFileNotFoundError } from '../contract/index.js';
import type { OpenedFile, StoredFile } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import type { CopyDifference } from './copy-options.js';
import { openSource } from './open-source.js';

const FACTS = ['size', 'contentType', 'metadata', 'cacheControl', 'contentDisposition'] as const;

export interface Comparison {
  /** Empty: they are equal. */
  readonly differences: readonly CopyDifference[];
  readonly source: StoredFile;
  /** Undefined where there is none. */
  readonly target: StoredFile | undefined;
}

export function differingFacts(source: StoredFile, target: StoredFile): CopyDifference[] {
  return FACTS.filter((fact) => !isDeepStrictEqual(source[fact], target[fact]));
}

/** Reads both sides, as far as it takes to tell. @throws SourceGone; else as StorageService.open() */
export async function compareObjects(
  from: StorageService,
  to: StorageService,
  key: string,
  signal: AbortSignal,
): Promise<Comparison> {
  const [source, target] = await openBoth(from, to, key, signal);
  try {
    if (!target) return { differences: ['missing'], source: source.file, target: undefined };
    const differences = differingFacts(source.file, target.file);
    if (differences.length === 0 && !(await sameBytes(source.body, target.body))) differences.push('bytes');
    return { differences, source: source.file, target: target.file };
  } finally {
    source.body.destroy();
    target?.body.destroy();
  }
}

async function openBoth(
  from: StorageService,
  to: StorageService,
  key: string,
  signal: AbortSignal,
): Promise<[OpenedFile, OpenedFile | undefined]> {
  const [source, target] = await Promise.allSettled([openSource(from, key, signal), to.open(key, { signal })]);
  const missing = target.status === 'rejected' && target.reason instanceof StorageFileNotFoundError;
  if (source.status === 'fulfilled' && (target.status === 'fulfilled' || missing)) {
    return [source.value, target.status === 'fulfilled' ? target.value : undefined];
  }
  for (const opened of [source, target]) if (opened.status === 'fulfilled') opened.value.body.destroy();
  throw source.status === 'rejected' ? source.reason : (target as PromiseRejectedResult).reason;
}

async function sameBytes(a: Readable, b: Readable): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([sha256Of(a), sha256Of(b)]);
    return first === second;
  } catch (error) {
    // The other one is not read any further.
    a.destroy();
    b.destroy();
    throw error;
  }
}

/** Of all bytes of a body, in hex. */
async function sha256Of(body: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
