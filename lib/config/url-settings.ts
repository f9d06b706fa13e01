/** Settings of the signed URLs: the option, else the variable, and what is wrong told by name. */
import { MIN_SECRET_BYTES } from '../files/signing-keys.js';
import type { SettingsSource } from './backend-settings.js';
import { DEFAULTS } from './defaults.js';
import { environmentSchema, variableName, type VariableName } from './environment.js';
import type { StorageUrlOptions } from './options.js';
import type { Variables } from './variables.js';

const SHARED_BASE_URL = 'STORAGE_BASE_URL';

export interface UrlSettings {
  /** Undefined where none is set: signingSecrets() then decides. */
  readonly secrets: readonly string[] | undefined;
  readonly baseUrl: string | undefined;
  /** Seconds. */
  readonly expiresIn: number;
  /** Seconds. */
  readonly maxExpiresIn: number;
  readonly inlineTypes: readonly string[];
}

type UrlSource = Pick<SettingsSource, 'options' | 'environment' | 'variables'>;

/**
 * @param problems takes what is wrong
 * @param warnings takes what is likely not meant
 */
export function urlSettings(source: UrlSource, problems: string[], warnings: string[]): UrlSettings {
  const { environment, variables } = source;
  const urls = source.options.urls ?? {};
  const fromVariable = separated(environment.STORAGE_URL_SECRET);
  const secrets = variables.settle(listed(urls.secret), fromVariable, 'STORAGE_URL_SECRET');
  if (secrets?.some((secret) => typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES)) {
    const name = urls.secret === undefined ? variables.name('STORAGE_URL_SECRET') : 'the option urls.secret';
    problems.push(
      `${name} must have at least ${MIN_SECRET_BYTES} bytes in each secret, such as the output of: openssl rand -base64 32`,
    );
  }
  if (urls.baseUrl !== undefined) {
    const { error } = environmentSchema.shape.STORAGE_BASE_URL.safeParse(urls.baseUrl);
    problems.push(...(error?.issues ?? []).map(({ message }) => `the option urls.baseUrl ${message}`));
  }
  problems.push(...wrongSeconds('expiresIn', urls), ...wrongSeconds('maxExpiresIn', urls));
  return {
    secrets,
    baseUrl: variables.pick(urls.baseUrl, SHARED_BASE_URL),
    ...expiries(urls, variables, warnings),
    inlineTypes: urls.inlineTypes ?? [],
  };
}

/** A default of our own gives way to the maximum; one that somebody set is told when the maximum cuts it. */
function expiries(urls: StorageUrlOptions, variables: Variables, warnings: string[]) {
  const maxExpiresIn =
    variables.pick(urls.maxExpiresIn, 'STORAGE_MAX_URL_EXPIRATION') ?? DEFAULTS.STORAGE_MAX_URL_EXPIRATION;
  const asked = variables.pick(urls.expiresIn, 'STORAGE_URL_EXPIRATION');
  if (asked !== undefined && asked > maxExpiresIn) {
    const lower = settingOf('expiresIn', 'STORAGE_URL_EXPIRATION', urls, variables);
    const higher = settingOf('maxExpiresIn', 'STORAGE_MAX_URL_EXPIRATION', urls, variables);
    warnings.push(
      `Links are to live for ${asked} seconds, over the maximum of ${maxExpiresIn}: they end after ${maxExpiresIn}. ` +
        `Set ${lower} lower, or ${higher} higher.`,
    );
  }
  return { expiresIn: asked ?? Math.min(DEFAULTS.STORAGE_URL_EXPIRATION, maxExpiresIn), maxExpiresIn };
}

/** Who says it: the option, unless it only hands on the variable. */
function settingOf(
  option: 'expiresIn' | 'maxExpiresIn',
  variable: VariableName,
  urls: StorageUrlOptions,
  variables: Variables,
): string {
  const byOption = urls[option] !== undefined && !variables.counted(variable);
  return byOption ? `the option urls.${option}` : variables.name(variable);
}

function wrongSeconds(name: 'expiresIn' | 'maxExpiresIn', urls: StorageUrlOptions): string[] {
  const value: unknown = urls[name];
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1)) return [];
  return [`the option urls.${name} must be a whole number of seconds from 1, and is ${JSON.stringify(value)}`];
}

/** Whether the base URL was given for this storage alone; else it is that of `STORAGE_BASE_URL`, shared by all. */
export function hasOwnBaseUrl({ options, prefix }: Pick<SettingsSource, 'options' | 'prefix'>): boolean {
  const { urls, env } = options;
  const own = variableName(SHARED_BASE_URL, prefix);
  if (own !== SHARED_BASE_URL && (env ?? process.env)[own]?.trim()) return true;
  // storageConfig hands the variable on as an option, beside the environment it is from.
  return urls?.baseUrl !== undefined && urls.baseUrl !== env?.[SHARED_BASE_URL]?.trim();
}

function listed(given: string | readonly string[] | undefined): readonly string[] | undefined {
  return typeof given === 'string' ? [given] : given;
}

function separated(variable: string | undefined): readonly string[] | undefined {
  const secrets = variable
    ?.split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  return secrets?.length ? secrets : undefined;
}
