/** Makes the backend that the options chose. Each driver is loaded only here, and only when it is used. */
import { StorageConfigurationError, type StorageBackend } from '../contract/index.js';
import { ReadOnlyBackend } from '../wrappers/index.js';
import type { BackendKind } from './environment.js';
import { byteSize } from '../service/byte-size.js';
import { localRoot, type ResolvedStorageOptions } from './resolve-options.js';

type Factory = (resolved: ResolvedStorageOptions) => Promise<StorageBackend>;

const FACTORIES: Partial<Record<BackendKind, Factory>> = {
  local: async (resolved) => {
    const { LocalBackend } = await import('../backends/local/index.js');
    return new LocalBackend({ ...resolved.options.local, root: localRoot(resolved) });
  },
  memory: async ({ options, environment }) => {
    const { MemoryBackend } = await import('../backends/memory/memory.backend.js');
    const maxBytes = byteSize('memory.maxBytes', options.memory?.maxBytes) ?? environment.STORAGE_MEMORY_MAX_BYTES;
    return new MemoryBackend({ maxBytes });
  },
};

/** @throws StorageConfigurationError when this version has no such backend, or a package it needs is missing */
export async function createBackend(resolved: ResolvedStorageOptions): Promise<StorageBackend> {
  const { backend, options, summary } = resolved;
  if (typeof backend === 'object') return options.readOnly ? new ReadOnlyBackend(backend) : backend;
  const create = FACTORIES[backend];
  if (!create) {
    throw new StorageConfigurationError({
      backend,
      reason: `the backend is not part of this version; it was chosen as ${summary}`,
      advice: `Set STORAGE_BACKEND to one of ${Object.keys(FACTORIES).join(', ')}, or pass a StorageBackend instance.`,
    });
  }
  const created = await create(resolved);
  return options.readOnly ? new ReadOnlyBackend(created) : created;
}
