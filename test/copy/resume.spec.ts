/** The journal: what a second run may skip, what it must not trust, and what becomes of a broken one. */
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rmdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import {
  InvalidOptionsError,
  parseKey,
  StorageUnavailableError,
  type ListPage,
  type ListPageOptions,
  type ObjectInfo,
  type OpenedObject,
  type OpenOptions,
  type StagedObject,
  type StageOptions,
  type StorageKey,
} from '../../lib/contract/index.js';
import { copyStorage, type CopyStorageOptions, type CopySummary } from '../../lib/copy/index.js';
import { ConfirmedObjects } from '../../lib/copy/confirmed-objects.js';
import { digestOf } from '../../lib/copy/digest-table.js';
import { linesOf } from '../../lib/copy/text-lines.js';
import { StorageService } from '../../lib/storage.service.js';
import { ForwardingBackend } from '../../lib/wrappers/forwarding.backend.js';
import { contents, failure, folder, localStorage, memoryStorage, watched } from './rig.js';

function isKey(text: string): boolean {
  try {
    return parseKey(text) === text;
  } catch {
    return false;
  }
}

async function setUp(count = 20) {
  const journal = join(await folder(), 'state/journal.jsonl');
  const { backend: source, storage: from } = watched();
  for (let n = 0; n < count; n++) await from.put(`k${n}`, `body ${n}`, { url: false, metadata: { n } });
  const { backend, storage: to } = watched();
  return { journal, source, from, backend, to };
}

/** Runs a copy that is stopped after so many objects. */
async function stoppedAfter(count: number, options: CopyStorageOptions) {
  const controller = new AbortController();
  let done = 0;
  return copyStorage({
    ...options,
    concurrency: 2,
    signal: controller.signal,
    onObject: ({ outcome }) => void (outcome === 'copied' && ++done === count && controller.abort()),
  });
}

