/** Pages of files, and what is made of them: all files, the first keys, the deletion of a folder. */
import { InvalidKeyError, InvalidOptionsError, type OperationOptions, type StorageKey } from '../contract/index.js';
import type { BoundStorage } from './bound-storage.js';
import type { DeletedFiles, ListedFile, ListedPage, ListOptions, ListPageQuery } from './storage-options.js';
import { checkedCount } from './write-options.js';

export const DEFAULT_LIST_LIMIT = 1000;
const DELETE_BATCH = 1000;

export type PageReader = (query: ListPageQuery) => Promise<ListedPage>;

/** @throws InvalidKeyError for the prefix, InvalidOptionsError for limit, delimiter and cursor */
export async function readPage(bound: BoundStorage, query: ListPageQuery): Promise<ListedPage> {
  const { prefix = '', delimiter, cursor, limit = DEFAULT_LIST_LIMIT, signal } = query;
  const details = bound.details('list');
  checkedCount('limit', limit, 1, details);
  if (delimiter !== undefined && delimiter !== '/') {
    throw new InvalidOptionsError({ ...details, reason: 'the delimiter of a listing can only be "/"' });
  }
  const page = await bound.backend.list({ prefix: bound.prefix(prefix), delimiter, cursor, limit, signal });
  // A driver that holds more at hand must not make apps show metadata that other backends would not.
  const files = page.objects.map(({ key, size, lastModified, etag }) => ({ key, size, lastModified, etag }));
  const { prefixes, passedOver } = page;
  return {
    files,
    prefixes,
    ...(page.cursor !== undefined && { cursor: page.cursor }),
    ...(passedOver !== undefined && { passedOver }),
  };
}

/** All files, page by page as they are asked for. */
export async function* allFiles(read: PageReader, options: ListOptions): AsyncGenerator<ListedFile, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await read({ ...options, cursor });
    yield* page.files;
    ({ cursor } = page);
  } while (cursor !== undefined);
}

/** @param limit at least 1 */
export async function firstKeys(
  read: PageReader,
  prefix: string,
  limit: number,
  { signal }: OperationOptions,
): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ prefix, cursor, limit: Math.min(limit - keys.length, DEFAULT_LIST_LIMIT), signal });
    keys.push(...page.files.map((file) => file.key));
    ({ cursor } = page);
  } while (cursor !== undefined && keys.length < limit);
  return keys;
}

/** @throws InvalidKeyError where the prefix does not end with a slash */
export async function deleteFolder(
  bound: BoundStorage,
  prefix: string,
  options: OperationOptions,
): Promise<DeletedFiles> {
  if (typeof prefix !== 'string' || !prefix.endsWith('/')) {
    throw new InvalidKeyError({
      ...bound.details('delete', String(prefix)),
      reason: 'the prefix of deletePrefix() must end with "/"',
      advice: `Without it ${JSON.stringify(prefix)} would also name its longer siblings.`,
    });
  }
  const deleted: string[] = [];
  const failed: { key: string; error: Error }[] = [];
  let batch: StorageKey[] = [];
  const flush = async () => {
    const result = await bound.backend.deleteMany(batch, options);
    deleted.push(...result.deleted);
    failed.push(...result.failed);
    batch = [];
  };
  for await (const file of allFiles((query) => readPage(bound, query), { ...options, prefix })) {
    batch.push(file.key as StorageKey);
    if (batch.length === DELETE_BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  return { deleted, failed };
}
