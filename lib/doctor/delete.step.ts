/** Everything that was written goes again, also what may land only after its write was given up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StorageError } from '../contract/index.js';
import { explain } from './causes.js';
import { factsOf } from './failure-facts.js';
import { fail, skip, type Explanation, type Finding, type Step } from './step.js';
import type { Trial } from './trial.js';
import type { Write } from './writes.js';

/** Seconds at most for which a write that may land yet is waited for. */
const MOST_PATIENCE = 2;

const UNANSWERED: Explanation = {
  cause: 'Nobody answered whether the object was stored, and it may be so only later.',
  advice: 'Look for it in a while, and delete it.',
};

const STILL_THERE = [
  'The store says that the object is deleted, and still has it.',
  'Look for a cache before the store.',
] as const;

/** Why a key could not be deleted; undefined where the store says that it was, and still has it. */
type Left = Map<Write, unknown>;

async function isThere({ storage }: Trial, key: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await storage.exists(key, { signal });
  } catch (error) {
    // Who may not list is not told what is missing.
    if (error instanceof StorageError && factsOf(error).status === 403) return false;
    throw error;
  }
}

/** Tries once to delete what is open, and forgets what is gone. @returns what it could not delete */
async function removeAll(trial: Trial, signal: AbortSignal): Promise<Left> {
  const { storage, writes } = trial;
  const left: Left = new Map();
  for (const write of writes.open) {
    const { key, state, here, running } = write;
    try {
      const wasThere = await storage.delete(key, { signal });
      const strong = storage.capabilities.consistency === 'strong';
      if (state === 'written' && strong && (await isThere(trial, key, signal))) left.set(write, undefined);
      // What was unsure is gone for good where it was there, or can no longer come.
      else if (!running && (wasThere || here || state !== 'unsure')) writes.forget(key);
    } catch (error) {
      // What was never stored need not go.
      if (state === 'refused') writes.forget(key);
      else left.set(write, error);
    }
  }
  return left;
}

/** Ends with the work or the time, whichever is first. */
async function atMost(seconds: number, signal: AbortSignal, work?: Promise<void>): Promise<void> {
  const woken = new AbortController();
  const time = sleep(seconds * 1000, undefined, { signal: AbortSignal.any([signal, woken.signal]) });
  try {
    await Promise.race(work === undefined ? [time] : [time, work]);
  } finally {
    woken.abort();
  }
}

/** What was written is left; what is unsure may be, which is no fault that was found. */
function tellLeft(trial: Trial, left: Left): Finding {
  const keysThat = (was: 'written' | 'unsure') =>
    trial.writes.open.filter(({ state }) => state === was).map(({ key }) => key);
  const [written, unsure] = [keysThat('written'), keysThat('unsure')];
  const named = [
    ...(written.length === 0 ? [] : [`left behind: ${written.join(', ')}`]),
    ...(unsure.length === 0 ? [] : [`may be left: ${unsure.join(', ')}`]),
  ];
  const detail = named.join('; ');
  const error = [...left.values()].find((reason) => reason !== undefined);
  const why = error === undefined ? undefined : explain(error, trial, 'delete');
  if (written.length > 0) return why === undefined ? fail(...STILL_THERE, detail) : fail(why.cause, why.advice, detail);
  const { cause, advice } = UNANSWERED;
  if (why === undefined) return { outcome: 'warned', detail, cause, advice };
  return { outcome: 'warned', detail, cause: `${cause} ${why.cause}`, advice: `${why.advice} ${advice}` };
}

/** Runs whatever failed before, so that nothing is left behind. */
export const deleteStep: Step = {
  id: 'delete',
  title: 'Delete what was written',
  needs: [],
  unfinished: ({ writes }) => {
    const keys = writes.open.filter(({ state }) => state !== 'refused').map(({ key }) => key);
    return keys.length === 0 ? undefined : `may be left: ${keys.join(', ')}`;
  },
  run: async (trial, signal): Promise<Finding> => {
    const { writes, timeout } = trial;
    if (writes.open.length === 0) return skip('nothing was written');
    // A write that was given up would put its object back behind the delete.
    await atMost(timeout / 3, signal, writes.ended());
    const stored = writes.open.some(({ state }) => state !== 'refused');
    let left = await removeAll(trial, signal);
    if (writes.open.some(({ state }) => state === 'unsure')) {
      await atMost(Math.min(timeout / 3, MOST_PATIENCE), signal);
      left = await removeAll(trial, signal);
    }
    if (writes.open.length > 0) return tellLeft(trial, left);
    return stored ? { detail: 'nothing is left' } : skip('nothing was stored');
  },
};
