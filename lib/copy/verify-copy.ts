/** Reads both sides of every object once more, and tells (or mends, where that is asked) where they are not equal. */
import { StorageUnavailableError } from '../contract/index.js';
import type { ListedFile } from '../service/index.js';
import { compareObjects } from './compare-objects.js';
import type { CopyPairs } from './copy-plan.js';
import { StopCopy, type CopyRun } from './copy-run.js';
import { inParallel } from './in-parallel.js';
import type { ListedPair } from './merged-listing.js';
import type { ObjectCopier } from './object-copier.js';
import { SourceGone } from './open-source.js';

/** @throws StopCopy, also where objects of the plan were not seen again */
export async function verifyCopy(run: CopyRun, pairs: CopyPairs, copier: ObjectCopier): Promise<void> {
  const { tally, concurrency } = run.facts;
  tally.forgetDifferences();
  // Those of the plan come again, and what is gone is told of them anew.
  if (pairs.kept) tally.forgetGone();
  await inParallel(pairs.all(), concurrency, (pair) => verify(run, pair, copier));
  assertAllSeen(run);
}

async function verify(run: CopyRun, { key, source }: ListedPair, copier: ObjectCopier): Promise<void> {
  if (!source) return;
  run.throwIfStopped();
  const { from, to, tally, meter, signal } = run.facts;
  const { size } = source;
  const compared = async () => (await run.bounded(size, () => compareObjects(from, to, key, signal))).differences;
  try {
    let differences = await compared();
    if (differences.length > 0) {
      await copier.revoke(key);
      if (await mended(run, source, copier)) differences = await compared();
    }
    if (differences.length > 0) return run.tell({ key, size, outcome: 'differed', differences });
    meter.done(size);
    tally.add(tally.verified, size);
    run.source.found();
  } catch (error) {
    if (error instanceof StopCopy) throw error;
    await (error instanceof SourceGone ? run.gone(key, size) : run.fail(key, size, error));
  }
}

/** @returns whether it was brought over once more, or is not as it was found */
async function mended({ facts }: CopyRun, source: ListedFile, copier: ObjectCopier): Promise<boolean> {
  const settled = await copier.mend(source);
  if (!settled) return false;
  const { moved = 0, ...object } = settled;
  facts.meter.moved(-moved);
  if (object.outcome !== 'copied') return true;
  facts.tally.count(object);
  facts.onObject?.(object);
  return true;
}

/** What no listing shows any more was not looked at: that is no proof of anything. */
function assertAllSeen({ facts: { from, tally } }: CopyRun): void {
  const { total, verified } = tally;
  const others = (['differed', 'failed', 'gone'] as const).reduce((sum, name) => sum + tally.of(name).objects, 0);
  const unseen = total.objects - verified.objects - others;
  if (unseen <= 0) return;
  throw new StopCopy(
    new StorageUnavailableError({
      operation: 'copy',
      backend: from.backendName,
      reason: `the source no longer lists ${unseen} of the objects that it had when the copy began, and they were not verified`,
      advice: 'Check that nobody empties it, then run the copy again.',
    }),
  );
}
