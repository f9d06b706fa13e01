/** Disks that are full, read-only, closed, coarse or failing: typed errors, and the old object survives each. Needs root. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseKey, PermissionDeniedError, QuotaExceededError, type StorageBackend } from '../../lib/contract/index.js';
import { failure, keys, LocalRig, put, read } from '../backends/local-rig.js';
import { compiled } from '../faults/compiled.js';

const run = promisify(execFile);

let rig: LocalRig;
let code: string;
let mounts: string[] = [];

beforeAll(() => {
  if (process.getuid?.() !== 0) {
    throw new Error('These tests mount file systems and drop rights: run them as root (in a container, for example).');
  }
  code = compiled();
});

afterAll(() => fs.rm(code, { recursive: true }));

beforeEach(() => {
  rig = new LocalRig();
});

afterEach(async () => {
  for (const mount of mounts.splice(0).toReversed()) execFileSync('umount', [mount]);
  await rig.end();
});

function mounted(target: string, ...args: string[]): string {
  execFileSync('mount', [...args, target]);
  mounts.push(target);
  return target;
}

async function expectOld(backend: StorageBackend): Promise<void> {
  expect(await read(backend, 'folder/object')).toBe('old');
  expect((await backend.stat(parseKey('folder/object'))).metadata).toEqual({ about: 'folder/object' });
  expect(await keys(backend)).toEqual(['folder/object']);
}

describe('a disk', () => {
  it.each(['rename', 'full'] as const)('that is full is QuotaExceededError (%s)', async (durability) => {
    const root = mounted(await rig.folder(), '-t', 'tmpfs', '-o', 'size=4m', 'none');
    const backend = rig.backend(root, { durability });
    await put(backend, 'folder/object', 'old');
    const body = async function* () {
      for (let chunk = 0; chunk < 100; chunk++) yield Buffer.alloc(65_536, chunk);
    };
    const facts = { contentType: 'text/plain', metadata: {} };
    for (const key of ['folder/object', 'other/new']) {
      const error = await failure(backend.stage(parseKey(key), body(), facts));
      expect(error).toBeInstanceOf(QuotaExceededError);
      expect(error.message).not.toContain(root);
      expect(error.cause).toMatchObject({ code: 'ENOSPC' });
    }
    await expectOld(backend);
    expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);

    // No room for the record either, nor for a copy; reading, health and a new look at the store go on.
    const filler = join(root, '.filler');
    await fs.writeFile(filler, Buffer.alloc(8 << 20)).catch(() => undefined);
    expect(await failure(put(backend, 'folder/object', 'new'))).toBeInstanceOf(QuotaExceededError);
    expect(await failure(put(backend, 'empty', ''))).toBeInstanceOf(QuotaExceededError);
    const copying = backend.copy(parseKey('folder/object'), parseKey('copy'));
    expect(await failure(copying)).toBeInstanceOf(QuotaExceededError);
    expect(await failure(backend.check({ write: true }))).toBeInstanceOf(QuotaExceededError);
    await fs.rename(filler, join(root, '.nestjs-storage/filler'));
    await backend.check({ write: false });
    await expectOld(backend);
    await expectOld(rig.backend(root, { durability }));
    await fs.rm(join(root, '.nestjs-storage/filler'));
    await put(backend, 'folder/object', 'new');
    expect(await read(backend, 'folder/object')).toBe('new');
  });

  it('that has no inodes left is QuotaExceededError', async () => {
    const root = mounted(await rig.folder(), '-t', 'tmpfs', '-o', 'nr_inodes=20', 'none');
    const backend = rig.backend(root);
    await put(backend, 'folder/object', 'old');
    let error: unknown;
    const made: string[] = [];
    for (let n = 0; n < 20 && !error; n++) {
      error = await put(backend, `deep ${n}/a`, '').then(
        () => void made.push(`deep ${n}/a`),
        (reason: unknown) => reason,
      );
    }
    expect(error).toBeInstanceOf(QuotaExceededError);
    // A failed put leaves no folder that it made.
    expect((await fs.readdir(root)).length).toBe(2 + made.length);
    for (const key of made) await backend.delete(parseKey(key));
    await expectOld(backend);
  });

  it('that is read-only is PermissionDeniedError, and is read all the same', async () => {
    const source = await rig.folder();
    const writer = rig.backend(source);
    await put(writer, 'folder/object', 'old');
    await writer.close();
    const root = mounted(await rig.folder(), '--bind', source);
    execFileSync('mount', ['-o', 'remount,bind,ro', root]);
    const backend = rig.backend(root);
    await expectOld(backend);
    await backend.check({ write: false });
    const key = parseKey('folder/object');
    for (const attempt of [
      put(backend, 'folder/object', 'new'),
      put(backend, 'a/b/c', 'new'),
      backend.delete(key),
      backend.copy(key, parseKey('b')),
      backend.move(key, parseKey('b')),
      backend.check({ write: true }),
    ]) {
      const error = await failure(attempt);
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect(error.message).toContain('read-only');
    }
    await expectOld(backend);
  });

  it('that is read-only and never was a store is read as it is, and becomes one when it can', async () => {
    const source = await rig.folder();
    await fs.writeFile(join(source, 'found.txt'), 'found');
    const root = mounted(await rig.folder(), '--bind', source);
    execFileSync('mount', ['-o', 'remount,bind,ro', root]);
    const backend = rig.backend(root);
    expect(await read(backend, 'found.txt')).toBe('found');
    expect(await failure(put(backend, 'a', 'a'))).toBeInstanceOf(PermissionDeniedError);
    execFileSync('mount', ['-o', 'remount,bind,rw', root]);
    await put(backend, 'a', 'a');
    expect(await keys(backend)).toEqual(['a', 'found.txt']);
  });

  it('whose folders are closed to this user is PermissionDeniedError', async () => {
    const root = await rig.folder();
    const backend = rig.backend(root, { fileMode: 0o644 });
    await backend.check({ write: false });
    execFileSync('chown', ['-R', '65534:65534', root]);
    for (const folder of ['closed', 'hidden', 'open']) await fs.mkdir(join(root, folder));
    await fs.writeFile(join(root, 'closed/object'), 'old');
    await fs.writeFile(join(root, 'hidden/object'), 'old');
    await fs.writeFile(join(root, 'open/foreign'), 'foreign');
    await fs.writeFile(join(root, 'readable'), 'readable');
    await fs.writeFile(join(root, 'secret'), 'secret', { mode: 0o600 });
    await fs.chmod(join(root, 'hidden'), 0o700);
    await fs.chmod(join(root, 'open'), 0o777);
    execFileSync('chmod', ['-R', 'a+rX', code]);
    const { stdout } = await run(process.execPath, [join(code, 'test/faults/children/denied.js'), root], {
      uid: 65_534,
      gid: 65_534,
      cwd: root,
    });
    expect(JSON.parse(stdout)).toEqual({
      putNew: 'permission-denied',
      putOver: 'permission-denied',
      createOnly: 'permission-denied',
      copyInto: 'permission-denied',
      moveOut: 'permission-denied',
      delete: 'permission-denied',
      readClosed: 'permission-denied',
      statInside: 'permission-denied',
      listInside: 'permission-denied',
      read: 'readable',
      moveForeign: 7,
    });
    expect(await fs.readFile(join(root, 'closed/object'), 'utf8')).toBe('old');
    expect((await fs.readdir(join(root, 'closed'))).sort()).toEqual(['object']);
    expect(await fs.readdir(join(root, 'open'))).toEqual(['moved']);
    expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
  });

  it('that keeps whole seconds only still tells every version from the one before', async () => {
    const image = join(await rig.folder(), 'image');
    await fs.writeFile(image, '');
    await fs.truncate(image, 16 << 20);
    // Inodes of 128 bytes have no room for finer time.
    execFileSync('mkfs.ext4', ['-q', '-I', '128', '-O', '^has_journal', image]);
    const root = mounted(await rig.folder(), '-o', 'loop', image);
    const backend = rig.backend(root);
    const etags = new Set<string>();
    for (let version = 0; version < 60; version++) {
      const { etag } = await put(backend, 'key', 'same size', { metadata: { version: String(version) } });
      etags.add(etag);
      expect(await backend.stat(parseKey('key'))).toMatchObject({ etag, metadata: { version: String(version) } });
      if (version % 3 === 0) await backend.delete(parseKey('key'));
    }
    expect(etags.size).toBe(60);
    // Unmounting waits for nothing: all descriptors are closed.
    await backend.close();
  });
});

/** System calls of a child process that overwrites `folder/object`, made to fail by strace. */
describe('a system call that fails', () => {
  async function overwrite(root: string, bytes: number, calls: string, fault: string): Promise<string> {
    const script = join(code, 'test/faults/children/overwrite.js');
    const faults = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`];
    const strace = ['-f', '-qq', '-o', '/dev/null', ...faults, process.execPath, script, root, String(bytes)];
    // Of one thread, since strace counts the calls of each thread by themselves.
    const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
    const { stdout } = await run('strace', strace, { env }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' ? new Error('strace is missing: apt-get install strace') : error;
    });
    return stdout.trim();
  }

  it.each([
    ['small', 10],
    ['large', 3_000_000],
  ])('to sync fails the put, whichever it is (%s)', async (_, bytes) => {
    const outcomes: string[] = [];
    for (let nth = 1; !outcomes.at(-1)?.startsWith('stored'); nth++) {
      const root = await rig.folder();
      const backend = rig.backend(root, { durability: 'full' });
      await put(backend, 'folder/object', 'old');
      const answer = await overwrite(root, bytes, 'fsync,fdatasync', `error=EIO:when=${nth}`);
      const seen = await read(backend, 'folder/object');
      const { metadata } = await backend.stat(parseKey('folder/object'));
      const version = seen === 'old' ? 'old' : 'new';
      // Bytes and metadata are of one version.
      expect(metadata).toEqual({ about: version === 'old' ? 'folder/object' : 'new' });
      if (version === 'new') expect(seen).toBe('n'.repeat(bytes));
      expect(await keys(backend)).toEqual(['folder/object']);
      expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
      outcomes.push(`${answer} ${version}`);
    }
    // The last sync is that of the folder, after the rename.
    expect(outcomes.splice(-2)).toEqual(['unavailable -5 new', 'stored new']);
    expect(outcomes).toEqual(Array(3).fill('unavailable -5 old'));
  });

  it('for the quota of the user is QuotaExceededError, and the old object stays', async () => {
    for (const bytes of [10, 3_000_000]) {
      const root = await rig.folder();
      const backend = rig.backend(root);
      await put(backend, 'folder/object', 'old');
      expect(await overwrite(root, bytes, 'pwrite64,pwritev', 'error=EDQUOT')).toBe('quota-exceeded -122');
      await expectOld(backend);
      expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
    }
  });
});

describe('a process that runs out of descriptors', () => {
  it('is told so, keeps every object whole and recovers', async () => {
    const root = await rig.folder();
    const script = join(code, 'test/faults/children/few-descriptors.js');
    const { stdout } = await run('prlimit', ['--nofile=60:60', process.execPath, script, root]);
    expect(JSON.parse(stdout)).toEqual({ codes: ['unavailable'], whole: true, opened: true });
    const backend = rig.backend(root);
    expect(await read(backend, 'object')).toBe('last');
    expect(await keys(backend)).toEqual(['object']);
    expect(await fs.readdir(join(root, '.nestjs-storage/tmp'))).toEqual([]);
  });
});
