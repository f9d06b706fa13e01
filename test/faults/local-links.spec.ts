/** Symbolic links below the root of the local store: refused, hidden, and no way out even when swapped in midway. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { parseKey, PermissionDeniedError, StorageError } from '../../lib/contract/index.js';
import { failure, keys, LocalRig, once, put, read } from '../backends/local-rig.js';

let rig: LocalRig;

beforeEach(() => {
  rig = new LocalRig();
});

afterEach(() => rig.end());

describe('a symbolic link below the root', () => {
  it('is refused wherever it stands, and hidden', async () => {
    const outside = await rig.folder();
    await fs.mkdir(join(outside, 'folder'));
    await fs.writeFile(join(outside, 'folder/file'), 'outside');
    const real = await rig.folder();
    const link = join(await rig.folder(), 'root');
    await fs.symlink(real, link);
    for (const descriptors of [true, false]) {
      const backend = rig.backend(link, { descriptors });
      await put(backend, 'inside/file', 'inside');
      await fs.symlink(join(outside, 'folder'), join(real, 'linked'));
      await fs.symlink(join(outside, 'folder/file'), join(real, 'inside/link'));
      await fs.symlink(join(real, 'inside/file'), join(real, 'inside/alias'));
      await fs.symlink('nowhere', join(real, 'inside/dangling'));
      for (const name of ['linked/file', 'inside/link', 'inside/alias', 'inside/dangling', 'linked']) {
        const key = parseKey(name);
        for (const attempt of [
          () => backend.open(key),
          () => backend.stat(key),
          () => put(backend, name, 'through'),
          () => put(backend, name, 'through', { ifNoneMatch: '*' }),
          () => backend.delete(key),
          () => backend.copy(key, parseKey('copied')),
          () => backend.move(key, parseKey('moved')),
          () => backend.copy(parseKey('inside/file'), key),
          () => backend.move(parseKey('inside/file'), key),
        ]) {
          expect([name, await failure(attempt())]).toEqual([name, expect.any(PermissionDeniedError)]);
        }
      }
      expect(await failure(put(backend, 'linked/new/deep', 'x'))).toBeInstanceOf(PermissionDeniedError);
      expect(await keys(backend)).toEqual(['inside/file']);
      expect(await keys(backend, 'linked/')).toEqual([]);
      expect((await backend.list({ prefix: '', delimiter: '/', limit: 9 })).prefixes).toEqual(['inside/']);
      expect(await fs.readdir(outside, { recursive: true })).toEqual(['folder', 'folder/file']);
      expect(await fs.readFile(join(outside, 'folder/file'), 'utf8')).toBe('outside');
      for (const name of ['linked', 'inside/link', 'inside/alias', 'inside/dangling']) await fs.rm(join(real, name));
    }
  });

  it('that is swapped in between two calls leads nobody out', async () => {
    const outside = await rig.folder();
    await fs.mkdir(join(outside, 'deep'));
    const bait = ['file', 'deep/file', 'victim'];
    for (const name of bait) await fs.writeFile(join(outside, name), 'outside');
    const root = await rig.folder();
    const backend = rig.backend(root, { metadataGrace: 0 });
    await put(backend, 'swapped/file', 'inside');
    await put(backend, 'swapped/deep/file', 'inside');
    await put(backend, 'safe', 'inside');

    let swaps = 0;
    const stop = new AbortController();
    const path = join(root, 'swapped');
    // A put may make the folder anew while it is away.
    const inPlace = async (make: () => Promise<void>) => {
      for (;;) {
        try {
          return await make();
        } catch {
          // A put may be filling it at this very moment: the next round tries again.
          await fs.rm(path, { recursive: true, force: true }).catch(() => undefined);
        }
      }
    };
    const swap = async () => {
      while (!stop.signal.aborted) {
        await fs.rename(path, join(root, '.aside'));
        await inPlace(() => fs.symlink(outside, path));
        await fs.rm(path);
        await inPlace(() => fs.rename(join(root, '.aside'), path));
        swaps++;
      }
    };
    const swapping = swap();
    const seen = new Set<string>();
    const listed = new Set<string>();
    const failures = new Set<string>();
    let done = 0;
    const attempt = async (task: () => Promise<unknown>) => {
      try {
        await task();
        done++;
      } catch (error) {
        failures.add(error instanceof StorageError ? error.code : String(error));
      }
    };
    const until = Date.now() + 3_000;
    const load = async (lane: number) => {
      for (let round = 0; round < 200 && Date.now() < until; round++) {
        const name = ['swapped/file', 'swapped/deep/file'][round % 2]!;
        await attempt(async () => seen.add(await read(backend, name)));
        await attempt(async () => seen.add(String((await backend.stat(parseKey(name))).metadata.about)));
        await attempt(() => put(backend, name, 'inside'));
        await attempt(() => put(backend, `swapped/new/${lane}`, 'inside'));
        await attempt(() => backend.delete(parseKey('swapped/victim')));
        await attempt(() => backend.copy(parseKey(name), parseKey(`copy ${lane}`)));
        await attempt(async () => seen.add(await read(backend, `copy ${lane}`)));
        await attempt(() => backend.move(parseKey('swapped/victim'), parseKey('stolen')));
        for (const key of await keys(backend, 'swapped/')) listed.add(key);
        await attempt(async () =>
          (
            await backend.stage(parseKey('safe'), once('inside'), {
              contentType: 'text/x-test',
              metadata: { about: 'safe' },
            })
          ).commit(),
        );
      }
    };
    await Promise.all([load(0), load(1), load(2)]);
    stop.abort();
    await swapping;

    expect(swaps).toBeGreaterThan(10);
    expect(done).toBeGreaterThan(10);
    expect(failures).toContain('permission-denied');
    expect([...failures].filter((reason) => !KNOWN.has(reason))).toEqual([]);
    expect([...seen].filter((text) => text.includes('outside'))).toEqual([]);
    expect(listed.has('swapped/victim')).toBe(false);
    expect((await fs.readdir(outside, { recursive: true })).sort()).toEqual(['deep', ...bait].sort());
    for (const name of bait) expect(await fs.readFile(join(outside, name), 'utf8')).toBe('outside');
    expect(await read(backend, 'safe')).toBe('inside');
    expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
  });
});

/** What may come of a path that is pulled away under an operation. */
const KNOWN = new Set(['permission-denied', 'not-found', 'unavailable', 'key-conflict']);
