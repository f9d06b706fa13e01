/** The storage outside Nest: scripts, workers, migrations. */
import { composeStorage } from './compose-storage.js';
import { createBackend } from './config/create-backend.js';
import type { StorageOptions } from './config/options.js';
import { resolveOptions } from './config/resolve-options.js';
import { SignedUrls } from './files/signed-urls.js';
import { DEFAULT_STORAGE } from './service/storage.registry.js';
import type { StorageService } from './storage.service.js';
import { BorrowedBackend } from './wrappers/index.js';

/**
 * Makes the service that StorageModule injects, without Nest. Close it when done.
 *
 * URLs of backends that make none themselves are those of the app's signed routes: they need its base URL
 * (`urls.baseUrl` or STORAGE_BASE_URL), with the path under which the app serves this storage, and its secret. Without
 * one of them there are no such URLs.
 *
 * @param options with what they leave out read from the environment; `name` is the storage's name in the app
 * @throws StorageConfigurationError
 * @publicApi
 */
export async function createStorage(
  options: StorageOptions & { readonly name?: string } = {},
): Promise<StorageService> {
  const { name = DEFAULT_STORAGE, ...given } = options;
  const resolved = resolveOptions(given);
  const { baseUrl, secrets } = resolved.urls;
  // A secret made up here would sign URLs that no app verifies.
  const signer = baseUrl === undefined || secrets === undefined ? undefined : new SignedUrls({ secrets, baseUrl });
  const made = await createBackend(resolved);
  const backend = typeof resolved.backend === 'string' ? made : new BorrowedBackend(made);
  return composeStorage(name, backend, resolved, signer).storage;
}
