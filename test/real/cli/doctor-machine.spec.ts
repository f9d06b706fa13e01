/** The doctor on machines with something wrong: disks, users, clocks, packages. Needs root. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DiagnoseOptions, Diagnosis } from '../../../lib/doctor/index.js';
import { diagnoseStorage } from '../../../lib/doctor/index.js';
import { expectCause, expectGood, expectNoSecret, failedStep, tell, URL_SECRET } from '../../doctor/diagnosed.js';
import { builtLibrary } from '../../support/build-library.mjs';
import { assertTools, diagnoseIn } from './doctor-process.js';

/** Nobody, on every Debian. */
const NOBODY = 65_534;
const S3_SECRET = 'a-secret-of-no-account-at-all';
const ends: (() => unknown)[] = [];
/** Where the storages of a test keep their files. */
const roots: string[] = [];

beforeAll(assertTools);

afterEach(async () => {
  roots.length = 0;
  for (const end of ends.splice(0).toReversed()) await end();
});

afterAll(() => tell(`machines: ${BROKEN.length} broken set-ups, ${GOOD.length} good ones`));

async function temporary(): Promise<string> {
  const path = await fs.mkdtemp(join(tmpdir(), 'doctor-'));
  ends.push(() => fs.rm(path, { recursive: true, force: true }));
  return path;
}

async function folder(): Promise<string> {
  const path = await temporary();
  roots.push(path);
  return path;
}

/** A folder of the user that the diagnosis runs as. */
async function ownFolder(mode: number): Promise<string> {
  const path = await folder();
  await fs.chown(path, NOBODY, NOBODY);
  await fs.chmod(path, mode);
  return path;
}

/** Objects, folders beside the root and temporary files. */
async function leftovers(): Promise<string[]> {
  const names = await Promise.all(roots.map((root) => fs.readdir(root, { recursive: true })));
  return names.flat().filter((name) => /doctor|\.nestjs-storage\/tmp\/./.test(name));
}

/** A file system of its own in memory. */
async function disk(options: string): Promise<string> {
  const path = await folder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path]);
  ends.push(() => execFileSync('umount', [path]));
  return path;
}

const on = (root: string): DiagnoseOptions => ({
  env: { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: root, STORAGE_URL_SECRET: URL_SECRET },
});

/** The library in a folder where a package is not installed. */
async function without(scope: string): Promise<URL> {
  const path = await temporary();
  await fs.cp(builtLibrary, join(path, 'lib'), { recursive: true });
  await fs.writeFile(join(path, 'package.json'), '{"type":"module"}');
  await fs.mkdir(join(path, 'node_modules'));
  const packages = join(import.meta.dirname, '../../../node_modules');
  for (const name of await fs.readdir(packages)) {
    if (name !== scope && !name.startsWith('.'))
      await fs.symlink(join(packages, name), join(path, 'node_modules', name));
  }
  return pathToFileURL(join(path, 'lib/'));
}