describe('a copy with a journal', () => {
  it('goes on where it was stopped: nothing that was confirmed is read or sent again', async () => {
    const { journal, source, from, backend, to } = await setUp();
    const first = await stoppedAfter(7, { from, to, journal });
    expect(first).toMatchObject({ ok: false, journal });
    const lines = (await readFile(journal, 'utf8')).trimEnd().split('\n');
    const confirmed = lines.slice(1).map((line) => (JSON.parse(line) as { key: string }).key);
    expect(confirmed.length).toBe(first.copied.objects);
    [source.opens, backend.stages] = [[], []];
    const second = await copyStorage({ from, to, journal });
    expect(second).toMatchObject({ ok: true, skipped: { objects: confirmed.length } });
    expect(second.copied.objects).toBe(20 - confirmed.length);
    expect(source.opens.filter((key) => confirmed.includes(key))).toEqual([]);
    expect(backend.stages.filter((key) => confirmed.includes(key))).toEqual([]);
    expect(await contents(to)).toEqual(await contents(from));
    [source.opens, backend.opens] = [[], []];
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 20 } });
    expect([source.opens, backend.opens]).toEqual([[], []]);
  });

  it('does not send again what was stored just before a kill, without its line', async () => {
    const { journal, from, backend, to } = await setUp();
    await copyStorage({ from, to, journal });
    const lines = (await readFile(journal, 'utf8')).split('\n');
    await writeFile(journal, `${lines.slice(0, 8).join('\n')}\n`);
    backend.stages = [];
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 20 } });
    expect(backend.stages).toEqual([]);
    expect((await readFile(journal, 'utf8')).trimEnd().split('\n').length).toBe(21);
  });

  it.each([
    ['a torn last line', (whole: string) => whole.slice(0, -15)],
    ['a header that was cut off', (whole: string) => whole.slice(0, 20)],
    ['an empty file', () => ''],
    ['a broken line in the middle', (whole: string) => whole.replace(/^\{"key":"k3".*$/m, '{"key":"k3","sou')],
  ])('goes on after %s', async (_name, damage) => {
    const { journal, from, backend, to } = await setUp();
    await copyStorage({ from, to, journal });
    await writeFile(journal, damage(await readFile(journal, 'utf8')));
    backend.stages = [];
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 20 } });
    expect(backend.stages).toEqual([]);
    // Every line that is there now is whole, but for the broken one, and the next run trusts them all.
    const reads = backend.opens.length;
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 20 } });
    expect(backend.opens.length).toBe(reads);
  });

  it('knows keys again that hold what other readers take for the end of a line', async () => {
    const { journal, from, backend, to } = await setUp(1);
    const odd = ['line\u2028separator', 'paragraph\u2029separator', 'next\u0085line'].filter((key) => isKey(key));
    expect(odd.length).toBeGreaterThan(1);
    for (const key of odd) await from.put(key, 'x', { url: false });
    await copyStorage({ from, to, journal });
    backend.opens = [];
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 1 + odd.length } });
    expect(backend.opens).toEqual([]);
    const cut = async function* () {
      yield* ['a\u2028', 'b\r', '\u2029\nc', '', '\nd'];
    };
    const read: string[] = [];
    for await (const line of linesOf(cut())) read.push(line);
    expect(read).toEqual(['a\u2028b\r\u2029', 'c', 'd']);
  });

  it('follows its source: what it put there itself is replaced when the source changes, without being asked', async () => {
    const { journal, from, to } = await setUp();
    await copyStorage({ from, to, journal });
    await from.put('k5', 'new body', { url: false });
    await from.put('k99', 'new object', { url: false });
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, copied: { objects: 2 } });
    expect(await contents(to)).toEqual(await contents(from));
  });

  it('leaves what somebody else changed in the target, and takes what became equal again', async () => {
    const { journal, from, to } = await setUp();
    await copyStorage({ from, to, journal });
    await to.put('k5', 'theirs', { url: false });
    await to.put('k6', 'body 6', { url: false, metadata: { n: 6 } });
    const summary = await copyStorage({ from, to, journal });
    expect(summary).toMatchObject({ ok: false, differed: { objects: 1 }, skipped: { objects: 19 } });
    expect(String(await to.get('k5'))).toBe('theirs');
    // Also when the source changes at the same time.
    await from.put('k5', 'ours, too', { url: false });
    expect(await copyStorage({ from, to, journal })).toMatchObject({ differed: { objects: 1 } });
    expect(await copyStorage({ from, to, journal, overwrite: true })).toMatchObject({
      ok: true,
      copied: { objects: 1 },
    });
    expect(String(await to.get('k5'))).toBe('ours, too');
  });

  it('sends again what was deleted from the target', async () => {
    const { journal, from, to } = await setUp();
    await copyStorage({ from, to, journal });
    await to.delete('k5');
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, copied: { objects: 1 } });
  });

  it('tells in a dry run what it knows, and leaves the journal as it is', async () => {
    const { journal, from, to } = await setUp();
    expect(await copyStorage({ from, to, journal, dryRun: true })).toMatchObject({ copied: { objects: 20 } });
    expect(await failure(stat(journal))).toMatchObject({ code: 'ENOENT' });
    await stoppedAfter(5, { from, to, journal });
    const before = await readFile(journal, 'utf8');
    const { skipped } = await copyStorage({ from, to, journal, dryRun: true });
    expect(skipped.objects).toBe(before.trimEnd().split('\n').length - 1);
    expect(await readFile(journal, 'utf8')).toBe(before);
  });
});

/** ETags as stores have them that hash the bytes: equal for equal bytes, whatever the metadata. */
class HashingBackend extends ForwardingBackend {
  stages: string[] = [];

  override async list(options: ListPageOptions): Promise<ListPage> {
    const page = await super.list(options);
    return { ...page, objects: await Promise.all(page.objects.map(({ key }) => this.stat(key))) };
  }

