/** The look before the first byte: how much there is to copy, and what the target cannot hold of it. */
import { PermissionDeniedError, StorageError, StorageFileNotFoundError } from '../contract/index.js';
import type { ListedFile, StageFileOptions } from '../service/index.js';
import type { ConfirmedObjects } from './confirmed-objects.js';
import type { CopyRun } from './copy-run.js';
import { inParallel } from './in-parallel.js';
import { KeyConflicts } from './key-conflicts.js';
import { listPairs, listsSideBySide, type ListedPair } from './merged-listing.js';

/** So many pairs are kept, which is a few megabytes; where there are more, both sides are listed once more. */
const MOST_KEPT = 10_000;

/** What the later phases go through. */
export interface CopyPairs {
  /** Those of the plan; else both sides are listed once more. */
  readonly kept: boolean;
  all(): AsyncIterable<ListedPair>;
}

/** Lists both sides. Problems, totals and what only the target has go to the run. */
export async function planCopy(run: CopyRun, confirmed: ConfirmedObjects | undefined): Promise<CopyPairs> {
  const { facts } = run;
  const { extras, to, prefix, signal } = facts;
  // Where they cannot be listed side by side, all of the target counts as left over until the source is found to have it.
  if (extras && !listsSideBySide(facts)) for await (const file of to.list({ prefix, signal })) extras.add(file);
  const kept: ListedPair[] = [];
  let more = false;
  const keep = (pair: ListedPair) => {
    if (kept.length < MOST_KEPT) kept.push(pair);
    else more = true;
  };
  const needsFacts = looksAtMetadata(run);
  await inParallel(examined(run, keep), facts.concurrency, async ({ source, target }) => {
    run.throwIfStopped();
    if (source && !(target && confirmed?.knows(source, target) === 'equal')) await check(run, source, needsFacts);
  });
  if (extras) Object.assign(facts.tally.extra, extras.count);
  return { kept: !more, all: () => (more ? listPairs(facts) : pairsOf(kept)) };
}

async function* pairsOf(pairs: readonly ListedPair[]): AsyncGenerator<ListedPair, void, undefined> {
  yield* pairs;
}

/** Counts in the order of the keys, in which alone conflicts between them are seen. */
async function* examined(run: CopyRun, keep: (pair: ListedPair) => void): AsyncGenerator<ListedPair, void, undefined> {
  const { from, to, tally, meter, extras } = run.facts;
  const ordered = from.capabilities.ordering === 'utf8';
  const conflicts = to.capabilities.hierarchical && ordered ? new KeyConflicts(to.backendName) : undefined;
  const onPassedOver = (names: number) => void (tally.passedOver += names);
  for await (const pair of listPairs({ ...run.facts, onPassedOver })) {
    keep(pair);
    const conflict = conflicts?.next(pair);
    if (conflict) tally.problem(conflict);
    if (pair.source) {
      extras?.spare(pair.key);
      tally.add(tally.total, pair.source.size);
      meter.objectsTotal++;
      meter.bytesTotal += pair.source.size;
    } else if (pair.target) {
      tally.add(tally.extra, pair.target.size);
      extras?.add(pair.target);
    }
    yield pair;
  }
}

/** Only a look at each object tells its metadata: where the target has no limit, or the source the same one, none is. */
function looksAtMetadata({ facts: { from, to } }: CopyRun): boolean {
  const limit = to.capabilities.maxMetadataBytes;
  if (limit === undefined) return false;
  return from.backendName !== to.backendName || (from.capabilities.maxMetadataBytes ?? Infinity) > limit;
}

async function check({ facts: { from, to, tally, signal } }: CopyRun, source: ListedFile, needsFacts: boolean) {
  const { key, size } = source;
  let options: StageFileOptions = { size };
  if (needsFacts) {
    try {
      const { contentType, metadata, cacheControl, contentDisposition } = await from.getMetadata(key, { signal });
      options = { size, contentType, metadata, cacheControl, contentDisposition };
    } catch (error) {
      // Gone since, or one that cannot be read: its turn tells.
      if (!(error instanceof StorageFileNotFoundError) && !(error instanceof PermissionDeniedError)) throw error;
    }
  }
  try {
    to.assertStorable(key, options);
  } catch (error) {
    // A read-only target takes nothing at all.
    if (!(error instanceof StorageError) || error instanceof PermissionDeniedError) throw error;
    tally.problem({ key, error });
  }
}
