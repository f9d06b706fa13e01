/** Deletes from the target what only it had when the copy was planned, and has still as it was: asked anew for each key. */
import { InvalidKeyError, StorageError } from '../contract/index.js';
import type { ListedFile } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import type { CopyRun } from './copy-run.js';
import type { ExtraObjects } from './extra-objects.js';
import { inParallel } from './in-parallel.js';
import { lookFor } from './merged-listing.js';

const BATCH = 500;

/** @throws StopCopy, StorageError */
export async function deleteExtra(run: CopyRun, extras: ExtraObjects): Promise<void> {
  if (extras.count.objects === 0) return;
  const { to, prefix, signal } = run.facts;
  await assertSourceStands(run, extras);
  let batch: ListedFile[] = [];
  for await (const file of to.list({ prefix, signal })) {
    run.throwIfStopped();
    if (extras.has(file)) batch.push(file);
    if (batch.length < BATCH) continue;
    await deleteBatch(run, batch);
    batch = [];
  }
  if (batch.length > 0) await deleteBatch(run, batch);
}

/** A source that has lost its objects makes everything look left over. */
async function assertSourceStands(run: CopyRun, extras: ExtraObjects): Promise<void> {
  const { from, prefix, signal } = run.facts;
  let listed = 0;
  for await (const { key } of from.list({ prefix, signal })) {
    run.throwIfStopped();
    extras.spare(key);
    listed++;
  }
  await run.stopsCopy(() => run.source.assertAsMany(listed));
}

/** A listing is old by the time it is read: what either side has got since stays. */
async function deleteBatch(run: CopyRun, batch: readonly ListedFile[]): Promise<void> {
  const { from, to, dryRun, concurrency, signal } = run.facts;
  const extra = new Map<string, number>();
  await inParallel(entriesOf(batch), concurrency, async ({ key, etag, size }) => {
    try {
      const [there, now] = await Promise.all([has(from, key, signal), lookFor(to, key, signal)]);
      if (!there && now?.etag === etag) extra.set(key, size);
    } catch (error) {
      await run.fail(key, size, error);
    }
  });
  const keys = [...extra.keys()];
  const { deleted, failed } = dryRun ? { deleted: keys, failed: [] } : await to.deleteMany(keys, { signal });
  for (const key of deleted) run.tell({ key, size: extra.get(key) ?? 0, outcome: 'deleted' });
  for (const { key, error } of failed) {
    if (!(error instanceof StorageError)) throw error;
    run.tell({ key, size: extra.get(key) ?? 0, outcome: 'failed', error });
  }
}

/** What the source could not even name, it does not have. */
async function has(from: StorageService, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await from.exists(key, { signal });
  } catch (error) {
    if (error instanceof InvalidKeyError) return false;
    throw error;
  }
}

async function* entriesOf(files: readonly ListedFile[]): AsyncGenerator<ListedFile, void, undefined> {
  yield* files;
}
