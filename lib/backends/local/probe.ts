/** The health probe: whether the root can be read and, if asked, written. */
import { randomBytes } from 'node:crypto';
import { StorageUnavailableError } from '../../contract/index.js';
import { fsync, read, writeAll } from './fs-calls.js';
import { isMissing, rootIsGone } from './fs-errors.js';
import { readLayout } from './layout.js';
import type { LocalStore } from './store.js';

const DETAILS = { operation: 'checkHealth', backend: 'local' } as const;

/**
 * The written file is a temporary one: under a name of its own, since several processes may probe at once, never
 * listed, and swept like the others should the process die over it.
 *
 * @throws errors of the file system
 */
export async function probe(store: LocalStore, write: boolean, throwIfAborted: () => void): Promise<void> {
  throwIfAborted();
  try {
    (await store.root.openFolder('')).close();
    await readLayout(store.root);
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw rootIsGone(error, DETAILS);
  }
  if (!write) return;
  throwIfAborted();
  await store.ensureWritable();
  const temp = await store.temps.create('health');
  try {
    const sent = randomBytes(32);
    await writeAll(temp.fd, [sent], 0);
    if (store.settings.durable) await fsync(temp.fd);
    throwIfAborted();
    const got = Buffer.alloc(sent.length);
    const bytes = await read(temp.fd, got, got.length, 0);
    if (bytes !== sent.length || !got.equals(sent)) throw failed('the disk gives back other bytes than were written');
  } finally {
    await temp.discard();
  }
}

function failed(reason: string): StorageUnavailableError {
  return new StorageUnavailableError({ ...DETAILS, reason });
}
