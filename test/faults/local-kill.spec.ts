/** SIGKILL in the middle of writes to the local backend: the old object stays whole, and nothing is left lying about. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fsck, LocalBackend } from '../../lib/backends/local/index.js';
import { parseKey } from '../../lib/contract/index.js';
import { compiled } from './compiled.js';

let code: string;
let root: string;

beforeAll(async () => {
  code = compiled();
  root = await mkdtemp(join(tmpdir(), 'local-kill-'));
});

afterAll(async () => {
  await rm(code, { recursive: true });
  await rm(root, { recursive: true });
});

/** Starts a child, waits until it says that every upload is under way, kills it a little later. */
async function killDuring(mode: 'stream' | 'overwrite', keys: readonly string[], later: number): Promise<void> {
  const script = join(code, 'test/faults/children/upload-until-killed.js');
  const child = spawn(process.execPath, [script, root, mode, ...keys], { stdio: ['ignore', 'pipe', 'pipe'] });
  const complaint = text(child.stderr);
  const exit = once(child, 'exit');
  let started = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'started' && ++started === keys.length) break;
  }
  if (started < keys.length) throw new Error(`the child did not start: ${await complaint}`);
  await sleep(later);
  child.kill('SIGKILL');
  expect((await exit)[1]).toBe('SIGKILL');
}

async function put(backend: LocalBackend, key: string, body: string, version: string): Promise<void> {
  const bytes = async function* () {
    yield Buffer.from(body);
  };
  await (await backend.stage(parseKey(key), bytes(), { contentType: 'text/x-old', metadata: { version } })).commit();
}

async function listed(backend: LocalBackend): Promise<string[]> {
  return (await backend.list({ prefix: '', limit: 1000 })).objects.map(({ key }) => key);
}

describe('a process that is killed', () => {
  it('in the middle of 50 uploads leaves each old object whole, lists nothing new, and is swept after', async () => {
    const keys = Array.from({ length: 50 }, (_, n) => `reports/${n % 5}/old ${n}.txt`).sort();
    const before = new LocalBackend({ root, durability: 'rename' });
    for (const key of keys) await put(before, key, `old bytes of ${key}`.repeat(1000), 'old');
    await before.close();

    for (let at = 0; at < keys.length; at += 10) {
      const here = keys.slice(at, at + 10);
      await killDuring('stream', here, at / 2);
      const left = await readdir(join(root, '.nestjs-storage/tmp'));
      expect(left).toHaveLength(10);

      const after = new LocalBackend({ root });
      expect(await listed(after)).toEqual(keys);
      for (const key of here) {
        const { info, body } = await after.open(parseKey(key));
        expect(await text(body)).toBe(`old bytes of ${key}`.repeat(1000));
        expect(info).toMatchObject({ contentType: 'text/x-old', metadata: { version: 'old' } });
      }
      // The first write sweeps.
      await after.check({ write: true });
      expect(await readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
      await after.close();
    }
    const { counts, objects, adopted } = await fsck({ root, minAge: 0 });
    expect({ objects, adopted }).toEqual({ objects: 50, adopted: 0 });
    expect(Object.values(counts).every((count) => count === 0)).toBe(true);
  });

  it('between two steps of a commit leaves one version, whole, with its own metadata', async () => {
    const folder = 'commits';
    for (let round = 0; round < 8; round++) {
      const key = `${folder}/${round}`;
      await killDuring('overwrite', [key], 10 + round * 3);
      const after = new LocalBackend({ root });
      const { info, body } = await after.open(parseKey(key));
      const version = Number(info.metadata.version);
      expect(version).toBeGreaterThan(0);
      expect(await text(body)).toBe(`version ${version};`.repeat(version));
      // The first write sweeps.
      await after.check({ write: true });
      expect(await readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
      await after.close();
    }
    // At most the record that was due to go when its process died is still there; repair removes those.
    const mended = await fsck({ root, minAge: 0, repair: true });
    expect(mended.counts).toMatchObject({ 'unreadable-record': 0, 'changed-file': 0, 'restored-record': 0 });
    expect((await fsck({ root, minAge: 0 })).findings).toEqual([]);
  });
});
