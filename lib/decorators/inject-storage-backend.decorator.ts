/** `@InjectStorageBackend()`: the driver behind a storage, for what only that store can do. */
import { Inject } from '@nestjs/common';
import { getStorageBackendToken } from '../storage.constants.js';

/**
 * Injects the backend of a storage. Keys must come from parseKey().
 *
 * @publicApi
 */
export const InjectStorageBackend = (name?: string): ParameterDecorator & PropertyDecorator =>
  Inject(getStorageBackendToken(name));
