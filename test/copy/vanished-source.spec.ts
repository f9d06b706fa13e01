/** A source that loses its objects while it is copied: nothing is taken for deleted, and nothing is deleted for it. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { StorageUnavailableError } from '../../lib/contract/index.js';
import type { CopyStorageOptions } from '../../lib/copy/index.js';
import { CopyRun } from '../../lib/copy/copy-run.js';
import { listPairs } from '../../lib/copy/merged-listing.js';
import { ObjectCopier } from '../../lib/copy/object-copier.js';
import { ProgressMeter } from '../../lib/copy/progress.js';
import { Tally } from '../../lib/copy/tally.js';
import { verifyCopy } from '../../lib/copy/verify-copy.js';
import type { StorageService } from '../../lib/storage.service.js';
import { contents, copied, failure, localStorage, memoryStorage } from './rig.js';

const all = { deleteExtra: { confirm: true } } as const;

const aside: string[] = [];
afterEach(() => {
  for (const path of aside.splice(0)) rmSync(path, { recursive: true, force: true });
});

/** Of a volume. */
function unmount(root: string, leavesMountPoint: boolean): void {
  aside.push(`${root}-aside`);
  renameSync(root, `${root}-aside`);
  if (leavesMountPoint) mkdirSync(root);
}

const keysOf = (numbers: readonly number[]) => numbers.map((n) => `k${String(n).padStart(6, '0')}`);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

async function fill<T extends StorageService>(storage: T, count: number): Promise<T> {
  for (const [n, key] of keysOf(upTo(count)).entries()) await storage.put(key, `body ${n}`, { url: false });
  return storage;
}

/** Behind the storage's back, and at once. */
function lose(root: string, keys: readonly string[]): void {
  for (const key of keys) rmSync(join(root, key));
}

/** Does it once so many objects are copied. */
function after(count: number, work: () => void): Pick<CopyStorageOptions, 'concurrency' | 'onObject'> {
  let done = 0;
  return { concurrency: 1, onObject: ({ outcome }) => void (outcome === 'copied' && ++done === count && work()) };
}

describe('a source that is unmounted in the middle of a copy', () => {
  it.each([true, false])('stops it with a typed reason (empty mount point: %s)', async (leavesMountPoint) => {
    const [from, to] = [await fill(await localStorage(), 50), memoryStorage()];
    await to.put('only here', 'x', { url: false });
    const { summary } = await copied({
      from,
      to,
      verify: true,
      ...all,
      ...after(25, () => unmount(from.root, leavesMountPoint)),
    });
    expect(summary.stopped).toBeInstanceOf(StorageUnavailableError);
    expect(summary).toMatchObject({ ok: false, total: { objects: 50 }, deleted: { objects: 0 } });
    expect(summary.gone.objects).toBeLessThan(20);
    expect(Object.keys(await contents(to)).length).toBe(1 + summary.copied.objects);
  });

  it('stops it also where there are but a few objects', async () => {
    const [from, to] = [await fill(await localStorage(), 3), memoryStorage()];
    const { summary } = await copied({ from, to, ...after(1, () => lose(from.root, keysOf([1, 2]))) });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 1 }, stopped: { code: 'unavailable' } });
    expect(summary.stopped!.message).toContain('the source lists 1 of the 3 objects');
  });

  it('stops it before anything is deleted', async () => {
    const [from, to] = [await fill(await localStorage(), 20), memoryStorage()];
    await to.put('only here', 'x', { url: false });
    const { summary } = await copied({ from, to, ...all, ...after(20, () => lose(from.root, keysOf(upTo(15)))) });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 20 }, deleted: { objects: 0 } });
    expect(summary.stopped!.message).toContain('the source lists 5 of the 20 objects');
    expect(Object.keys(await contents(to)).length).toBe(21);
  });
});

describe('a source whose folder is not there', () => {
  it('is an error, and not made; one without objects is copied as such', async () => {
    const root = `${(await localStorage()).root}/mistyped`;
    const from = await localStorage(root);
    for (const options of [{}, { dryRun: true }, all]) {
      const error = await failure(copied({ from, to: memoryStorage(), ...options }));
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toContain('the folder of the source is not there');
    }
    expect(existsSync(root)).toBe(false);
    mkdirSync(root);
    expect((await copied({ from, to: memoryStorage() })).summary).toMatchObject({ ok: true, total: { objects: 0 } });
    expect(readdirSync(root)).toEqual([]);
  });
});

describe('a source from which an app deletes meanwhile', () => {
  it('does not stop a copy, and what it lost stays in the target', async () => {
    const [from, to] = [await fill(await localStorage(), 40), memoryStorage()];
    await to.put('only here', 'x', { url: false });
    const lost = keysOf([0, 1, 30, 31, 32, 33, 34, 35]);
    const { summary } = await copied({ from, to, verify: true, ...all, ...after(10, () => lose(from.root, lost)) });
    expect(summary).toMatchObject({
      ok: true,
      stopped: undefined,
      copied: { objects: 34 },
      gone: { objects: 8 },
      verified: { objects: 32 },
      deleted: { objects: 1 },
    });
    // Deleted from the source after they were copied: seen there by this run, so not left over.
    expect(await to.exists('k000000')).toBe(true);
  });

  // As where both sides are listed once more, since there are too many objects to keep the plan.
  it('is not verified where a later listing lacks objects of the plan', async () => {
    const [from, to] = [await fill(memoryStorage(), 10), await fill(memoryStorage(), 10)];
    const tally = new Tally();
    for (let n = 0; n < 13; n++) tally.add(tally.total, 1);
    const { signal } = new AbortController();
    const meter = new ProgressMeter(
      undefined,
      () => 0,
      () => undefined,
    );
    const facts = { from, to, prefix: '', signal, concurrency: 2, dryRun: false, tally, meter };
    const run = new CopyRun({ ...facts, onObject: undefined, extras: undefined });
    const copier = new ObjectCopier(run, { overwrite: false, journal: undefined, confirmed: undefined });
    const relisted = { kept: false, all: () => listPairs(facts) };
    const error = await failure(verifyCopy(run, relisted, copier));
    expect(error).toMatchObject({ reason: { code: 'unavailable' } });
    expect(error.message).toContain('no longer lists 3 of the objects');
    expect(tally.verified.objects).toBe(10);
  });
});
