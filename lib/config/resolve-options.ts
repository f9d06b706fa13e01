/** Options and environment made one: the options win, and what they leave out is read from the environment. */
import { randomBytes } from 'node:crypto';
import { StorageConfigurationError, type StorageBackend } from '../contract/index.js';
import { byteSize } from '../service/byte-size.js';
import { DEFAULT_MAX_EXPIRATION } from '../service/url-requests.js';
import { problemsOf, type SettingsSource } from './backend-settings.js';
import { detectBackend } from './detect.js';
import {
  BACKEND_KINDS,
  readVariables,
  SettingsError,
  toldEnvironment,
  variableName,
  type BackendKind,
} from './environment.js';
import type { StorageOptions } from './options.js';
import { urlSettings, type UrlSettings } from './url-settings.js';

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
  /** The variables that were read, as `NAME=value`, secrets masked. */
  readonly told: readonly string[];
  readonly warnings: readonly string[];
}

/** One for the process: all its storages and apps verify each other's links. */
let generatedSecret: string | undefined;

/** @throws StorageConfigurationError */
export function resolveOptions(options: StorageOptions = {}): ResolvedStorageOptions {
  const prefix = checkedPrefix(options.envPrefix ?? 'STORAGE_');
  const read = readVariables(options.env ?? process.env, prefix);
  const { environment } = read;
  const source = { options, environment, prefix };
  const problems = [...read.problems];
  const urls = urlSettings(options.urls ?? {}, environment, prefix, problems);
  if (problems.length > 0) throw new SettingsError([...problems, ...problemsBehind(source, problems)]);
  const strict = options.strict ?? environment.NODE_ENV === 'production';
  const warnings: string[] = [];
  const { backend, summary, fallback = false } = chooseBackend(source, strict, warnings);
  const kind = typeof backend === 'string' ? backend : undefined;
  const short = cutExpiry(urls, prefix);
  if (short !== undefined) warnings.push(short);
  return {
    ...source,
    backend,
    summary,
    fallback,
    urls,
    strictKeys: options.strictKeys ?? environment.STORAGE_STRICT_KEYS ?? false,
    maxFileSize: byteSize('maxFileSize', options.maxFileSize) ?? environment.STORAGE_MAX_FILE_SIZE,
    strict,
    told: toldEnvironment(environment, prefix, { kind, explicit: options.backend !== undefined }),
    warnings,
  };
}

/** A warning where the default expiry is over the maximum, which cuts it. */
function cutExpiry({ expiresIn, maxExpiresIn = DEFAULT_MAX_EXPIRATION }: UrlSettings, prefix: string) {
  if (expiresIn === undefined || expiresIn <= maxExpiresIn) return undefined;
  const [lower, higher] = ['STORAGE_URL_EXPIRATION', 'STORAGE_MAX_URL_EXPIRATION'].map((name) =>
    variableName(name, prefix),
  );
  return (
    `Links are to live for ${expiresIn} seconds, over the maximum of ${maxExpiresIn}: they end after ${maxExpiresIn}. ` +
    `Set ${lower} lower, or ${higher} higher.`
  );
}

/** Something is wrong already: what the backend's own settings lack is told with it. */
function problemsBehind(source: Omit<SettingsSource, 'summary'>, problems: readonly string[]): readonly string[] {
  const { options, environment, prefix } = source;
  // Which backend was meant is not known.
  const named = variableName('STORAGE_BACKEND', prefix);
  if (options.backend === undefined && problems.some((problem) => problem.startsWith(`${named} `))) return [];
  const kind = options.backend ?? detectBackend(environment, prefix).backend;
  return isKind(kind) ? problemsOf(kind, { ...source, summary: kind }) : [];
}

function isKind(backend: unknown): backend is BackendKind {
  return BACKEND_KINDS.some((kind) => kind === backend);
}

/**
 * The secrets of the app's own URLs. Asked only where a storage has such URLs: a bucket that signs its own needs none.
 *
 * @param warn told when a secret is generated
 * @throws StorageConfigurationError where a generated secret is not allowed
 */
export function signingSecrets(resolved: ResolvedStorageOptions, warn: (message: string) => void): readonly string[] {
  const { urls, strict, prefix } = resolved;
  if (urls.secrets !== undefined) return urls.secrets;
  const name = variableName('STORAGE_URL_SECRET', prefix);
  const advice = 'Set it to at least 32 random bytes, for example the output of: openssl rand -base64 32';
  if (strict) {
    throw new StorageConfigurationError({
      reason: `${name} is not set, and a generated secret is refused where the storage is strict (as in production)`,
      advice: `${advice}. strict: false allows a generated one.`,
    });
  }
  warn(
    `${name} is not set: a secret was generated, so signed URLs end with this process and fail on other instances. ${advice}`,
  );
  generatedSecret ??= randomBytes(32).toString('base64url');
  return [generatedSecret];
}

function chooseBackend(
  { options, environment, prefix }: Omit<SettingsSource, 'summary'>,
  strict: boolean,
  warnings: string[],
): { backend: BackendKind | StorageBackend; summary: string; fallback?: boolean } {
  const { backend } = options;
  if (isBackend(backend)) return { backend, summary: `${backend.name} (an instance was handed in)` };
  if (backend !== undefined && !isKind(backend)) {
    const given: unknown = backend;
    throw new StorageConfigurationError({
      reason:
        typeof given === 'string'
          ? `there is no backend named ${JSON.stringify(given)}`
          : `the option backend holds ${typeof given === 'function' ? 'a class' : 'something'} that is no backend`,
      advice: `Use one of ${BACKEND_KINDS.join(', ')}, or pass an instance of a StorageBackend.`,
    });
  }
  const found = detectBackend(environment, prefix);
  if (backend !== undefined && (backend !== found.backend || found.fallback)) {
    const others = found.fallback ? [] : [`${found.backend} (${found.reason})`, ...found.alsoFound];
    const beside = others.filter((other) => !other.startsWith(`${backend} `));
    return { backend, summary: `${backend} (the options say so${alsoFound(beside)})` };
  }
  if (found.fallback) refuseOrWarn(variableName('STORAGE_BACKEND', prefix), strict, warnings);
  return {
    backend: found.backend,
    fallback: found.fallback,
    summary: `${found.backend} (${found.reason}${alsoFound(found.alsoFound)})`,
  };
}

function alsoFound(others: readonly string[]): string {
  return others.length === 0 ? '' : `; also found: ${others.join(', ')}`;
}

/** By shape: a backend may come of another copy of this package. */
function isBackend(backend: unknown): backend is StorageBackend {
  return typeof backend === 'object' && backend !== null && 'stage' in backend && 'capabilities' in backend;
}

function refuseOrWarn(variable: string, strict: boolean, warnings: string[]): void {
  const advice = `Set ${variable} to local, s3, gcs or cloudinary to keep them`;
  if (strict) {
    throw new StorageConfigurationError({
      reason:
        'no backend is configured, and keeping files in memory is refused where the storage is strict (as in production)',
      advice: `${advice}, to memory if that is meant, or allow the fallback with strict: false.`,
    });
  }
  warnings.push(
    `No storage backend is configured: files are kept in memory and are lost when the process ends. ${advice}.`,
  );
}

function checkedPrefix(prefix: string): string {
  if (!/^[A-Z][A-Z0-9_]*_$/.test(prefix)) {
    throw new StorageConfigurationError({
      reason: `envPrefix is ${JSON.stringify(prefix)}`,
      advice: 'It is made of capitals, digits and "_", and ends with "_": STORAGE_AVATARS_',
    });
  }
  return prefix;
}
