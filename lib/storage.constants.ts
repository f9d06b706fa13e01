/** Injection tokens. Those of one name are one token, so that providers and overrides meet. */
import type { Abstract, InjectionToken } from '@nestjs/common';
import type { StorageBackend } from './contract/index.js';
import { namedToken } from './named-tokens.js';
import { DEFAULT_STORAGE } from './service/storage.registry.js';
import { StorageService } from './storage.service.js';

/** Token of the default storage's backend. */
export const STORAGE_BACKEND = 'STORAGE_BACKEND';

const storageTokens = new Map<string, typeof StorageService>();
const backendTokens = new Map<string, Abstract<StorageBackend>>();

/**
 * Token of a storage: the class StorageService for the default one, a subclass that stands for the name for others.
 *
 * @example Test.createTestingModule({ ... }).overrideProvider(getStorageToken()).useValue(new FakeStorage())
 * @publicApi
 */
export function getStorageToken(name: string = DEFAULT_STORAGE): InjectionToken<StorageService> {
  if (name === DEFAULT_STORAGE) return StorageService;
  const token = storageTokens.get(name) ?? namedToken(class extends StorageService {}, 'STORAGE', name);
  storageTokens.set(name, token);
  return token;
}

/**
 * Token of a storage's backend: the string `STORAGE_BACKEND` for the default one, a class for a named one.
 *
 * @publicApi
 */
export function getStorageBackendToken(name: string = DEFAULT_STORAGE): InjectionToken<StorageBackend> {
  if (name === DEFAULT_STORAGE) return STORAGE_BACKEND;
  const token = backendTokens.get(name) ?? namedToken(class {} as new () => StorageBackend, STORAGE_BACKEND, name);
  backendTokens.set(name, token);
  return token;
}

/** Token of a storage's options, as given. */
export function getStorageOptionsToken(name: string = DEFAULT_STORAGE): string {
  return name === DEFAULT_STORAGE ? 'STORAGE_OPTIONS' : `STORAGE_OPTIONS(${name})`;
}
