/** The backend of the live suite, made of the settings that an app would have: CLOUDINARY_URL, STORAGE_CLOUDINARY_*. */
import { randomBytes } from 'node:crypto';
import { createBackend } from '../../../lib/config/create-backend.js';
import type { StorageOptions } from '../../../lib/config/options.js';
import { resolveOptions } from '../../../lib/config/resolve-options.js';
import type { StorageBackend } from '../../../lib/contract/index.js';

const MIB = 1024 * 1024;

/** In a folder of its own. @throws StorageConfigurationError where no account is set */
export async function liveBackend(options: Pick<StorageOptions, 'env' | 'cloudinary'> = {}): Promise<StorageBackend> {
  const folder = `conformance-${randomBytes(4).toString('hex')}`;
  const cloudinary = { folder, chunkBytes: 5 * MIB, ...options.cloudinary };
  return createBackend(resolveOptions({ ...options, backend: 'cloudinary', cloudinary }));
}
