/** Writes a file that is there whole, or not at all: a temporary one beside it, published in one step. */
import { randomBytes } from 'node:crypto';
import { createWriteStream, type Stats } from 'node:fs';
import { link, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StorageError } from '../contract/index.js';
import { FileError } from './failures.js';
import { fileFailure } from './file-failure.js';

/** Where an object is written to. */
export interface Target {
  /** As it was asked for, with the name of the object where that was a folder. */
  readonly asked: string;
  /** Where links lead to. */
  readonly path: string;
  readonly force: boolean;
  /** Of the file that is there. */
  readonly existing?: Stats;
}

/** File systems without hard links: FAT, some of networks and phones. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

/**
 * @param key names the file where the path is a folder
 * @throws FileError where a file is there and force is not asked
 */
export async function findTarget(path: string, key: string, force: boolean): Promise<Target> {
  const found = await look(path);
  const asked = found?.isDirectory() ? join(path, basename(key)) : path;
  const existing = asked === path ? found : await look(asked);
  if (existing?.isDirectory()) throw new FileError(`${JSON.stringify(asked)} is a folder`);
  if (existing?.isFile() && !force) throw taken(asked);
  // A link is followed, as by cp: what it leads to is replaced, and not the link.
  return { asked, path: existing ? await realpath(asked) : asked, force, ...(existing && { existing }) };
}

/** @throws FileError; the error of the body, as it is */
export async function writeTarget(target: Target, body: Readable, signal: AbortSignal): Promise<void> {
  const { existing, path, asked } = target;
  try {
    // A device or a pipe (/dev/null) is written to: putting a file in its place would break the machine.
    if (existing && !existing.isFile()) return await pipeline(body, createWriteStream(path), { signal });
    await writeAside(target, body, signal);
  } catch (error) {
    body.destroy();
    if (error instanceof StorageError || error instanceof FileError || signal.aborted) throw error;
    throw fileFailure('write', asked, error);
  }
}

async function writeAside(target: Target, body: Readable, signal: AbortSignal): Promise<void> {
  const { path, existing } = target;
  const aside = join(dirname(path), `.nestjs-storage-${randomBytes(8).toString('hex')}.part`);
  const handle = await open(aside, 'wx');
  try {
    await writeFile(handle, body, { signal });
    await handle.sync();
    if (existing) await handle.chmod(existing.mode & 0o7777);
    await handle.close();
    await publish(aside, target);
  } finally {
    await handle.close();
    await rm(aside, { force: true });
  }
}

async function publish(aside: string, { path, asked, force }: Target): Promise<void> {
  if (force) return rename(aside, path);
  try {
    // Unlike a rename this never replaces what came to be there meanwhile.
    await link(aside, path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || (await look(path))) throw taken(asked);
    if (!NO_LINKS.has(code)) throw error;
    await rename(aside, path);
  }
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileFailure('write', path, error);
  }
}

function taken(path: string): FileError {
  return new FileError(`${JSON.stringify(path)} is there already`, { advice: 'Replace it with --force.' });
}
