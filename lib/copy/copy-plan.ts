/** The look before the first byte: how much there is to copy, and what the target cannot hold of it. */
import { PermissionDeniedError, StorageError, StorageFileNotFoundError } from '../contract/index.js';
import type { ListedFile, StageFileOptions } from '../service/index.js';
import { digestOf, type ConfirmedObjects } from './confirmed-objects.js';
import type { CopyRun } from './copy-run.js';
import { inParallel } from './in-parallel.js';
import { KeyConflicts } from './key-conflicts.js';
import { listPairs, type ListedPair } from './merged-listing.js';

/** So many pairs are kept, which is a few megabytes; where there are more, both sides are listed once more. */
const MOST_KEPT = 10_000;

/** Lists both sides. Problems and totals go to the tally. @returns the pairs that the copying phase goes through */
export async function planCopy(
  run: CopyRun,
  confirmed: ConfirmedObjects | undefined,
): Promise<() => AsyncIterable<ListedPair>> {
  const { facts } = run;
  const kept: ListedPair[] = [];
  let more = false;
  const keep = (pair: ListedPair) => {
    if (kept.length < MOST_KEPT) kept.push(pair);
    else more = true;
  };
  const needsFacts = looksAtMetadata(run);
  await inParallel(examined(run, keep), facts.concurrency, async ({ source, target }) => {
    run.throwIfStopped();
    if (source && !isConfirmed(confirmed, source, target)) await check(run, source, needsFacts);
  });
  return () => (more ? listPairs(facts) : pairsOf(kept));
}

async function* pairsOf(pairs: readonly ListedPair[]): AsyncGenerator<ListedPair, void, undefined> {
  yield* pairs;
}

/** Counts in the order of the keys, in which alone conflicts between them are seen. */
async function* examined(run: CopyRun, keep: (pair: ListedPair) => void): AsyncGenerator<ListedPair, void, undefined> {
  const { from, to, tally, meter } = run.facts;
  const ordered = from.capabilities.ordering === 'utf8';
  const conflicts = to.capabilities.hierarchical && ordered ? new KeyConflicts(to.backendName) : undefined;
  for await (const pair of listPairs(run.facts)) {
    keep(pair);
    const conflict = conflicts?.next(pair);
    if (conflict) tally.problem(conflict);
    if (pair.source) {
      tally.add(tally.total, pair.source.size);
      meter.objectsTotal++;
      meter.bytesTotal += pair.source.size;
    } else if (pair.target) {
      tally.add(tally.extra, pair.target.size);
    }
    yield pair;
  }
}

function isConfirmed(
  confirmed: ConfirmedObjects | undefined,
  source: ListedFile,
  target: ListedFile | undefined | null,
): boolean {
  const known = target ? confirmed?.get(source.key) : undefined;
  return known?.source === digestOf(source.etag) && known.target === digestOf(target!.etag);
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
