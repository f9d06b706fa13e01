/** Copies: what is equal afterwards, what is left alone, and what becomes of failures. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { LocalBackend } from '../../lib/backends/local/index.js';
import {
  InvalidOptionsError,
  OperationAbortedError,
  PermissionDeniedError,
  StorageFileNotFoundError,
  StorageUnavailableError,
  type OpenedObject,
  type StagedObject,
  type StageOptions,
  type StorageBackend,
  type StorageKey,
} from '../../lib/contract/index.js';
import { copyStorage, type CopyProgress } from '../../lib/copy/index.js';
import { FakeStorage } from '../../lib/testing/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { ForwardingBackend } from '../../lib/wrappers/forwarding.backend.js';
import {
  contents,
  copied,
  failure,
  filesIn,
  folder,
  localStorage,
  memoryStorage,
  openDescriptors,
  watched,
} from './rig.js';

/** The disk loses a bit of one object once it was staged. */
class SpoilingBackend extends ForwardingBackend {
  constructor(
    inner: StorageBackend,
    readonly key: string,
    readonly matches: boolean,
  ) {
    super(inner);
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    const staged = await super.stage(key, body, options);
    if (key === this.key) await this.#spoil(staged.info.size);
    return { ...staged, ...(!this.matches && { matches: undefined }) };
  }

  async #spoil(size: number): Promise<void> {
    const temporary = fileURLToPath(new URL('.nestjs-storage/tmp/', this.location));
    const [name, ...others] = await readdir(temporary);
    expect(others).toEqual([]);
    const file = await open(join(temporary, name!), 'r+');
    await file.write('?', size - 1);
    await file.close();
  }
}

const large = Buffer.alloc(700_000, 'abcdefg');

async function filled(storage: StorageService): Promise<StorageService> {
  await storage.put('plain.txt', 'hello', { url: false });
  await storage.put('empty', '', { url: false, contentType: 'application/x-none' });
  await storage.put('größe/ключ 🎉.json', '{"a":1}', {
    url: false,
    contentType: 'application/json; charset=utf-8',
    metadata: { title: 'Übersicht – 概要 🎉', 'with-dash': 'a', under_score: '  two  blanks ' },
    cacheControl: 'public, max-age=60',
    contentDisposition: "attachment; filename*=UTF-8''a%20b.json",
  });
  await storage.put('large.bin', large, { url: false, metadata: { n: 1 } });
  for (let n = 0; n < 40; n++) await storage.put(`many/${n}.txt`, `file ${n}`, { url: false });
  return storage;
}

