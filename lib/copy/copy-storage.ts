/** Copies one storage into another. */
import { StorageError } from '../contract/index.js';
import type { CopiedObject, CopyCount, CopyStorageOptions, CopySummary } from './copy-options.js';

/**
 * Copies every object under a prefix from one storage to another, with type and metadata.
 *
 * @throws StorageError for what is refused before the first byte
 * @publicApi
 */
export async function copyStorage(options: CopyStorageOptions): Promise<CopySummary> {
  const { from, to, prefix = '', signal, onObject } = options;
  const started = performance.now();
  const copied = { objects: 0, bytes: 0 };
  const failed = { objects: 0, bytes: 0 };
  const failures: CopiedObject[] = [];
  for await (const { key, size } of from.list({ prefix, signal })) {
    try {
      const { file, body } = await from.open(key, { signal });
      const { contentType, metadata, cacheControl, contentDisposition } = file;
      const facts = { contentType, metadata, cacheControl, contentDisposition, size: file.size };
      await to.put(key, body, { ...facts, url: false, ifNoneMatch: '*', signal });
      copied.objects++;
      copied.bytes += size;
      onObject?.({ key, size, outcome: 'copied' });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      failed.objects++;
      failed.bytes += size;
      const failure = { key, size, outcome: 'failed', error } as const;
      failures.push(failure);
      onObject?.(failure);
    }
  }
  const none: CopyCount = { objects: 0, bytes: 0 };
  return {
    ok: failed.objects === 0,
    dryRun: false,
    total: { objects: copied.objects + failed.objects, bytes: copied.bytes + failed.bytes },
    copied,
    skipped: none,
    differed: none,
    failed,
    deleted: none,
    extra: undefined,
    verified: undefined,
    problems: [],
    problemCount: 0,
    failures,
    differences: [],
    stopped: undefined,
    seconds: (performance.now() - started) / 1000,
    journal: undefined,
  };
}
