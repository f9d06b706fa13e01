/** What the specs of the local backend share: short ways to write, read and list, and a root of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalBackend, type LocalBackendOptions } from '../../lib/backends/local/index.js';
import { parseKey, type ObjectInfo, type StageOptions, type StorageBackend } from '../../lib/contract/index.js';

export async function* once(bytes: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
}

/** Fails in the middle. */
export async function* failing(bytes: string, error: Error): AsyncGenerator<Uint8Array> {
  yield Buffer.from(bytes);
  throw error;
}

export async function put(
  backend: StorageBackend,
  key: string,
  bytes: string | Uint8Array,
  options: Partial<StageOptions> = {},
): Promise<ObjectInfo> {
  const staged = await backend.stage(parseKey(key), once(bytes), {
    contentType: 'text/x-test',
    metadata: { about: key },
    ...options,
  });
  return staged.commit();
}

export async function read(backend: StorageBackend, key: string): Promise<string> {
  return text((await backend.open(parseKey(key))).body);
}

export async function keys(backend: StorageBackend, prefix = ''): Promise<string[]> {
  return (await backend.list({ prefix, limit: 10_000 })).objects.map(({ key }) => key);
}

/** The error of what must fail. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Waits a little for descriptors whose closing nobody awaits. */
export async function settledDescriptorCount(atMost: number): Promise<number> {
  for (let look = 0; look < 100 && descriptorCount() > atMost; look++) await sleep(10);
  return descriptorCount();
}

/** Folders and backends that are gone after the test. */
export class LocalRig {
  readonly #made: (() => Promise<void>)[] = [];

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'local-rig-'));
    this.#made.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  backend(root: string, options: Partial<LocalBackendOptions> & { descriptors?: boolean } = {}): LocalBackend {
    const backend = new LocalBackend({ root, durability: 'rename', ...options });
    this.#made.push(() => backend.close());
    return backend;
  }

  async end(): Promise<void> {
    for (const undo of this.#made.splice(0).toReversed()) await undo();
  }
}