describe('a copy', () => {
  it.each([
    ['local', 'memory'],
    ['memory', 'local'],
    ['local', 'local'],
  ] as const)('from %s to %s keeps bytes, type, metadata and headers', async (source, target) => {
    const make = (kind: 'local' | 'memory') => (kind === 'local' ? localStorage() : memoryStorage());
    const [from, to] = [await filled(await make(source)), await make(target)];
    const { summary } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: true, dryRun: false, stopped: undefined, journal: undefined, failures: [] });
    expect(summary.copied).toEqual({ objects: 44, bytes: summary.total.bytes });
    expect(summary.total.objects).toBe(44);
    expect(await contents(to)).toEqual(await contents(from));
  });

  it('takes only what begins with the prefix', async () => {
    const [from, to] = [await filled(memoryStorage()), memoryStorage()];
    const { summary } = await copied({ from, to, prefix: 'many/1' });
    expect(Object.keys(await contents(to)).length).toBe(11);
    expect(summary.total.objects).toBe(11);
  });

  it('goes through a listing of more objects than are kept in memory, and through an empty one', async () => {
    const from = memoryStorage();
    await Promise.all(Array.from({ length: 10_050 }, (_, n) => from.put(`k${n}`, '', { url: false })));
    const to = memoryStorage();
    expect((await copied({ from, to })).summary.copied.objects).toBe(10_050);
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true, skipped: { objects: 10_050 } });
    const { summary } = await copied({ from: memoryStorage(), to });
    expect(summary).toMatchObject({ ok: true, total: { objects: 0, bytes: 0 }, extra: { objects: 10_050 } });
  });

  it('counts what the source passes over in its listing, and the target not', async () => {
    const [{ backend: source, storage: from }, { backend: target, storage: to }] = [watched(), watched()];
    await filled(from);
    source.passedOver = 3;
    target.passedOver = 5;
    expect((await copied({ from, to, verify: true })).summary).toMatchObject({ ok: true, passedOver: 3 });
    expect((await copied({ from: memoryStorage(), to })).summary).toMatchObject({ passedOver: 0 });
  });

  it('keeps to its concurrency, and uses it', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    backend.beforeStage = () => sleep(2);
    await copied({ from, to, concurrency: 5 });
    expect(backend.atMost).toBe(5);
  });

  it('tells its progress to the end, with totals that stay', async () => {
    const [from, to] = [await filled(memoryStorage()), memoryStorage()];
    const told: CopyProgress[] = [];
    const { total } = await copyStorage({
      from,
      to,
      verify: true,
      journal: false,
      onProgress: (progress) => told.push(progress),
    });
    // A slow machine is told more often.
    const changes = told.filter(({ phase }, at) => phase !== told[at - 1]?.phase);
    expect(changes.map(({ phase }) => phase).filter((phase) => phase !== 'planning')).toEqual([
      'copying',
      'verifying',
      'done',
    ]);
    const copying = told.find(({ phase }) => phase === 'copying');
    expect(copying).toMatchObject({ objectsTotal: 44, bytesTotal: total.bytes, totalsAreFinal: true, failed: 0 });
  });

  it('tells the bytes of a large object while they pass, and a rate from which the time left follows', async () => {
    const from = memoryStorage();
    await from.put('large', Buffer.alloc(2_000_000), { url: false });
    await from.put('other', Buffer.alloc(2_000_000), { url: false });
    const { backend, storage: to } = watched();
    backend.beforeCommit = (key) => (key === 'other' ? sleep(700) : undefined);
    const told: CopyProgress[] = [];
    await copyStorage({ from, to, journal: false, concurrency: 1, onProgress: (progress) => told.push(progress) });
    const during = told.filter(({ phase, objectsDone }) => phase === 'copying' && objectsDone === 1);
    expect(during.length).toBeGreaterThan(0);
    expect(during.at(-1)).toMatchObject({ bytesDone: 4_000_000, bytesTotal: 4_000_000 });
    expect(during[0]!.bytesPerSecond).toBeGreaterThan(0);
    expect(during[0]!.secondsLeft).toBeGreaterThan(0);
  });
});

describe('what the target has already', () => {
  it('is skipped where it is equal, and never sent again', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    await copied({ from, to });
    backend.stages = [];
    const { summary } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: true, skipped: summary.total, copied: { objects: 0 } });
    expect(backend.stages).toEqual([]);
  });

  it.each([
    ['size', 'other!', {}],
    ['bytes', 'jello', {}],
    ['contentType', 'hello', { contentType: 'text/html' }],
    ['metadata', 'hello', { metadata: { a: 'b' } }],
    ['cacheControl', 'hello', { cacheControl: 'no-store' }],
    ['contentDisposition', 'hello', { contentDisposition: 'inline' }],
  ] as const)('is left where its %s differs, and replaced with overwrite', async (difference, body, options) => {
    const [from, to] = [memoryStorage(), memoryStorage()];
    await from.put('a.txt', 'hello', { url: false });
    await to.put('a.txt', body, { url: false, ...options });
    const before = await contents(to);
    const { summary, objects } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: false, differed: { objects: 1, bytes: 5 } });
    expect(objects['a.txt']).toEqual({ key: 'a.txt', size: 5, outcome: 'differed', differences: [difference] });
    expect(summary.differences).toEqual([objects['a.txt']]);
    expect(await contents(to)).toEqual(before);
    expect((await copied({ from, to, overwrite: true })).summary).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect(await contents(to)).toEqual(await contents(from));
  });

  it.each([
    ['holds the condition', ['single', 'multipart'] as const],
    ['is looked at late', [] as const],
  ])('is never overwritten by a copy that was overtaken, on a store that %s', async (_name, kinds) => {
    const from = memoryStorage();
    await from.put('a.txt', 'from the source', { url: false });
    const { backend, storage: to } = watched({ createOnly: kinds, ifMatch: kinds });
    backend.beforeStage = async () => {
      backend.beforeStage = () => undefined;
      const staged = await backend.stage('a.txt' as never, Readable.from([Buffer.from('theirs')]), {
        contentType: 'text/plain',
        metadata: {},
      });
      await staged.commit();
    };
    const { objects } = await copied({ from, to });
    expect(objects['a.txt']).toMatchObject({ outcome: 'differed' });
    expect(String(await to.get('a.txt'))).toBe('theirs');
  });

  it('is asked key by key where it lists in no order or late', async () => {
    const from = await filled(memoryStorage());
    for (const capabilities of [{ ordering: 'none' }, { consistency: 'eventual' }] as const) {
      const { backend, storage: to } = watched(capabilities);
      await to.put('many/3.txt', 'other', { url: false });
      const first = await copied({ from, to });
      expect(first.summary).toMatchObject({ copied: { objects: 43 }, differed: { objects: 1 }, extra: undefined });
      backend.stages = [];
      expect((await copied({ from, to })).summary).toMatchObject({ skipped: { objects: 43 } });
      expect(backend.stages).toEqual([]);
    }
  });

  it('is found also where the source lists in no order', async () => {
    const { storage: from } = watched({ ordering: 'none' });
    await filled(from);
    const to = memoryStorage();
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true, copied: { objects: 44 } });
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true, skipped: { objects: 44 } });
  });
});

