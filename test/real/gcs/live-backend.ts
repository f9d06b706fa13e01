/** The backend of the live suite, made of the settings that an app would have: STORAGE_GCS_* and the machine's own. */
import { createBackend } from '../../../lib/config/create-backend.js';
import type { StorageOptions } from '../../../lib/config/options.js';
import { resolveOptions } from '../../../lib/config/resolve-options.js';
import type { StorageBackend } from '../../../lib/contract/index.js';
import { CHUNK } from './gcs.js';

/** @throws StorageConfigurationError where no bucket is set */
export async function liveBackend(options: Pick<StorageOptions, 'env' | 'gcs'> = {}): Promise<StorageBackend> {
  // The suite writes one object many times, and the service takes about one write a second of each.
  const gcs = { chunkSize: CHUNK, retry: { maxRetries: 8 }, ...options.gcs };
  return createBackend(resolveOptions({ ...options, backend: 'gcs', gcs }));
}
