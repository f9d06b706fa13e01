/** Opens a storage for one command, and closes it whatever comes of that. */
import { resolveOptions } from '../config/resolve-options.js';
import { createStorage } from '../create-storage.js';
import type { StorageService } from '../storage.service.js';
import { assertConfigured, namedStorage } from './storage-names.js';
import type { CommandContext } from './command-context.js';

/**
 * @param name of the storage, as namedStorage() reads it
 * @throws UsageError, StorageConfigurationError
 */
export async function withStorage<T>(
  context: CommandContext,
  name: string,
  work: (storage: StorageService) => Promise<T>,
): Promise<T> {
  const named = namedStorage(name);
  assertConfigured(named, process.env);
  const { terminal } = context;
  if (resolveOptions({ envPrefix: named.envPrefix, strict: false }).backend === 'memory') {
    terminal.note(
      `${terminal.styled('warning', 'warning:', 'error')} the storage ${named.name} is kept in memory: it is empty, and ends with this command.`,
    );
  }
  const storage = await createStorage(named);
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}