describe('a dry run', () => {
  it('tells what would be done, and writes nothing', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    await to.put('plain.txt', 'hello', { url: false });
    await to.put('large.bin', 'other', { url: false });
    await to.put('only here', 'x', { url: false });
    const before = await contents(to);
    backend.stages = [];
    const { summary, objects } = await copied({ from, to, dryRun: true, deleteExtra: { confirm: true } });
    expect(summary).toMatchObject({
      dryRun: true,
      copied: { objects: 42 },
      skipped: { objects: 1 },
      differed: { objects: 1 },
      deleted: { objects: 1, bytes: 1 },
    });
    expect(objects['only here']).toMatchObject({ outcome: 'deleted' });
    expect(backend.stages).toEqual([]);
    expect(await contents(to)).toEqual(before);
  });
});

describe('verify', () => {
  it('reads both sides and finds a flipped byte, a lost object and other metadata', async () => {
    const [from, { backend, storage: to }] = [await filled(memoryStorage()), watched()];
    const { summary: good } = await copied({ from, to, verify: true });
    expect(good).toMatchObject({ ok: true, verified: good.total });
    backend.onOpen = (opened) => (opened.info.key === 'large.bin' ? { ...opened, body: flipped(opened) } : opened);
    await to.put('plain.txt', 'hello', { url: false, metadata: { x: 1 } });
    const { summary, objects } = await copied({ from, to, verify: true });
    expect(summary).toMatchObject({ ok: false, differed: { objects: 2 }, verified: { objects: 42 } });
    expect(objects['large.bin']).toMatchObject({ outcome: 'differed', differences: ['bytes'] });
    expect(objects['plain.txt']).toMatchObject({ outcome: 'differed', differences: ['metadata'] });
  });

  it('finds what a target lost right after taking it', async () => {
    const from = await filled(memoryStorage());
    const to = memoryStorage();
    const lose = (key: string) => (key === 'many/7.txt' ? void to.delete(key) : undefined);
    const { summary, objects } = await copied({ from, to, verify: true, onObject: ({ key }) => lose(key) });
    expect(summary).toMatchObject({ ok: false, differed: { objects: 1 } });
    expect(objects['many/7.txt']).toMatchObject({ differences: ['missing'] });
  });
});

function flipped({ body }: OpenedObject): Readable {
  return Readable.from(
    (async function* () {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        const changed = Buffer.from(chunk);
        changed[changed.length - 1]! ^= 1;
        yield changed;
      }
    })(),
    { objectMode: false },
  );
}