/** [what is broken, step, cause, diagnosis] */
const BROKEN: readonly (readonly [string, string, RegExp, () => Promise<Diagnosis>])[] = [
  [
    'a read-only folder',
    'folder',
    /is on a file system that is mounted read-only/,
    async () => diagnoseStorage(on(await disk('ro'))),
  ],
  [
    'a full disk',
    'space',
    /is full: it has no free space/,
    async () => {
      const root = await disk('size=1m');
      await fs.writeFile(join(root, 'large'), Buffer.alloc(2 << 20)).catch(() => undefined);
      return diagnoseStorage(on(root));
    },
  ],
  [
    'a disk without free inodes',
    'space',
    /is full: it has no free inodes/,
    async () => {
      const root = await disk('size=600m,nr_inodes=6');
      for (let file = 0; file < 6; file++) await fs.writeFile(join(root, `${file}`), '').catch(() => undefined);
      return diagnoseStorage(on(root));
    },
  ],
  [
    'a folder of another user',
    'folder',
    /belongs to another user \(user 0, group 0, mode 700\), and this process runs as user 65534/,
    async () => diagnoseIn({ user: NOBODY }, on(await folder())),
  ],
  [
    'a folder in which another user made the store',
    'folder',
    /\.nestjs-storage belongs to another user \(user 0/,
    async () => {
      const root = await folder();
      await fs.chmod(root, 0o777);
      await diagnoseStorage(on(root));
      return diagnoseIn({ user: NOBODY }, on(root));
    },
  ],
  [
    'a folder that is to be made where this user may not',
    'folder',
    /belongs to another user \(user 0, group 0, mode 755\), and this process runs as user 65534/,
    async () => {
      const above = await folder();
      await fs.chmod(above, 0o755);
      return diagnoseIn({ user: NOBODY }, on(join(above, 'uploads')));
    },
  ],
  [
    'a read-only folder of this user',
    'folder',
    /doctor-\w+ belongs to this process's own user, and its mode does not let that write \(user 65534, .*mode 555\)/,
    async () => diagnoseIn({ user: NOBODY }, on(await ownFolder(0o555))),
  ],
  [
    'a folder of this user without any right',
    'folder',
    /own user, and its mode does not let that read and write and enter \(user 65534, group 65534, mode 0\)/,
    async () => diagnoseIn({ user: NOBODY }, on(await ownFolder(0))),
  ],
  [
    'a folder that is to be made in a read-only one of this user',
    'folder',
    /doctor-\w+ belongs to this process's own user, and its mode does not let that write/,
    async () => diagnoseIn({ user: NOBODY }, on(join(await ownFolder(0o555), 'uploads'))),
  ],
  [
    'a store of this user whose temporary folder is read-only',
    'folder',
    /\.nestjs-storage\/tmp belongs to this process's own user, and its mode does not let that write/,
    async () => {
      const root = await ownFolder(0o700);
      await diagnoseIn({ user: NOBODY }, on(root));
      await fs.chmod(join(root, '.nestjs-storage/tmp'), 0o555);
      return diagnoseIn({ user: NOBODY }, on(root));
    },
  ],
  [
    'the SDK of S3 missing',
    'backend',
    /packages @aws-sdk\/client-s3 and @aws-sdk\/s3-request-presigner are not installed/,
    async () => {
      const env = { STORAGE_S3_BUCKET: 'uploads', STORAGE_S3_ACCESS_KEY: 'ABCDEFGH', STORAGE_S3_SECRET_KEY: S3_SECRET };
      return diagnoseIn({ library: await without('@aws-sdk') }, { env });
    },
  ],
  [
    'the SDK of Google missing',
    'backend',
    /package @google-cloud\/storage is not installed/,
    async () => diagnoseIn({ library: await without('@google-cloud') }, { env: { STORAGE_GCS_BUCKET: 'uploads' } }),
  ],
  [
    'the SDK of Cloudinary missing',
    'backend',
    /package cloudinary is not installed/,
    async () => {
      const CLOUDINARY_URL = `cloudinary://12345678:${S3_SECRET}@cloud`;
      return diagnoseIn({ library: await without('cloudinary') }, { env: { CLOUDINARY_URL } });
    },
  ],
];

describe('a broken machine', () => {
  it.each(BROKEN)('%s: fails at %s and says %s', async (_, id, cause, broken) => {
    const diagnosis = await broken();
    expectCause(diagnosis, id, cause);
    expectNoSecret(diagnosis, [URL_SECRET, S3_SECRET, 'ABCDEFGH', '12345678']);
    expect(await leftovers()).toEqual([]);
  });

  it('with a read-only folder of this user is told to change its mode', async () => {
    const root = await ownFolder(0o555);
    const { advice } = failedStep(await diagnoseIn({ user: NOBODY }, on(root)));
    expect(advice).toBe(`Give the user the right: chmod u+rwx ${root}.`);
  });

  it('whose disk is nearly full is warned of', async () => {
    const root = await disk('size=20m');
    const { ok, steps } = await diagnoseStorage(on(root));
    expect(ok).toBe(true);
    const warned = steps.filter(({ outcome }) => outcome === 'warned');
    expect(warned).toEqual([
      expect.objectContaining({ id: 'space', cause: expect.stringMatching(/nearly full: less than 256\.0 MiB/) }),
    ]);
    expect(await leftovers()).toEqual([]);
  });

  it('that keeps files in memory or misses its volume in production is warned of', async () => {
    const root = await disk('size=600m');
    const env = { ...on(root).env, NODE_ENV: 'production' };
    const fleeting = await diagnoseStorage({ env });
    expect(fleeting.steps.find(({ outcome }) => outcome === 'warned')).toMatchObject({
      id: 'space',
      cause: expect.stringMatching(/is on memory \(tmpfs\): its files are gone/),
    });
    const missing = await diagnoseStorage({ env: { ...env, STORAGE_BASE_PATH: join(root, 'volume') } });
    expect(missing.steps.find(({ id }) => id === 'folder')).toMatchObject({
      outcome: 'warned',
      cause: expect.stringMatching(/does not exist\. Where a volume is meant to be there, it is not mounted/),
    });
    expect(await fs.readdir(root)).toEqual(['.nestjs-storage']);
  });
});

const STEPS = ['settings', 'backend', 'folder', 'space', 'write', 'read', 'range', 'list', 'delete'];

/** [what is good, steps that pass, diagnosis] */
const GOOD: readonly (readonly [string, readonly string[], () => Promise<Diagnosis>])[] = [
  [
    'for a user who owns no more than the folder',
    STEPS,
    async () => diagnoseIn({ user: NOBODY }, on(await disk(`size=600m,uid=${NOBODY},gid=${NOBODY},mode=700`))),
  ],
  [
    'for a group that may write in a folder of another user',
    STEPS,
    async () => {
      const root = await disk(`size=600m,gid=${NOBODY},mode=770`);
      return diagnoseIn({ user: NOBODY }, on(root));
    },
  ],
  [
    'with a folder that is not there yet',
    STEPS,
    async () => diagnoseIn({ user: NOBODY }, on(join(await ownFolder(0o700), 'deep/uploads'))),
  ],
  [
    'with a disk that is mounted read-only, of a read-only storage',
    ['settings', 'backend', 'folder', 'read', 'range', 'list'],
    async () => {
      const root = await disk('size=600m');
      await fs.writeFile(join(root, 'report.txt'), 'what was there before');
      execFileSync('mount', ['-o', 'remount,ro', root]);
      return diagnoseStorage({ ...on(root), readOnly: true });
    },
  ],
  [
    'with files of other users beside the own ones',
    STEPS,
    async () => {
      const root = await ownFolder(0o700);
      await fs.writeFile(join(root, 'of-root'), '', { mode: 0o600 });
      await fs.mkdir(join(root, 'folder-of-root'), { mode: 0o700 });
      return diagnoseIn({ user: NOBODY }, on(root));
    },
  ],
];

describe('a good machine', () => {
  it.each(GOOD)('passes %s: %j', async (_, passed, good) => {
    const diagnosis = await good();
    expectGood(diagnosis, passed);
    expectNoSecret(diagnosis, [URL_SECRET]);
    expect(await leftovers()).toEqual([]);
  });
});
