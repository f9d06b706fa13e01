/** What a storage is for: an object written, read back, read in part, listed and deleted. */
import { buffer } from 'node:stream/consumers';
import { StorageError, StorageFileNotFoundError } from '../contract/index.js';
import { explain } from './causes.js';
import { factsOf } from './failure-facts.js';
import { fail, skip, type Finding, type Step } from './step.js';
import type { Trial, TrialObject } from './trial.js';

/** Most bytes that are read of an object which was there before. */
const MOST_READ = 1024;

/** Objects looked at for one that is not empty. */
const LOOKED_AT = 20;

/** A read-only storage is tried with an object that it holds. */
async function someObject(trial: Trial, signal: AbortSignal): Promise<TrialObject | undefined> {
  const { files } = await trial.storage.listPage({ limit: LOOKED_AT, signal });
  const file = files.find(({ size }) => size > 0);
  if (file === undefined) return undefined;
  const end = Math.min(file.size, MOST_READ) - 1;
  const bytes = await trial.storage.get(file.key, { range: { start: 0, end }, signal });
  return { key: file.key, bytes, whole: bytes.length === file.size };
}

export const writeStep: Step = {
  id: 'write',
  title: 'Write a small object',
  needs: ['backend', 'access', 'folder', 'space'],
  run: async (trial, signal) => {
    if (trial.readOnly) return skip('the storage is read-only');
    const key = trial.keyOf('check.bin');
    const bytes = trial.newBytes();
    trial.attempted.set(key, false);
    await trial.storage.put(key, bytes, { contentType: 'application/octet-stream', url: false, signal });
    trial.attempted.set(key, true);
    trial.object = { key, bytes, whole: true };
    return { detail: `${bytes.length} bytes` };
  },
};

const NOTHING_THERE = 'the storage is read-only and holds no object to try with';

/** @throws StepFailure where other bytes came back than were written */
export function assertSame(got: Uint8Array, wanted: Buffer, from: string): void {
  if (wanted.equals(got)) return;
  const shorter = got.length === wanted.length ? 'other bytes' : `${got.length} bytes in place of ${wanted.length}`;
  fail(
    `${from} gave back something else than was written: ${shorter}.`,
    'Something between changes the bytes (a proxy, a cache, a worker), or what answers is not the store.',
  );
}

export const readStep: Step = {
  id: 'read',
  title: 'Read it back',
  needs: ['write'],
  run: async (trial, signal) => {
    if (trial.readOnly && !trial.mayNotList) trial.object = await someObject(trial, signal);
    const { object, storage } = trial;
    if (object === undefined) return skip(NOTHING_THERE);
    if (!object.whole || trial.readOnly) return { detail: `${object.bytes.length} bytes of an object that was there` };
    const { body, file } = await storage.open(object.key, { signal });
    assertSame(await buffer(body), object.bytes, 'The store');
    return { detail: `${file.size} bytes, the same` };
  },
};

export const rangeStep: Step = {
  id: 'range',
  title: 'Read a part of it',
  needs: ['read'],
  run: async ({ object, storage }, signal) => {
    if (object === undefined) return skip(NOTHING_THERE);
    const { key, bytes } = object;
    const range = { start: bytes.length >> 2, end: bytes.length >> 1 };
    if (range.end >= bytes.length) return skip('the object is too small to have parts');
    const got = await storage.get(key, { range, signal });
    assertSame(got, bytes.subarray(range.start, range.end + 1), 'The store, asked for a part,');
    return { detail: `bytes ${range.start} to ${range.end}` };
  },
};

export const listStep: Step = {
  id: 'list',
  title: 'List it',
  needs: ['write'],
  run: async (trial, signal) => {
    const { object, storage, prefix } = trial;
    if (trial.readOnly) {
      const { files, cursor } = await storage.listPage({ limit: LOOKED_AT, signal });
      return { detail: `${files.length}${cursor === undefined ? '' : ' or more'} objects` };
    }
    const keys = await storage.listKeys(`${prefix}/`, { signal });
    if (object === undefined || keys.includes(object.key)) return { detail: 'found' };
    // https://cloudinary.com/documentation/admin_api#get_resources
    if (storage.capabilities.consistency === 'eventual') return { detail: 'not yet: listings of this store lag' };
    return fail(
      'The object that was just written is not in the listing.',
      'What answers may be a cache, or several stores behind one address that do not know of each other.',
    );
  },
};

/** Deletes what may have been written. @returns what is left, with the reason */
async function removeAll({ attempted, storage }: Trial, signal: AbortSignal): Promise<Map<string, unknown>> {
  const left = new Map<string, unknown>();
  for (const [key, written] of attempted) {
    try {
      await storage.delete(key, { signal });
      if (written && storage.capabilities.consistency === 'strong' && (await isThere(storage, key, signal))) {
        left.set(key, undefined);
      }
    } catch (error) {
      // What was never stored need not go.
      if (written && !(error instanceof StorageFileNotFoundError)) left.set(key, error);
    }
  }
  return left;
}

async function isThere(storage: Trial['storage'], key: string, signal: AbortSignal): Promise<boolean> {
  try {
    return await storage.exists(key, { signal });
  } catch (error) {
    // Who may not list is not told what is missing.
    if (error instanceof StorageError && factsOf(error).status === 403) return false;
    throw error;
  }
}

/** Runs whatever failed before, so that nothing is left behind. */
export const deleteStep: Step = {
  id: 'delete',
  title: 'Delete what was written',
  needs: [],
  run: async (trial, signal): Promise<Finding> => {
    if (trial.attempted.size === 0) return skip('nothing was written');
    const written = [...trial.attempted.values()].some(Boolean);
    const left = await removeAll(trial, signal);
    if (left.size === 0) return written ? { detail: 'nothing is left' } : skip('nothing was stored');
    const error = [...left.values()].find((reason) => reason !== undefined);
    const detail = `left behind: ${[...left.keys()].join(', ')}`;
    if (error === undefined) {
      fail(
        'The store says that the object is deleted, and still has it.',
        'Look for a cache before the store.',
        detail,
      );
    }
    const { cause, advice } = explain(error, trial, 'delete');
    return fail(cause, advice, detail);
  },
};
