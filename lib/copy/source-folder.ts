/** A folder that is not there lists like an empty one: copied from a mistyped path, nothing would be all there is. */
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { StorageUnavailableError } from '../contract/index.js';
import { codeOf } from '../disk/errno.js';
import type { StorageService } from '../storage.service.js';

/** @throws StorageUnavailableError where the source is a folder of this machine, and is missing */
export async function assertFolderIsThere({ location, backendName }: StorageService): Promise<void> {
  if (!location?.startsWith('file:')) return;
  try {
    await stat(fileURLToPath(location));
  } catch (error) {
    // Whatever else is wrong with it was told by the listing.
    if (codeOf(error) !== 'ENOENT') return;
    throw new StorageUnavailableError({
      operation: 'copy',
      backend: backendName,
      reason: 'the folder of the source is not there',
      advice: 'Mount its volume, or correct the path of the source.',
      cause: error,
    });
  }
}
