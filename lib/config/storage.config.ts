/** The settings as a namespace of @nestjs/config. */
import { registerAs } from '@nestjs/config';
import { BACKEND_SETTINGS } from './backend-settings.js';
import type { EnvironmentSource } from './environment.js';
import type { StorageOptions } from './options.js';
import { resolveOptions } from './resolve-options.js';

/**
 * The options of StorageModule that an environment gives, typed and checked.
 *
 * @param options win over the environment
 * @throws StorageConfigurationError that tells every problem at once
 * @publicApi
 */
export function storageOptionsFrom(env: EnvironmentSource, options: StorageOptions = {}): StorageOptions {
  const resolved = resolveOptions({ ...options, env }, () => 'perhaps');
  const { backend, fallback, strictKeys, maxFileSize, strict } = resolved;
  const { secrets, baseUrl, expiresIn, maxExpiresIn, inlineTypes } = resolved.urls;
  return {
    ...options,
    // The fallback is left for the module to choose again, with its warning.
    ...(!fallback && { backend }),
    ...(typeof backend === 'string' && { [backend]: BACKEND_SETTINGS[backend](resolved) }),
    urls: { secret: secrets, baseUrl, expiresIn, maxExpiresIn, inlineTypes },
    strictKeys,
    maxFileSize,
    strict,
    env,
  };
}

/**
 * The environment's settings as the namespace `storage` of @nestjs/config, read after its .env files.
 *
 * @example StorageModule.forRootAsync(storageConfig.asProvider())
 * @publicApi
 */
export const storageConfig = registerAs('storage', () => storageOptionsFrom(process.env));
