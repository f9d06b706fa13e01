/** What the store keeps below its root beside the objects: one hidden folder with a version on it. */
import { hash, randomUUID } from 'node:crypto';
import fs, { type BigIntStats } from 'node:fs';
import { RESERVED_SEGMENT, StorageConfigurationError } from '../../contract/index.js';
import { codeOf } from '../../disk/errno.js';
import type { ContainedRoot } from './contained-root.js';
import { close, fsync, link, open, read, unlink, writeAll } from './fs-calls.js';
import { isMissing } from './fs-errors.js';

export const INTERNAL = RESERVED_SEGMENT;
export const TEMP = `${INTERNAL}/tmp`;
export const META = `${INTERNAL}/meta`;
export const LOCKS = `${INTERNAL}/locks`;
/** Everything the store keeps for itself is for its own user alone. */
export const INTERNAL_MODE = 0o700;

const FILE = 'layout.json';
const VERSION = 1;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = fs.constants;

export interface Layout {
  readonly version: number;
  /** Name of this store, a part of its etags. */
  readonly id: string;
}

/**
 * The name of a store that has no layout yet. The first write keeps it, since objects that were there before have been
 * given etags with it.
 */
export function nameOfFolder({ ino, birthtimeNs }: BigIntStats): string {
  return hash('sha256', `${ino}:${birthtimeNs}`, 'base64url').slice(0, 22);
}

function parsed(text: string): Layout {
  let layout: Partial<Layout> | null = null;
  try {
    layout = JSON.parse(text) as Partial<Layout> | null;
  } catch {
    // Told below.
  }
  if (layout?.version === VERSION && typeof layout.id === 'string') return { version: VERSION, id: layout.id };
  throw new StorageConfigurationError({
    backend: 'local',
    reason: 'the root holds a store of a layout that this version does not know',
    advice: `This version knows layout ${VERSION}: use the version that wrote it, or another root.`,
  });
}

/** Undefined where the root is not a store yet. @throws StorageConfigurationError for an unknown version */
export async function readLayout(root: ContainedRoot): Promise<Layout | undefined> {
  let fd: number;
  try {
    ({ fd } = await root.openFile(`${INTERNAL}/${FILE}`));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(4096);
    return parsed(buffer.toString('utf8', 0, await read(fd, buffer, buffer.length, 0)));
  } finally {
    await close(fd);
  }
}

/** Makes the root a store of that name, or reads what another process just made of it. */
export async function createLayout(root: ContainedRoot, id: string, durable: boolean): Promise<Layout> {
  const layout: Layout = { version: VERSION, id };
  const folder = await root.makeFolder(INTERNAL, INTERNAL_MODE, durable);
  const temporary = folder.pathOf(`${FILE}.${randomUUID()}`);
  try {
    const fd = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      await writeAll(fd, [Buffer.from(`${JSON.stringify(layout)}\n`)], 0);
      if (durable) await fsync(fd);
    } finally {
      await close(fd);
    }
    await publish(temporary, folder.pathOf(FILE));
    if (durable) await folder.sync();
  } finally {
    await unlink(temporary).catch(() => undefined);
    folder.close();
  }
  const made = await readLayout(root);
  return made ?? layout;
}

/** The first one to come stays, where the file system has hard links; each process reads what is there afterwards. */
async function publish(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    if (!lacksHardLinks(error)) throw error;
    await fs.promises.copyFile(from, to, fs.constants.COPYFILE_EXCL).catch((failure: unknown) => {
      if (codeOf(failure) !== 'EEXIST') throw failure;
    });
  }
}

const NO_LINKS = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

/** Whether link(2) failed because the file system (or its protection of links) does not allow it here. */
export function lacksHardLinks(error: unknown): boolean {
  return NO_LINKS.has(codeOf(error) ?? '');
}
