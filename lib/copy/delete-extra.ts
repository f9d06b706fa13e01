/** Deletes from the target what the source does not have, asked anew for each key. */
import { StorageError } from '../contract/index.js';
import type { ListedFile } from '../service/index.js';
import type { CopyRun } from './copy-run.js';
import { inParallel } from './in-parallel.js';
import { listPairs, listsReliably } from './merged-listing.js';

const BATCH = 500;

export async function deleteExtra(run: CopyRun): Promise<void> {
  let batch: ListedFile[] = [];
  for await (const file of candidates(run)) {
    run.throwIfStopped();
    batch.push(file);
    if (batch.length < BATCH) continue;
    await deleteBatch(run, batch);
    batch = [];
  }
  if (batch.length > 0) await deleteBatch(run, batch);
}

async function* candidates({ facts }: CopyRun): AsyncGenerator<ListedFile, void, undefined> {
  const { from, to, prefix, signal } = facts;
  if (from.capabilities.ordering === 'utf8' && listsReliably(to)) {
    for await (const { source, target } of listPairs(facts)) if (!source && target) yield target;
  } else {
    yield* to.list({ prefix, signal });
  }
}

/** A listing is old by the time it is read: what the source has got since, and the target with it, stays. */
async function deleteBatch(run: CopyRun, batch: readonly ListedFile[]): Promise<void> {
  const { from, to, dryRun, concurrency, signal } = run.facts;
  const extra = new Map<string, number>();
  await inParallel(entriesOf(batch), concurrency, async ({ key, size }) => {
    if (!(await from.exists(key, { signal }))) extra.set(key, size);
  });
  const keys = [...extra.keys()];
  const { deleted, failed } = dryRun ? { deleted: keys, failed: [] } : await to.deleteMany(keys, { signal });
  for (const key of deleted) run.tell({ key, size: extra.get(key) ?? 0, outcome: 'deleted' });
  for (const { key, error } of failed) {
    if (!(error instanceof StorageError)) throw error;
    run.tell({ key, size: extra.get(key) ?? 0, outcome: 'failed', error });
  }
}

async function* entriesOf(files: readonly ListedFile[]): AsyncGenerator<ListedFile, void, undefined> {
  yield* files;
}
