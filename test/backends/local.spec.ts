/** What is special about the store on disk: adopted files, restored ones, temporary ones, layout, modes, moves. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once as event } from 'node:events';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertFits } from '../../lib/backends/local/local-key.js';
import { fsck, LocalBackend } from '../../lib/backends/local/index.js';
import {
  AlreadyExistsError,
  InvalidKeyError,
  InvalidOptionsError,
  KeyConflictError,
  OperationAbortedError,
  parseKey,
  PreconditionFailedError,
  StorageConfigurationError,
  StorageFileNotFoundError,
  StorageUnavailableError,
} from '../../lib/contract/index.js';
import { compiled } from '../faults/compiled.js';
import {
  descriptorCount,
  failing,
  failure,
  keys,
  LocalRig,
  once,
  put,
  read,
  settledDescriptorCount,
} from './local-rig.js';

let rig: LocalRig;
let root: string;
let backend: LocalBackend;

beforeEach(async () => {
  rig = new LocalRig();
  root = await rig.folder();
  backend = rig.backend(root);
});

afterEach(() => rig.end());

const temporary = () => fs.readdir(join(root, '.nestjs-storage/tmp'));
const recordCount = async () =>
  (await fs.readdir(join(root, '.nestjs-storage/meta'), { recursive: true })).filter((name) => name.endsWith('.json'))
    .length;

describe('a root', () => {
  it('that cannot be made where it shall be is told, and not tried for ever', async () => {
    const error = await failure(put(rig.backend('/proc/nowhere/files'), 'a', 'a'));
    expect(error).toBeInstanceOf(StorageConfigurationError);
    expect(error.message).toContain('Set STORAGE_BASE_PATH');
    expect(error.message).not.toContain('/proc');
  });

  it('is made with all the folders above it', async () => {
    const deep = join(root, 'mounted/app/files');
    await put(rig.backend(deep, { dirMode: 0o750 }), 'a', 'a');
    expect((await fs.stat(deep)).mode & 0o777).toBe(0o750);
    expect(await fs.readFile(join(deep, 'a'), 'utf8')).toBe('a');
  });
});

describe('files of the store', () => {
  it('are plain files under their keys, for the owner alone unless said otherwise', async () => {
    await put(backend, 'docs/公司 (1).txt', 'hello');
    expect(await fs.readFile(join(root, 'docs/公司 (1).txt'), 'utf8')).toBe('hello');
    expect((await fs.stat(join(root, 'docs/公司 (1).txt'))).mode & 0o777).toBe(0o600);
    expect((await fs.stat(join(root, 'docs'))).mode & 0o777).toBe(0o700);
    expect((await fs.stat(join(root, '.nestjs-storage'))).mode & 0o777).toBe(0o700);

    const open = rig.backend(root, { fileMode: 0o644, dirMode: 0o755 });
    await put(open, 'public/a.txt', 'a');
    await open.copy(parseKey('docs/公司 (1).txt'), parseKey('public/b.txt'));
    expect((await fs.stat(join(root, 'public'))).mode & 0o777).toBe(0o755);
    expect((await fs.stat(join(root, 'public/a.txt'))).mode & 0o777).toBe(0o644);
    expect((await fs.stat(join(root, 'public/b.txt'))).mode & 0o777).toBe(0o644);
  });

  it('come with the first write: reading, and deleting what is not there, makes no root and no hidden folder', async () => {
    const path = join(root, 'not/yet');
    const later = rig.backend(path);
    const readAll = async (of: LocalBackend) => {
      expect(await keys(of)).toEqual([]);
      for (const attempt of [read(of, 'a'), of.stat(parseKey('a'))]) {
        expect(await failure(attempt)).toBeInstanceOf(StorageFileNotFoundError);
      }
      expect(await of.delete(parseKey('a'))).toBe(false);
    };
    await readAll(later);
    const foreign = later.list({ prefix: '', limit: 1, cursor: 'of another store' });
    expect(await failure(foreign)).toBeInstanceOf(InvalidOptionsError);
    expect(await fs.readdir(root)).toEqual([]);
    await put(later, 'b', 'b');
    expect(await keys(later)).toEqual(['b']);
    expect(JSON.parse(await fs.readFile(join(path, '.nestjs-storage/layout.json'), 'utf8'))).toMatchObject({
      version: 1,
    });
    expect(await read(rig.backend(path), 'b')).toBe('b');
  });

  it('keep the etags that files from elsewhere had before the first write', async () => {
    await fs.writeFile(join(root, 'old.txt'), 'old');
    const etag = async (of: LocalBackend) => (await of.stat(parseKey('old.txt'))).etag;
    const [reader, before] = [rig.backend(root), await etag(backend)];
    expect(await etag(reader)).toBe(before);
    expect(await fs.readdir(root)).toEqual(['old.txt']);
    await put(backend, 'new.txt', 'new');
    expect([await etag(backend), await etag(reader), await etag(rig.backend(root))]).toEqual([before, before, before]);
  });

  it('have their metadata at once for who has read a plain folder that becomes a store', async () => {
    await fs.writeFile(join(root, 'old.txt'), 'old');
    const reader = rig.backend(root);
    expect(await reader.stat(parseKey('old.txt'))).toMatchObject({ contentType: 'text/plain', metadata: {} });
    for (const key of ['new.txt', 'old.txt']) {
      await put(backend, key, 'new', { contentType: 'text/x-new' });
      expect(await reader.stat(parseKey(key))).toMatchObject({ contentType: 'text/x-new' });
    }
  });

  it('refuses a layout that it does not know, and a root that is a file', async () => {
    await fs.mkdir(join(root, '.nestjs-storage'));
    for (const layout of ['{"version":2,"id":"x"}', '{"version":1}', 'null', '{"ver']) {
      await fs.writeFile(join(root, '.nestjs-storage/layout.json'), layout);
      const error = await failure(put(rig.backend(root), 'a', 'a'));
      expect(error).toBeInstanceOf(StorageConfigurationError);
      expect(error.message).toContain('layout');
    }
    await fs.writeFile(join(root, 'file'), '');
    expect(await failure(put(rig.backend(join(root, 'file')), 'a', 'a'))).toBeInstanceOf(StorageConfigurationError);
    for (const wrong of [{ root: '' }, { durability: 'none' as 'full' }, { fileMode: 0o040 }, { sweepAfter: -1 }]) {
      expect(() => new LocalBackend({ root, ...wrong })).toThrow(StorageConfigurationError);
    }
  });

  it('gives one id to a root that several backends open at once', async () => {
    const several = Array.from({ length: 8 }, () => rig.backend(root));
    await put(several[0]!, 'a', 'a');
    const etags = await Promise.all(several.map(async (one) => (await one.stat(parseKey('a'))).etag));
    expect(new Set(etags).size).toBe(1);
    expect(await fs.readdir(join(root, '.nestjs-storage'))).toEqual(expect.not.arrayContaining([/layout\.json\./]));
    expect((await fs.readdir(join(root, '.nestjs-storage'))).filter((name) => name.startsWith('layout'))).toEqual([
      'layout.json',
    ]);
  });

  it('works on after its root was emptied under it', async () => {
    await put(backend, 'a', 'a');
    await fs.rm(root, { recursive: true });
    // A volume that is not mounted must not fill the disk beneath it: the root is not made anew.
    // Nor are its files taken for deleted.
    const reads = [keys(backend), read(backend, 'a'), backend.stat(parseKey('a')), backend.delete(parseKey('a'))];
    for (const attempt of [backend.check({ write: false }), put(backend, 'a', 'a'), ...reads]) {
      expect(await failure(attempt)).toBeInstanceOf(StorageUnavailableError);
    }
    await fs.mkdir(root);
    expect(await keys(backend)).toEqual([]);
    await put(backend, 'b/c', 'again');
    expect(await read(backend, 'b/c')).toBe('again');
    expect((await backend.stat(parseKey('b/c'))).metadata).toEqual({ about: 'b/c' });
  });
});

describe('files from elsewhere', () => {
  it('are objects: their type by their name, without metadata', async () => {
    await fs.mkdir(join(root, 'old/photos'), { recursive: true });
    await fs.writeFile(join(root, 'old/photos/a.png'), 'png');
    expect(await backend.stat(parseKey('old/photos/a.png'))).toMatchObject({
      contentType: 'image/png',
      metadata: {},
      size: 3,
    });
    expect(await keys(backend)).toEqual(['old/photos/a.png']);
    await backend.move(parseKey('old/photos/a.png'), parseKey('new'));
    expect((await backend.stat(parseKey('new'))).contentType).toBe('image/png');
  });

  it('lose the metadata of what they were when they are edited in place', async () => {
    const { etag } = await put(backend, 'a.txt', 'one', { metadata: { version: 'one' } });
    await fs.writeFile(join(root, 'a.txt'), 'two');
    for (const reader of [backend, rig.backend(root)]) {
      const info = await reader.stat(parseKey('a.txt'));
      expect(info).toMatchObject({ contentType: 'text/plain', metadata: {} });
      expect(info.etag).not.toBe(etag);
    }
    expect((await fsck({ root, minAge: 0 })).findings).toMatchObject([{ kind: 'changed-file', key: 'a.txt' }]);
  });

  it('get their metadata back after a restore from backup, unless two records would fit', async () => {
    await put(backend, 'a/b.txt', 'bytes', { metadata: { kept: 'yes' } });
    await put(backend, 'c', 'gone');
    const restored = await rig.folder();
    execFileSync('cp', ['-a', `${root}/.`, restored]);
    const info = await rig.backend(restored).stat(parseKey('a/b.txt'));
    expect(info).toMatchObject({ contentType: 'text/x-test', metadata: { kept: 'yes' } });

    const report = await fsck({ root: restored, minAge: 0, repair: true });
    expect(report).toMatchObject({ objects: 2, adopted: 0, counts: { 'restored-record': 2 } });
    expect((await fsck({ root: restored, minAge: 0 })).findings).toEqual([]);
    expect(await rig.backend(restored).stat(parseKey('a/b.txt'))).toMatchObject({ metadata: { kept: 'yes' } });

    const [bucket] = await fs.readdir(join(root, '.nestjs-storage/meta'));
    const [name] = await fs.readdir(join(root, '.nestjs-storage/meta', bucket!));
    const folder = join(root, '.nestjs-storage/meta', bucket!);
    await fs.copyFile(join(folder, name!), join(folder, name!.replace(/-[0-9a-z]+\.json$/, '-zzz.json')));
    const twice = await rig.folder();
    execFileSync('cp', ['-a', `${root}/.`, twice]);
    const found = JSON.parse(await fs.readFile(join(folder, name!), 'utf8')) as { key: string };
    expect((await rig.backend(twice).stat(parseKey(found.key))).metadata).toEqual({});
  });

  it('that are no regular files are neither read nor listed nor replaced, and nothing waits for them', async () => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await fs.mkdir(join(root, 'empty/folder'), { recursive: true });
    await fs.writeFile(join(root, 'ends.'), '');
    await fs.mkdir(join(root, 'sub/.nestjs-storage'), { recursive: true });
    await fs.writeFile(join(root, 'sub/.nestjs-storage/x'), '');
    expect(await failure(read(backend, 'pipe'))).toBeInstanceOf(StorageFileNotFoundError);
    expect(await failure(backend.stat(parseKey('pipe')))).toBeInstanceOf(StorageFileNotFoundError);
    expect(await failure(put(backend, 'pipe', 'x'))).toBeInstanceOf(KeyConflictError);
    expect(await backend.delete(parseKey('pipe'))).toBe(false);
    expect(await failure(read(backend, 'empty'))).toBeInstanceOf(StorageFileNotFoundError);
    const page = await backend.list({ prefix: '', delimiter: '/', limit: 10 });
    expect(page).toEqual({ objects: [], prefixes: [] });
    expect((await fsck({ root })).counts).toMatchObject({ 'unlisted-entry': 3 });
  });

  it('do not keep a key from being used when all they are is empty folders', async () => {
    await fs.mkdir(join(root, 'a'));
    await put(backend, 'a', 'file');
    await fs.mkdir(join(root, 'b/c'), { recursive: true });
    expect(await failure(put(backend, 'b', 'file'))).toBeInstanceOf(KeyConflictError);
    expect(await failure(put(backend, 'a/b/c', 'file'))).toBeInstanceOf(KeyConflictError);
    expect(await failure(put(backend, 'b', 'file', { ifNoneMatch: '*' }))).toBeInstanceOf(KeyConflictError);
    expect(await keys(backend)).toEqual(['a']);
  });
});

describe('what is left behind', () => {
  it('is nothing after a failed body, an abort or a refused commit', async () => {
    await put(backend, 'taken', 'old');
    const before = { files: descriptorCount(), records: await recordCount() };
    const boom = new Error('boom');
    const options = { contentType: 'text/plain', metadata: {} };
    expect(await failure(backend.stage(parseKey('new/deep/a'), failing('x'.repeat(3e6), boom), options))).toBe(boom);
    await (await backend.stage(parseKey('new/deep/a'), once('x'), options)).abort();
    const refused = await backend.stage(parseKey('new/deep/a'), once('x'), { ...options, ifMatch: undefined });
    await put(backend, 'new', 'in the way');
    expect(await failure(refused.commit())).toBeInstanceOf(KeyConflictError);
    const [first, second] = await Promise.all(
      ['1', '2'].map((bytes) => backend.stage(parseKey('once'), once(bytes), { ...options, ifNoneMatch: '*' })),
    );
    await first!.commit();
    expect(await failure(second!.commit())).toBeInstanceOf(AlreadyExistsError);
    expect(await temporary()).toEqual([]);
    expect(await recordCount()).toBe(before.records + 2);
    expect(await settledDescriptorCount(before.files)).toBe(before.files);
  });

  it('is no descriptor of a body that is destroyed unread, cut short or aborted', async () => {
    await put(backend, 'big', Buffer.alloc(3_000_000, 1));
    await put(backend, 'empty', '');
    const before = descriptorCount();
    for (const key of ['big', 'empty']) {
      (await backend.open(parseKey(key))).body.destroy();
      (await backend.open(parseKey(key))).body.destroy().destroy();
    }
    for await (const _chunk of (await backend.open(parseKey('big'))).body) break;
    const controller = new AbortController();
    const { body } = await backend.open(parseKey('big'), { signal: controller.signal });
    const ended = new Promise((resolve) => body.once('close', resolve));
    const told = event(body, 'error');
    body.read();
    controller.abort();
    expect((await told)[0]).toBeInstanceOf(OperationAbortedError);
    await ended;
    expect(await failure(backend.open(parseKey('big'), { range: { start: 9e6 } }))).toMatchObject({
      code: 'invalid-range',
    });
    expect(await failure(backend.open(parseKey('big'), { ifMatch: 'no' }))).toBeInstanceOf(PreconditionFailedError);
    expect(await settledDescriptorCount(before)).toBe(before);
  });

  it('is nothing when the signal fires while the source is silent', async () => {
    const controller = new AbortController();
    const silent = async function* () {
      yield Buffer.from('first');
      await new Promise(() => undefined);
    };
    const staging = backend.stage(parseKey('a'), silent(), {
      contentType: 'text/plain',
      metadata: {},
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 20);
    expect(await failure(staging)).toBeInstanceOf(OperationAbortedError);
    expect(await temporary()).toEqual([]);
  });

  it('is swept by its owner: dead ones at once, foreign ones by age, living ones never', async () => {
    await put(backend, 'a', 'a');
    await backend.close();
    const living = rig.backend(root);
    const staged = await living.stage(parseKey('b'), once('b'), { contentType: 'text/plain', metadata: {} });
    const [mine] = await temporary();
    const [, , hashed] = mine!.split('.');
    const [place, pid, start] = mine!.split('.')[0]!.split('-');
    const folder = join(root, '.nestjs-storage/tmp');
    const gone = spawn('true');
    await event(gone, 'exit');
    const dead = [`${place}-${gone.pid}-1.1.${hashed}`, `${place}-${pid}-${Number(start) + 1}.1.${hashed}`];
    const foreign = [`0123456789abcdef-${pid}-${start}.1.${hashed}`, 'whatever'];
    for (const name of [...dead, ...foreign]) await fs.writeFile(join(folder, name), 'left');
    await keys(rig.backend(root));
    expect((await temporary()).length).toBe(5);
    await put(rig.backend(root), 'c', 'c');
    expect((await temporary()).sort()).toEqual([mine!, ...foreign].sort());

    const sibling = rig.backend(root, { sweepAfter: 1 });
    await sleep(1_100);
    await fs.writeFile(join(folder, 'fresh'), '');
    expect(await sibling.sweep()).toEqual({ removed: 0, kept: 2, failed: 0 });
    expect((await temporary()).sort()).toEqual([mine!, 'fresh'].sort());
    await staged.commit();
    expect(await read(living, 'b')).toBe('b');
  });

  it('is no record of a version that was replaced or deleted, once the grace time is over', async () => {
    const brief = rig.backend(root, { metadataGrace: 0.05 });
    for (let version = 0; version < 5; version++) await put(brief, 'a', `version ${version}`);
    await put(brief, 'b', 'b');
    await brief.delete(parseKey('b'));
    expect(await recordCount()).toBeGreaterThan(1);
    for (let look = 0; look < 100 && (await recordCount()) > 1; look++) await sleep(20);
    expect(await recordCount()).toBe(1);

    for (let version = 0; version < 5; version++) await put(backend, 'a', `version ${version}`);
    await backend.close();
    expect(await recordCount()).toBe(1);
  });

  it('is found by fsck, which mends what it can and guesses nothing', async () => {
    await put(backend, 'kept', 'kept');
    await put(backend, 'removed', 'past the storage');
    await put(backend, 'torn', 'record');
    await backend.close();
    await fs.rm(join(root, 'removed'));
    const records = await fs.readdir(join(root, '.nestjs-storage/meta'), { recursive: true, withFileTypes: true });
    for (const entry of records.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      if ((await fs.readFile(path, 'utf8')).includes('"key":"torn"')) await fs.truncate(path, 10);
    }
    await fs.writeFile(join(root, 'adopted'), '');
    await fs.symlink('/etc', join(root, 'link'));

    const seen = await fsck({ root, minAge: 0 });
    expect(seen).toMatchObject({
      objects: 3,
      adopted: 2,
      records: 3,
      counts: { 'orphan-record': 1, 'unreadable-record': 1, 'unlisted-entry': 1, 'changed-file': 0 },
    });
    expect(seen.findings.every(({ repaired }) => !repaired)).toBe(true);
    expect(seen.findings).toContainEqual(expect.objectContaining({ kind: 'orphan-record', key: 'removed' }));
    expect((await fsck({ root })).counts['orphan-record']).toBe(0);
    await fsck({ root, minAge: 0, repair: true });
    expect(await fsck({ root, minAge: 0 })).toMatchObject({
      records: 1,
      findings: [{ kind: 'unlisted-entry', path: 'link' }],
    });
    expect((await rig.backend(root).stat(parseKey('kept'))).metadata).toEqual({ about: 'kept' });
  });
});

describe('reading', () => {
  it.each([true, false])(
    'ends with an error where the file was cut short underneath (descriptors: %s)',
    async (how) => {
      const reader = rig.backend(root, { descriptors: how });
      await put(reader, 'big', Buffer.alloc(2_000_000, 1));
      const { body } = await reader.open(parseKey('big'));
      await fs.truncate(join(root, 'big'), 700_000);
      let bytes = 0;
      const error = await failure(
        (async () => {
          for await (const chunk of body) bytes += (chunk as Buffer).length;
        })(),
      );
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(bytes).toBeLessThan(2_000_000);
    },
  );

  it('goes on with the version that was opened, whatever happens to the key', async () => {
    await put(backend, 'a', 'old');
    const first = await backend.open(parseKey('a'));
    await put(backend, 'a', 'new');
    const second = await backend.open(parseKey('a'));
    await backend.delete(parseKey('a'));
    expect([await text(first.body), await text(second.body)]).toEqual(['old', 'new']);
  });
});

describe('copy and move', () => {
  it('move the very file, both ways, and its metadata with it', async () => {
    const brief = rig.backend(root, { metadataGrace: 0 });
    await put(brief, 'a', 'bytes', { metadata: { kept: 'yes' } });
    const { ino } = await fs.stat(join(root, 'a'));
    for (let round = 0; round < 10; round++) {
      await brief.move(parseKey('a'), parseKey('folder/b'));
      expect(await keys(brief)).toEqual(['folder/b']);
      await brief.move(parseKey('folder/b'), parseKey('a'));
    }
    await sleep(50);
    expect((await fs.stat(join(root, 'a'))).ino).toBe(ino);
    expect(await fs.readdir(root)).toEqual(['.nestjs-storage', 'a']);
    expect((await rig.backend(root).stat(parseKey('a'))).metadata).toEqual({ kept: 'yes' });
    await brief.close();
    expect(await recordCount()).toBe(1);
    expect(await temporary()).toEqual([]);
  });

  it('take away the source too where both keys are links of one file, as a crash may leave them', async () => {
    await put(backend, 'a', 'bytes');
    await fs.link(join(root, 'a'), join(root, 'b'));
    await backend.move(parseKey('a'), parseKey('b'));
    expect(await keys(backend)).toEqual(['b']);
    expect((await backend.stat(parseKey('b'))).metadata).toEqual({ about: 'a' });
    expect(await temporary()).toEqual([]);
  });

  it('copy a file that is larger than one call copies, and one that may only be read', async () => {
    await fs.writeFile(join(root, 'huge.bin'), '');
    await fs.truncate(join(root, 'huge.bin'), 64 * 1024 * 1024 + 1);
    const info = await backend.copy(parseKey('huge.bin'), parseKey('copy.bin'));
    expect(info).toMatchObject({ size: 64 * 1024 * 1024 + 1, contentType: 'application/octet-stream' });
    await fs.writeFile(join(root, 'read.txt'), 'only', { mode: 0o400 });
    await backend.copy(parseKey('read.txt'), parseKey('copied.txt'));
    expect(await read(backend, 'copied.txt')).toBe('only');
    expect((await fs.stat(join(root, 'copied.txt'))).mode & 0o777).toBe(0o600);
  });
});

describe('several processes', () => {
  it('lose no update under ifMatch', async () => {
    const code = compiled();
    try {
      await put(backend, 'counter', '0');
      const script = join(code, 'test/faults/children/increment.js');
      const run = () => promisify(execFile)(process.execPath, [script, root, 'counter', '15']);
      await Promise.all([run(), run(), run()]);
      expect(await read(backend, 'counter')).toBe('45');
      expect((await backend.stat(parseKey('counter'))).metadata).toEqual({ value: '45' });
      expect(await fs.readdir(join(root, '.nestjs-storage/locks'))).toEqual([]);
    } finally {
      await fs.rm(code, { recursive: true });
    }
  });
});

describe('keys', () => {
  it('that the disk cannot hold are refused by name', async () => {
    const long = `a/${'文'.repeat(86)}/b`;
    for (const attempt of [put(backend, long, ''), read(backend, long), backend.delete(parseKey(long))]) {
      expect(await failure(attempt)).toBeInstanceOf(InvalidKeyError);
    }
    await put(backend, '文'.repeat(85), 'fits');
    expect(await backend.list({ prefix: `${'x'.repeat(300)}/`, limit: 1 })).toEqual({ objects: [], prefixes: [] });
    const details = { operation: 'put', backend: 'local' } as const;
    for (const key of ['a:b', 'con', 'x/LPT1.txt', 'what?', 'foo../x', '"']) {
      expect(() => assertFits(parseKey(key), details, 'win32')).toThrow(InvalidKeyError);
    }
    assertFits(parseKey('console/公司 (1).txt'), details, 'win32');
    assertFits(parseKey('a:b'), details, 'linux');
  });
});

describe('listing', () => {
  it('never serves a stale page of a large folder, and pages through it in order', async () => {
    await fs.mkdir(join(root, 'flat'));
    const names = Array.from({ length: 2_500 }, (_, n) => `flat/${String(n * 7919).padStart(9, '0')}`).sort();
    await Promise.all(names.map((name) => fs.writeFile(join(root, name), '')));
    const still = new Date(Date.now() - 60_000);
    await fs.utimes(join(root, 'flat'), still, still);
    const paged: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await backend.list({ prefix: 'flat/', limit: 400, cursor });
      paged.push(...page.objects.map(({ key }) => key));
      if (!(cursor = page.cursor)) break;
    }
    expect(paged).toEqual(names);
    for (let round = 0; round < 8; round++) {
      const name = `flat/new ${round}`;
      await fs.writeFile(join(root, name), '');
      expect(await keys(backend, 'flat/n')).toContain(name);
      await fs.rm(join(root, name));
      expect(await keys(backend, 'flat/n')).toEqual([]);
    }
  });

  it('reads no folder that lies before the cursor or outside the prefix', async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'b/2', 'c/1']) await put(backend, key, '');
    const { cursor } = await backend.list({ prefix: '', limit: 3 });
    // Reading a folder moves its access time (relatime: where that is older than the last change).
    const opened: string[] = [];
    const past = new Date(0);
    for (const name of ['a', 'b', 'c']) await fs.utimes(join(root, name), past, past);
    await backend.list({ prefix: '', limit: 2, cursor });
    for (const name of ['a', 'b', 'c']) {
      const { atimeMs } = await fs.stat(join(root, name));
      if (atimeMs > 0) opened.push(name);
    }
    expect(opened).toEqual(['b', 'c']);
  });
});