describe('failures', () => {
  it('of single objects are told, and do not stop the rest', async () => {
    const from = new FakeStorage();
    await from.seed(Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, `body ${n}`])));
    const to = new FakeStorage();
    from.failNext('get', new PermissionDeniedError({ operation: 'get' }), { key: 'k3' });
    to.failNext('commit', new StorageUnavailableError({ operation: 'put' }), { key: 'k4' });
    const { summary, objects } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 18 }, failed: { objects: 2 }, stopped: undefined });
    expect(objects['k3']).toMatchObject({ outcome: 'failed', error: { code: 'permission-denied' } });
    expect(summary.failures.map(({ key }) => key).sort()).toEqual(['k3', 'k4']);
    to.assertFailuresUsed();
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true, copied: { objects: 2 } });
  });

  it('that hit every object stop the copy early, with their typed error', async () => {
    const from = await filled(memoryStorage());
    const to = new FakeStorage();
    for (let n = 0; n < 44; n++) to.failNext('put', new PermissionDeniedError({ operation: 'put' }));
    to.failNext('checkHealth', new PermissionDeniedError({ operation: 'checkHealth' }));
    const { summary } = await copied({ from, to, concurrency: 1 });
    expect(summary.stopped).toBeInstanceOf(PermissionDeniedError);
    expect(summary).toMatchObject({ ok: false, failed: { objects: 5 }, copied: { objects: 0 } });
  });

  it('of many objects in a row do not stop it while the storage itself is well', async () => {
    const from = await filled(memoryStorage());
    const to = new FakeStorage();
    for (let n = 0; n < 12; n++) to.failNext('put', new PermissionDeniedError({ operation: 'put' }));
    const { summary } = await copied({ from, to, concurrency: 1 });
    expect(summary).toMatchObject({ stopped: undefined, failed: { objects: 12 }, copied: { objects: 32 } });
  });

  it('of a source that breaks off in the middle are met by one more look, and leave nothing half', async () => {
    const { backend, storage: from } = watched();
    await from.put('large.bin', large, { url: false });
    const to = await localStorage();
    let breaks = 1;
    backend.onOpen = (opened) => (breaks-- > 0 ? { ...opened, body: broken(opened) } : opened);
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect((await to.get('large.bin')).equals(large)).toBe(true);
    await to.delete('large.bin');
    breaks = 2;
    const { summary } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: false, failed: { objects: 1 } });
    expect(await to.exists('large.bin')).toBe(false);
    // Neither a part of the object nor a temporary file; records of the deleted one go after a grace time.
    const left = (await filesIn(to.root)).filter((path) => !/\/(?:meta\/|layout\.json$)/.test(path));
    expect(left).toEqual([]);
    expect(backend.openBodies).toBe(0);
  });

  it.each([
    ['a small one, held', 'plain.txt', true],
    ['a small one, of a backend that only reads it back', 'plain.txt', false],
    ['a large one', 'large.bin', true],
  ])('of bytes that the disk did not keep are found before anybody sees them: %s', async (_name, key, matches) => {
    const from = await filled(memoryStorage());
    const root = await folder();
    const to = new StorageService(new SpoilingBackend(new LocalBackend({ root }), key, matches));
    const { summary, objects } = await copied({ from, to, concurrency: 1 });
    expect(summary).toMatchObject({ ok: false, failed: { objects: 1 }, copied: { objects: 43 } });
    expect(objects[key]).toMatchObject({ outcome: 'failed', error: { code: 'checksum-mismatch' } });
    expect(await to.exists(key)).toBe(false);
    expect((await filesIn(root)).filter((path) => path.includes('/.nestjs-storage/tmp/'))).toEqual([]);
    await to.close();
  });

  it('of an object that went away since it was listed are none', async () => {
    const { backend, storage: from } = watched();
    await filled(from);
    const { backend: target, storage: to } = watched();
    target.beforeStage = (key) => void (key === 'empty' && from.delete('many/9.txt'));
    const { summary, objects } = await copied({ from, to, concurrency: 1 });
    expect(summary).toMatchObject({ ok: true, gone: { objects: 1 }, copied: { objects: 43 } });
    expect(objects['many/9.txt']).toMatchObject({ outcome: 'gone' });
    // Bodies tell that they are closed in a turn of their own.
    await nextTurn();
    expect(backend.openBodies).toBe(0);
  });

  it('of an object whose target misses something are failures', async () => {
    const from = await filled(memoryStorage());
    const { backend: target, storage: to } = watched();
    target.beforeStage = (key) => {
      if (key === 'empty') throw new StorageFileNotFoundError({ operation: 'put', key });
    };
    const { summary, objects } = await copied({ from, to });
    expect(summary).toMatchObject({ ok: false, gone: { objects: 0 }, failed: { objects: 1 }, copied: { objects: 43 } });
    expect(objects.empty).toMatchObject({ outcome: 'failed' });
  });
});

