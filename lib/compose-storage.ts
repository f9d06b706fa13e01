/** Puts backend, URLs, scope and policy of one storage together, the same way inside and outside Nest. */
import type { ResolvedStorageOptions } from './config/resolve-options.js';
import type { StorageBackend, UrlSigner } from './contract/index.js';
import { scopeContext } from './service/current-request.js';
import { StorageService } from './storage.service.js';
import { AppUrlsBackend, DynamicScopeBackend, ReadOnlyBackend } from './wrappers/index.js';

export interface ComposedStorage {
  /** What apps get. */
  readonly storage: StorageService;
  /** The whole of it; the same object where there is no scope. */
  readonly base: StorageService;
}

/** @param signer of the app's signed routes, for backends that make no URLs themselves */
export function composeStorage(
  name: string,
  backend: StorageBackend,
  resolved: ResolvedStorageOptions,
  signer?: UrlSigner,
): ComposedStorage {
  const needsUrls = signer !== undefined && backend.capabilities.getUrl.length === 0;
  const reached = needsUrls ? new AppUrlsBackend(backend, name, signer) : backend;
  const readOnly = resolved.options.readOnly === true || resolved.backend instanceof ReadOnlyBackend;
  // Outside of the URLs, since a URL for uploading is a way to write.
  const whole = readOnly ? new ReadOnlyBackend(reached) : reached;
  const settings = {
    name,
    strictKeys: resolved.strictKeys,
    maxFileSize: resolved.maxFileSize,
    urlExpiration: resolved.urls.expiresIn,
    maxUrlExpiration: resolved.urls.maxExpiresIn,
  };
  const base = new StorageService(whole, settings);
  const { scope } = resolved.options;
  if (!scope) return { storage: base, base };
  const context = scopeContext(name);
  // Outermost, so that the signed URLs hold the whole key.
  return { storage: new StorageService(new DynamicScopeBackend(whole, () => scope(context)), settings), base };
}
