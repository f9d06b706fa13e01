/** Settings of the signed URLs: the option, else the variable, and what is wrong told by name. */
import { MIN_SECRET_BYTES } from '../files/signing-keys.js';
import type { SettingsSource } from './backend-settings.js';
import { variableName, type StorageEnvironment } from './environment.js';
import type { StorageUrlOptions } from './options.js';

const SHARED_BASE_URL = 'STORAGE_BASE_URL';

export interface UrlSettings {
  /** Undefined where none is set: signingSecrets() then decides. */
  readonly secrets: readonly string[] | undefined;
  readonly baseUrl: string | undefined;
  /** Seconds. */
  readonly expiresIn: number | undefined;
  /** Seconds. */
  readonly maxExpiresIn: number | undefined;
  readonly inlineTypes: readonly string[];
}

/** @param problems takes what is wrong */
export function urlSettings(
  urls: StorageUrlOptions,
  environment: StorageEnvironment,
  prefix: string,
  problems: string[],
): UrlSettings {
  const secrets = givenSecrets(urls.secret, environment.STORAGE_URL_SECRET);
  if (secrets?.some((secret) => typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES)) {
    const name = urls.secret === undefined ? variableName('STORAGE_URL_SECRET', prefix) : 'the option urls.secret';
    problems.push(
      `${name} must have at least ${MIN_SECRET_BYTES} bytes in each secret, such as the output of: openssl rand -base64 32`,
    );
  }
  for (const name of ['expiresIn', 'maxExpiresIn'] as const) {
    const value: unknown = urls[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= 1)) {
      problems.push(
        `the option urls.${name} must be a whole number of seconds from 1, and is ${JSON.stringify(value)}`,
      );
    }
  }
  return {
    secrets,
    baseUrl: urls.baseUrl ?? environment.STORAGE_BASE_URL,
    expiresIn: urls.expiresIn ?? environment.STORAGE_URL_EXPIRATION,
    maxExpiresIn: urls.maxExpiresIn ?? environment.STORAGE_MAX_URL_EXPIRATION,
    inlineTypes: urls.inlineTypes ?? [],
  };
}

/** Whether the base URL was given for this storage alone; else it is that of `STORAGE_BASE_URL`, shared by all. */
export function hasOwnBaseUrl({ options, prefix }: Pick<SettingsSource, 'options' | 'prefix'>): boolean {
  const { urls, env } = options;
  const own = variableName(SHARED_BASE_URL, prefix);
  if (own !== SHARED_BASE_URL && (env ?? process.env)[own]?.trim()) return true;
  // storageConfig hands the variable on as an option, beside the environment it is from.
  return urls?.baseUrl !== undefined && urls.baseUrl !== env?.[SHARED_BASE_URL]?.trim();
}

function givenSecrets(given: string | readonly string[] | undefined, variable: string | undefined) {
  if (given !== undefined) return typeof given === 'string' ? [given] : given;
  const set = variable
    ?.split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  return set?.length ? set : undefined;
}