  override async stat(key: StorageKey): Promise<ObjectInfo> {
    return this.#hashed(await super.stat(key));
  }

  override async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    const opened = await super.open(key, options);
    return { ...opened, info: await this.#hashed(opened.info) };
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    this.stages.push(key);
    // The store below knows other etags.
    const staged = await super.stage(key, body, { ...options, ifMatch: undefined });
    return { ...staged, commit: async () => this.#hashed(await staged.commit()) };
  }

  async #hashed(info: ObjectInfo): Promise<ObjectInfo> {
    const bytes = await buffer((await this.inner.open(info.key)).body);
    return { ...info, etag: hash('md5', bytes) };
  }
}

describe('where ETags are hashes of the bytes', () => {
  async function hashing() {
    const journal = join(await folder(), 'journal.jsonl');
    const [source, target] = [new HashingBackend(new MemoryBackend()), new HashingBackend(new MemoryBackend())];
    const [from, to] = [new StorageService(source), new StorageService(target)];
    for (const key of ['a', 'b']) await from.put(key, key, { url: false, metadata: { version: 1 } });
    return { journal, source, from, target, to };
  }
  const version = async (storage: StorageService) => (await storage.getMetadata('a')).metadata.version;

  it('a copy follows what changed in the metadata alone', async () => {
    const { journal, from, target, to } = await hashing();
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, copied: { objects: 2 } });
    // Stores tell whole seconds.
    await sleep(1_100);
    await from.put('a', 'a', { url: false, metadata: { version: 2 } });
    target.stages = [];
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect([target.stages, await version(to)]).toEqual([['a'], '2']);
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 2 } });
  });

  it('what verify finds is no longer skipped by the next run, and mended with overwrite', async () => {
    const { journal, from, target, to } = await hashing();
    await copyStorage({ from, to, journal });
    const spoil = () => to.put('a', 'a', { url: false, metadata: { version: 'theirs' } });
    await spoil();
    // The journal cannot tell.
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 2 } });
    expect(await copyStorage({ from, to, journal, verify: true })).toMatchObject({
      ok: false,
      differed: { objects: 1 },
      verified: { objects: 1 },
    });
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: false, differed: { objects: 1 } });
    expect(await copyStorage({ from, to, journal, overwrite: true })).toMatchObject({
      ok: true,
      copied: { objects: 1 },
    });
    expect(await version(to)).toBe('1');
    // In one run, too.
    await spoil();
    target.stages = [];
    expect(await copyStorage({ from, to, journal, verify: true, overwrite: true })).toMatchObject({
      ok: true,
      copied: { objects: 1 },
      verified: { objects: 2 },
    });
    expect([target.stages, await version(to)]).toEqual([['a'], '1']);
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 2 } });
  });
});

describe('a journal is refused', () => {
  it('when it belongs to another pair of storages or to another prefix, and is left as it is', async () => {
    const journal = join(await folder(), 'journal.jsonl');
    const [from, to, other] = [await localStorage(), await localStorage(), await localStorage()];
    await from.put('a', 'x', { url: false });
    await copyStorage({ from, to, journal });
    const before = await readFile(journal, 'utf8');
    for (const wrong of [
      { from, to: other },
      { from: other, to },
      { from, to, prefix: 'a' },
    ]) {
      expect(await failure(copyStorage({ ...wrong, journal }))).toBeInstanceOf(InvalidOptionsError);
    }
    expect(await readFile(journal, 'utf8')).toBe(before);
    expect(before).not.toContain(from.root);
    expect(await copyStorage({ from, to, journal })).toMatchObject({ ok: true, skipped: { objects: 1 } });
  });

  it('when it is some other file', async () => {
    const { journal, from, to } = await setUp(1);
    await copyStorage({ from, to, journal });
    for (const text of ['my notes', 'my notes\n', '{"kind":"nestjs-storage copy","version":2}\n', '[]\n']) {
      await writeFile(journal, text);
      expect(await failure(copyStorage({ from, to, journal }))).toBeInstanceOf(InvalidOptionsError);
      expect(await readFile(journal, 'utf8')).toBe(text);
    }
  });

  it('while another run holds it, which goes on unharmed', async () => {
    const { journal, from, backend, to } = await setUp();
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let first: Promise<CopySummary> | undefined;
    // Of two that start together either may come to hold the journal: the second waits until the first has it.
    await new Promise<void>((resolve) => {
      backend.beforeCommit = () => (resolve(), held);
      first = copyStorage({ from, to, journal, concurrency: 1 });
    });
    const second = await failure(copyStorage({ from, to, journal }));
    release();
    expect(second).toBeInstanceOf(StorageUnavailableError);
    expect(second.message).toContain('another run of this copy is at work');
    expect(await first).toMatchObject({ ok: true, copied: { objects: 20 } });
  });
});

