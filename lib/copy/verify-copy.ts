/** Reads both sides of every object once more, and tells where they are not equal. */
import { StorageFileNotFoundError } from '../contract/index.js';
import { compareObjects } from './compare-objects.js';
import type { CopyRun } from './copy-run.js';
import { inParallel } from './in-parallel.js';
import { listPairs } from './merged-listing.js';

export async function verifyCopy(run: CopyRun): Promise<void> {
  const { from, to, tally, meter, signal, concurrency, onObject } = run.facts;
  tally.forgetDifferences();
  await inParallel(listPairs(run.facts), concurrency, async ({ key, source }) => {
    if (!source) return;
    run.throwIfStopped();
    const { size } = source;
    try {
      const { differences } = await compareObjects(from, to, key, signal);
      meter.done(size);
      if (differences.length === 0) {
        tally.add(tally.verified, size);
        return;
      }
      const object = { key, size, outcome: 'differed', differences } as const;
      tally.count(object);
      onObject?.(object);
    } catch (error) {
      // Gone from the source since it was listed.
      if (error instanceof StorageFileNotFoundError) meter.done(size);
      else await run.fail(key, size, error);
    }
  });
}
