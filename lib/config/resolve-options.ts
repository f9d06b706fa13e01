/** Options and environment made one: the options win, and what they leave out is read from the environment. */
import { randomBytes } from 'node:crypto';
import type { StorageBackend } from '../contract/index.js';
import { byteSize, type ByteSize } from '../service/byte-size.js';
import { linksLeadToApp, problemsOf, type SettingsSource } from './backend-settings.js';
import { chooseBackend } from './choose-backend.js';
import { DEFAULTS } from './defaults.js';
import { readVariables, type BackendKind } from './environment.js';
import { assertOptionsObject, optionNameProblems } from './option-names.js';
import type { StorageOptions } from './options.js';
import { problemsIn, SettingsError } from './settings-error.js';
import { urlSettings, type UrlSettings } from './url-settings.js';
import { Variables } from './variables.js';

/** Options and environment together, checked, with defaults filled in. */
export interface ResolvedStorageOptions extends SettingsSource {
  readonly backend: BackendKind | StorageBackend;
  /** Nothing named a backend: memory is what is left. */
  readonly fallback: boolean;
  readonly urls: UrlSettings;
  readonly strictKeys: boolean;
  readonly maxFileSize: number | undefined;
  /** Refuse the fallback to memory and a generated URL secret. */
  readonly strict: boolean;
  /** The variables that counted, as `NAME=value`, secrets masked. */
  readonly told: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Whether a storage signs links of its own where its store has none, and so needs a secret. `perhaps`: only its module
 * knows; then a missing secret is told beside other problems, and is none alone.
 */
export type Signs = (resolved: ResolvedStorageOptions) => boolean | 'perhaps';

/** One for the process: all its storages and apps verify each other's links. */
let generatedSecret: string | undefined;

/**
 * @param signs unless given, a storage without a secret is one without such links
 * @throws StorageConfigurationError that tells every problem at once
 */
export function resolveOptions(options: StorageOptions = {}, signs: Signs = () => false): ResolvedStorageOptions {
  assertOptionsObject(options);
  const problems = optionNameProblems(options);
  const warnings: string[] = [];
  const { envPrefix: prefix = 'STORAGE_' } = options;
  if (!isPrefix(prefix)) throw new SettingsError([...problems, wrongPrefix(prefix)]);
  const read = readVariables(options.env ?? process.env, prefix);
  const { environment } = read;
  const variables = new Variables(read, prefix);
  const source = { options, environment, variables, prefix };
  problems.push(...read.problems);
  const urls = urlSettings(source, problems, warnings);
  const maxFileSize = sizeOption('maxFileSize', options.maxFileSize, problems);
  const production = environment.NODE_ENV === undefined ? undefined : environment.NODE_ENV === 'production';
  const strict = variables.settle(options.strict, production, 'NODE_ENV') ?? false;
  const chosen = chooseBackend(source, strict, problems, warnings);
  if (chosen === undefined) throw new SettingsError(problems);
  const settings = { ...source, ...chosen };
  if (typeof chosen.backend === 'string') problems.push(...problemsOf(chosen.backend, settings));
  const resolved = {
    ...settings,
    urls,
    strictKeys: variables.pick(options.strictKeys, 'STORAGE_STRICT_KEYS') ?? DEFAULTS.STORAGE_STRICT_KEYS,
    maxFileSize: variables.pick(maxFileSize, 'STORAGE_MAX_FILE_SIZE'),
    strict,
    warnings,
    // Last, when all that may count was asked for.
    told: variables.told(),
  };
  if (strict && urls.secrets === undefined && linksLeadToApp(chosen.backend, resolved)) {
    const needed = signs(resolved);
    if (needed === true || (needed === 'perhaps' && problems.length > 0)) problems.push(secretRefusal(variables));
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return resolved;
}

const SECRET_ADVICE = 'Set it to at least 32 random bytes, for example the output of: openssl rand -base64 32';

function unsetSecret(variables: Variables): string {
  const name = variables.name('STORAGE_URL_SECRET');
  return name === 'STORAGE_URL_SECRET' ? name : `${name} (or STORAGE_URL_SECRET, for all storages)`;
}

function secretRefusal(variables: Variables): string {
  return (
    `${unsetSecret(variables)} is not set, and a generated secret is refused where the storage is strict (as in ` +
    `production). ${SECRET_ADVICE}. strict: false allows a generated one`
  );
}

/**
 * The secrets of the app's own URLs. Asked only where a storage has such URLs: a bucket that signs its own needs none.
 *
 * @param warn told when a secret is generated
 * @throws StorageConfigurationError where a generated secret is not allowed
 */
export function signingSecrets(resolved: ResolvedStorageOptions, warn: (message: string) => void): readonly string[] {
  const { urls, strict, variables } = resolved;
  if (urls.secrets !== undefined) return urls.secrets;
  if (strict) throw new SettingsError([secretRefusal(variables)]);
  warn(
    `${unsetSecret(variables)} is not set: a secret was generated, so signed URLs end with this process and fail on ` +
      `other instances. ${SECRET_ADVICE}`,
  );
  generatedSecret ??= randomBytes(32).toString('base64url');
  return [generatedSecret];
}

function sizeOption(name: string, value: ByteSize | undefined, problems: string[]): number | undefined {
  let size: number | undefined;
  problems.push(...problemsIn(() => (size = byteSize(`the option ${name}`, value))));
  return size;
}

function isPrefix(prefix: string): boolean {
  return /^[A-Z][A-Z0-9_]*_$/.test(prefix);
}

function wrongPrefix(prefix: string): string {
  return (
    `envPrefix is ${JSON.stringify(prefix)}: it is made of capitals, digits and "_", and ends with "_", ` +
    'as STORAGE_AVATARS_ does'
  );
}