describe('the lock of a run that was killed', () => {
  const IN_AN_HOUR = new Date(Date.now() + 3_600_000);

  /** Leaves what a run leaves that is killed after one object, with a lock that never grows old. */
  async function killed() {
    const journal = join(await folder(), 'journal.jsonl');
    const [source, target] = [await folder(), await folder()];
    const [from, to] = [await localStorage(source), await localStorage(target)];
    for (let n = 0; n < 20; n++) await from.put(`k${n}`, `body ${n}`, { url: false });
    const library = new URL('../../node_modules/.cache/nestjs-storage/lib/', import.meta.url);
    const script = `
      const { copyStorage } = await import('${new URL('copy/index.js', library).href}');
      const { createStorage } = await import('${new URL('index.js', library).href}');
      const [journal, ...roots] = process.argv.slice(1);
      const [from, to] = await Promise.all(roots.map((root) => createStorage({ backend: 'local', local: { root } })));
      await copyStorage({ from, to, journal, concurrency: 1, onObject: () => process.kill(process.pid, 'SIGKILL') });
    `;
    const args = ['--input-type=module', '-e', script, journal, source, target];
    expect(spawnSync(process.execPath, args).signal).toBe('SIGKILL');
    const lock = `${journal}.lock`;
    await utimes(lock, IN_AN_HOUR, IN_AN_HOUR);
    return { from, to, journal, lock };
  }

  it('does not keep the next run waiting, and nothing of it stays', async () => {
    const { from, to, journal } = await killed();
    const summary = await copyStorage({ from, to, journal });
    expect(summary).toMatchObject({ ok: true, skipped: { objects: 1 }, copied: { objects: 19 } });
    expect(await readdir(dirname(journal))).toEqual(['journal.jsonl']);
  });

  it('is left to whoever has taken it since', async () => {
    const { from, to, journal, lock } = await killed();
    await rmdir(lock);
    await mkdir(lock);
    await utimes(lock, IN_AN_HOUR, IN_AN_HOUR);
    expect(await failure(copyStorage({ from, to, journal }))).toBeInstanceOf(StorageUnavailableError);
    expect(await readdir(dirname(journal))).toContain('journal.jsonl.lock');
  });
});

