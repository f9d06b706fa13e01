/** The folder of the local backend: whether it is there, whose it is, and how much room it has. */
import fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { localSettings } from '../config/backend-settings.js';
import { createBackend } from '../config/create-backend.js';
import { variableName } from '../config/environment.js';
import { RESERVED_SEGMENT } from '../contract/index.js';
import { codeOf } from '../disk/errno.js';
import { explainRefusal, thisUser } from './folder-rights.js';
import { fail, skip, type Step } from './step.js';
import { TRIAL_PREFIX, type Trial } from './trial.js';

const { R_OK, W_OK, X_OK } = fs.constants;

/** Free bytes below which a disk is called nearly full, unless one file alone may be larger. */
const LITTLE = 256 * 1024 * 1024;

/** Types of file systems whose files go with the container or with the machine: statfs(2). */
const FLEETING: Readonly<Record<number, string>> = {
  0x794c7630: "the container's own disk (overlay)",
  0x01021994: 'memory (tmpfs)',
};

function rootOf(trial: Trial): string {
  return resolve(localSettings(trial.resolved).root);
}

async function codeOfAccess(path: string, mode: number): Promise<string | undefined> {
  try {
    await fs.access(path, mode);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** The folder itself, else the nearest one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  try {
    await fs.stat(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    return nearestFolder(parent);
  }
}

/** @throws StepFailure that says who stands in the way */
async function assertAccess(path: string, mode: number, trial: Trial): Promise<void> {
  const code = await codeOfAccess(path, mode);
  if (code === undefined) return;
  if (code === 'EROFS') {
    fail(
      `${path} is on a file system that is mounted read-only.`,
      'Mount it for writing, or make the storage with readOnly: true.',
    );
  }
  const { cause, advice } = explainRefusal(path, await fs.stat(path), mode, settingOf(trial));
  fail(cause, advice);
}

/** The store's own. One after the other: what a folder holds is seen only by who may read it. */
async function* ownFolders(root: string): AsyncGenerator<string> {
  const own = join(root, RESERVED_SEGMENT);
  if ((await codeOfAccess(own, 0)) !== undefined) return;
  yield own;
  const entries = await fs.readdir(own, { withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) yield join(own, entry.name);
}

function settingOf({ resolved }: Trial): string {
  return variableName('STORAGE_BASE_PATH', resolved.prefix);
}

/** A folder that is not there yet is not made: the same is tried beside it, in a folder that goes again. */
async function standIn(trial: Trial, above: string): Promise<void> {
  const { resolved } = trial;
  const root = await fs.mkdtemp(join(above, TRIAL_PREFIX));
  trial.folders.push(root);
  const options = { ...resolved.options, local: { ...resolved.options.local, root } };
  trial.use(await createBackend({ ...resolved, options }));
}

export const folderStep: Step = {
  id: 'folder',
  title: 'Look at the folder',
  needs: ['backend'],
  run: async (trial, signal) => {
    const root = rootOf(trial);
    const mode = trial.readOnly ? R_OK | X_OK : R_OK | W_OK | X_OK;
    const found = await nearestFolder(root).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOTDIR' && codeOf(error) !== 'EACCES') throw error;
      return fail(
        codeOf(error) === 'ENOTDIR'
          ? `${root} cannot be a folder: something above it is a file.`
          : `${root} cannot be looked at: a folder above it does not let ${thisUser()} in.`,
        `Correct ${settingOf(trial)}, or the rights of the folders above.`,
      );
    });
    if (!(await fs.stat(found)).isDirectory()) fail(`${found} is a file.`, `Set ${settingOf(trial)} to a folder.`);
    await assertAccess(found, mode, trial);
    if (found !== root) {
      await standIn(trial, found);
      const detail = `${root} is not there yet, and the first use makes it; tried in ${found}`;
      if (!trial.resolved.strict) return { detail };
      const cause = `${root} does not exist. Where a volume is meant to be there, it is not mounted.`;
      return { outcome: 'warned', detail, cause, advice: `Mount the volume, or correct ${settingOf(trial)}.` };
    }
    for await (const own of ownFolders(root)) await assertAccess(own, mode, trial);
    await trial.storage.checkHealth({ signal });
    return { detail: root };
  },
};

function inWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export const spaceStep: Step = {
  id: 'space',
  title: 'Measure free space',
  needs: ['folder'],
  run: async (trial) => {
    if (trial.readOnly) return skip('nothing is written to a read-only storage');
    const path = await nearestFolder(rootOf(trial));
    const { bavail, bsize, blocks, ffree, files, type } = await fs.statfs(path);
    const free = bavail * bsize;
    const detail = `${inWords(free)} of ${inWords(blocks * bsize)} free`;
    // Some file systems have no fixed number of inodes and tell 0 of 0.
    if (free === 0 || (files > 0 && ffree === 0)) {
      const lacking = free === 0 ? 'space' : 'inodes: it holds as many files as it can';
      fail(
        `The disk of ${path} is full: it has no free ${lacking}.`,
        'Free some, or move the files to a larger disk.',
        detail,
      );
    }
    const wanted = Math.max(LITTLE, trial.resolved.maxFileSize ?? 0);
    if (free < wanted) {
      const cause = `The disk of ${path} is nearly full: less than ${inWords(wanted)} are free.`;
      return { outcome: 'warned', detail, cause, advice: 'Free space, or move the files to a larger disk.' };
    }
    const fleeting = FLEETING[type];
    if (fleeting !== undefined && trial.resolved.strict) {
      return {
        outcome: 'warned',
        detail,
        cause: `${path} is on ${fleeting}: its files are gone with the next deploy or start.`,
        advice: 'Mount a volume on it.',
      };
    }
    return { detail };
  },
};
