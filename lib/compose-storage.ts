/** Puts backend, URLs and policy of one storage together, the same way inside and outside Nest. */
import type { ResolvedStorageOptions } from './config/index.js';
import type { StorageBackend, UrlSigner } from './contract/index.js';
import { StorageService } from './storage.service.js';
import { AppUrlsBackend } from './wrappers/index.js';

/** @param signer of the app's signed routes, for backends that make no URLs themselves */
export function composeStorage(
  name: string,
  backend: StorageBackend,
  resolved: ResolvedStorageOptions,
  signer?: UrlSigner,
): StorageService {
  const needsUrls = signer !== undefined && backend.capabilities.getUrl.length === 0;
  return new StorageService(needsUrls ? new AppUrlsBackend(backend, name, signer) : backend, {
    name,
    strictKeys: resolved.strictKeys,
    maxFileSize: resolved.maxFileSize,
    urlExpiration: resolved.urls.expiresIn,
    maxUrlExpiration: resolved.urls.maxExpiresIn,
  });
}
