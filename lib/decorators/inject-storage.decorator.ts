/** `@InjectStorage()`: the StorageService of a storage. */
import { Inject } from '@nestjs/common';
import { getStorageToken } from '../storage.constants.js';

/**
 * Injects a storage: the default one, or the one of that name.
 *
 * @example constructor(@InjectStorage('docs') private readonly storage: StorageService) {}
 * @publicApi
 */
export const InjectStorage = (name?: string): ParameterDecorator & PropertyDecorator => Inject(getStorageToken(name));
