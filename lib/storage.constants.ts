/** Injection tokens. Strings, so that they read well in Nest's errors and survive two copies of the package. */
import type { InjectionToken } from '@nestjs/common';
import { DEFAULT_STORAGE } from './service/storage.registry.js';
import { StorageService } from './storage.service.js';

/** Token of the default storage's backend. */
export const STORAGE_BACKEND = 'STORAGE_BACKEND';

/**
 * Token of a storage: the class StorageService for the default one, a string for a named one.
 *
 * @example Test.createTestingModule({ ... }).overrideProvider(getStorageToken()).useValue(new FakeStorage())
 * @publicApi
 */
export function getStorageToken(name: string = DEFAULT_STORAGE): InjectionToken<StorageService> {
  return name === DEFAULT_STORAGE ? StorageService : `STORAGE(${name})`;
}

/**
 * Token of a storage's backend: `STORAGE_BACKEND`, or `STORAGE_BACKEND(name)`.
 *
 * @publicApi
 */
export function getStorageBackendToken(name: string = DEFAULT_STORAGE): string {
  return name === DEFAULT_STORAGE ? STORAGE_BACKEND : `${STORAGE_BACKEND}(${name})`;
}

/** Token of a storage's options, as given. */
export function getStorageOptionsToken(name: string = DEFAULT_STORAGE): string {
  return name === DEFAULT_STORAGE ? 'STORAGE_OPTIONS' : `STORAGE_OPTIONS(${name})`;
}
