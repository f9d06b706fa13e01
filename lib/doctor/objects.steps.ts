/** What a storage is for: an object written, read back, read in part and listed. */
import { buffer } from 'node:stream/consumers';
import { fail, skip, type Step } from './step.js';
import type { Trial, TrialObject } from './trial.js';

/** Most bytes that are read of an object which was there before. */
const MOST_READ = 1024;

/** Objects looked at for one that is not empty. */
const LOOKED_AT = 20;

/** Kinds that store nothing any more once a write has ended: no server has it on its way. */
const WRITES_HERE = new Set(['local', 'memory']);

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
    const here = WRITES_HERE.has(trial.kind);
    await trial.writes.track(key, here, async () =>
      trial.storage.put(key, bytes, { contentType: 'application/octet-stream', url: false, signal }),
    );
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