describe('a journal that cannot be written', () => {
  it('is told before anything is copied', async () => {
    const { from, backend, to } = await setUp();
    const file = join(await folder(), 'file');
    await appendFile(file, '');
    expect(await failure(copyStorage({ from, to, journal: join(file, 'journal') }))).toMatchObject({
      name: 'StorageError',
    });
    expect(backend.stages).toEqual([]);
  });

  it('any more stops the copy with its reason: what it cannot remember is not done', async () => {
    const journal = join(await folder(), 'journal.jsonl');
    const library = new URL('../../node_modules/.cache/nestjs-storage/lib/', import.meta.url);
    const script = `
      process.on('SIGXFSZ', () => {});
      const { copyStorage } = await import('${new URL('copy/index.js', library).href}');
      const { MemoryBackend, StorageService } = await import('${new URL('index.js', library).href}');
      const [from, to] = [new MemoryBackend(), new MemoryBackend()].map((backend) => new StorageService(backend));
      for (let n = 0; n < 200; n++) await from.put('k' + n, 'body', { url: false });
      const summary = await copyStorage({ from, to, journal: process.argv[1], concurrency: 2 });
      const there = await to.listKeys();
      console.log(JSON.stringify({ ok: summary.ok, code: summary.stopped.code, copied: summary.copied.objects, there: there.length }));
    `;
    // No file of this process may grow beyond 4 KiB: the journal meets that limit as it would a full disk.
    const child = spawnSync(
      'bash',
      ['-c', 'ulimit -f 4; exec "$@"', '-', process.execPath, '--input-type=module', '-e', script, journal],
      {
        encoding: 'utf8',
      },
    );
    expect(child.stderr).toBe('');
    const { there, copied, ...outcome } = JSON.parse(child.stdout) as Record<string, number>;
    expect(outcome).toEqual({ ok: false, code: 'quota-exceeded' });
    expect(copied).toBeGreaterThan(10);
    // Of what is under way, and no more, may there be one more than was confirmed.
    expect(there! - copied!).toBeLessThanOrEqual(2);
    expect(there).toBeLessThan(200);
  });
});

describe('the default journal', () => {
  it('is kept in the folder for state, one for each pair and prefix, and none where a place cannot be told', async () => {
    const state = await folder();
    const before = process.env['XDG_STATE_HOME'];
    process.env['XDG_STATE_HOME'] = state;
    try {
      const [from, to] = [await localStorage(), await localStorage()];
      await from.put('a/b', 'x', { url: false });
      const [all, part] = [await copyStorage({ from, to }), await copyStorage({ from, to, prefix: 'a/' })];
      expect(all.journal).toMatch(new RegExp(`^${state}/nestjs-storage/copy/[0-9a-f]{32}\\.jsonl$`));
      expect(part.journal).not.toBe(all.journal);
      expect(await copyStorage({ from, to })).toMatchObject({ skipped: { objects: 1 }, journal: all.journal });
      expect((await stat(all.journal!)).mode & 0o777).toBe(0o600);
      expect((await copyStorage({ from, to: memoryStorage() })).journal).toBeUndefined();
    } finally {
      if (before === undefined) delete process.env['XDG_STATE_HOME'];
      else process.env['XDG_STATE_HOME'] = before;
    }
  });
});

describe('what is confirmed', () => {
  it('is found again among a hundred thousand, in at most 64 bytes each', () => {
    const confirmed = new ConfirmedObjects();
    for (let n = 0; n < 100_000; n++) confirmed.set(`key ${n}`, `s${n}`, `t${n}`);
    confirmed.set('key 7', 'other', 't7');
    expect(confirmed.count).toBe(100_000);
    for (const n of [0, 1, 99_999, 54_321]) {
      expect(confirmed.get(`key ${n}`)).toEqual({ source: digestOf(`s${n}`), target: digestOf(`t${n}`) });
    }
    expect(confirmed.get('key 7')?.source).toBe(digestOf('other'));
    expect(confirmed.get('key 100000')).toBeUndefined();
    expect(confirmed.bytes).toBeLessThanOrEqual(64 * 100_000);
    for (let n = 0; n < 100_000; n += 2) confirmed.revoke(`key ${n}`);
    confirmed.revoke('key 0');
    confirmed.revoke('no such key');
    confirmed.set('key 2', 's2', 't2');
    expect(confirmed.count).toBe(50_001);
    expect([confirmed.get('key 4'), confirmed.get('key 2')?.target]).toEqual([undefined, digestOf('t2')]);
    // Through another growth.
    for (let n = 100_000; n < 300_000; n++) confirmed.set(`key ${n}`, 's', 't');
    expect([confirmed.count, confirmed.get('key 4')]).toEqual([250_001, undefined]);
  });
});