function broken({ body }: OpenedObject): Readable {
  const source = Readable.from(
    (async function* () {
      let sent = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        yield chunk;
        if ((sent += chunk.length) > 300_000) throw new StorageUnavailableError({ operation: 'get' });
      }
    })(),
    { objectMode: false },
  );
  return source;
}

describe('an abort', () => {
  it('in the middle leaves no half object, no temporary file and no descriptor, and tells what was done', async () => {
    const from = await localStorage();
    await filled(from);
    const to = await localStorage();
    await to.put('warm', 'x', { url: false });
    await to.delete('warm');
    const before = openDescriptors();
    const controller = new AbortController();
    let count = 0;
    const { summary } = await copied({
      from,
      to,
      concurrency: 4,
      signal: controller.signal,
      onObject: () => void (++count === 10 && controller.abort()),
    });
    expect(summary.stopped).toBeInstanceOf(OperationAbortedError);
    expect(summary.ok).toBe(false);
    expect(summary.copied.objects).toBeGreaterThanOrEqual(10);
    expect(summary.copied.objects).toBeLessThan(44);
    expect(summary.failed.objects).toBe(0);
    const there = await contents(to);
    const all = await contents(from);
    for (const [key, facts] of Object.entries(there)) expect(facts).toEqual(all[key]);
    expect((await filesIn(to.root)).filter((path) => path.includes('.nestjs-storage/tmp'))).toEqual([]);
    await sleep(20);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
    expect((await copied({ from, to })).summary).toMatchObject({ ok: true });
  });

  it('before the first byte rejects, and writes nothing', async () => {
    const { backend, storage: to } = watched();
    const from = await filled(memoryStorage());
    const aborted = copied({ from, to, signal: AbortSignal.abort() });
    expect(await failure(aborted)).toBeInstanceOf(OperationAbortedError);
    expect(backend.stages).toEqual([]);
  });

  it('by what a callback throws rejects with just that', async () => {
    const from = await filled(memoryStorage());
    const own = new Error('the caller’s own');
    const throwing = () => {
      throw own;
    };
    expect(await failure(copied({ from, to: memoryStorage(), onObject: throwing }))).toBe(own);
    const { backend, storage: to } = watched();
    backend.beforeStage = () => sleep(30);
    const late = copied({ from, to, concurrency: 1, onProgress: ({ objectsDone }) => objectsDone > 2 && throwing() });
    expect(await failure(late)).toBe(own);
  });
});

describe('options', () => {
  it('that make no sense are refused before anything is done', async () => {
    const from = await filled(memoryStorage());
    const { backend, storage: to } = watched();
    for (const wrong of [{ concurrency: 0 }, { concurrency: 1.5 }, { concurrency: 1000 }, { journal: '' }]) {
      expect(await failure(copyStorage({ from, to, journal: false, ...wrong }))).toBeInstanceOf(InvalidOptionsError);
    }
    expect(backend.stages).toEqual([]);
  });

  it('that name one place twice, or one within the other, are refused', async () => {
    const storage = await localStorage();
    await storage.put('a/b', 'x', { url: false });
    const again = await localStorage(storage.root);
    for (const [from, to] of [
      [storage, storage],
      [storage, again],
      [storage, storage.scope('a')],
      [storage.scope('a'), storage],
    ] as const) {
      expect(await failure(copied({ from, to }))).toBeInstanceOf(InvalidOptionsError);
    }
    const memory = memoryStorage();
    expect(await failure(copied({ from: memory, to: memory }))).toBeInstanceOf(InvalidOptionsError);
    const { summary } = await copied({ from: storage.scope('a'), to: storage.scope('c') });
    expect(summary).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect(String(await storage.get('c/b'))).toBe('x');
  });
});
