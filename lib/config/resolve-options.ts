/** Options and environment made one: the options win, and what they leave out is read from the environment. */
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { StorageConfigurationError, type StorageBackend } from '../contract/index.js';
import { detectBackend } from './detect.js';
import { BACKEND_KINDS, readEnvironment, type BackendKind, type StorageEnvironment } from './environment.js';
import { byteSize } from '../service/byte-size.js';
import type { StorageOptions } from './options.js';

export interface ResolvedStorageOptions {
  readonly backend: BackendKind | StorageBackend;
  readonly options: StorageOptions;
  readonly environment: StorageEnvironment;
  readonly urls: {
    readonly secrets: readonly string[];
    readonly baseUrl: string | undefined;
    readonly expiresIn: number | undefined;
    readonly maxExpiresIn: number | undefined;
    readonly inlineTypes: readonly string[];
  };
  readonly strictKeys: boolean;
  readonly maxFileSize: number | undefined;
  /** For the log: which backend and why. */
  readonly summary: string;
  readonly warnings: readonly string[];
}

const DEFAULT_LOCAL_ROOT = '/data/uploads';

/** @throws StorageConfigurationError */
export function resolveOptions(options: StorageOptions = {}): ResolvedStorageOptions {
  const environment = readEnvironment(options.env ?? process.env);
  const warnings: string[] = [];
  const { backend, summary } = chooseBackend(options, environment, warnings);
  const { urls = {} } = options;
  return {
    backend,
    options,
    environment,
    urls: {
      secrets: urlSecrets(urls.secret, environment, warnings),
      baseUrl: urls.baseUrl ?? environment.STORAGE_BASE_URL,
      expiresIn: urls.expiresIn ?? environment.STORAGE_URL_EXPIRATION,
      maxExpiresIn: urls.maxExpiresIn ?? environment.STORAGE_MAX_URL_EXPIRATION,
      inlineTypes: urls.inlineTypes ?? [],
    },
    strictKeys: options.strictKeys ?? environment.STORAGE_STRICT_KEYS ?? false,
    maxFileSize: byteSize('maxFileSize', options.maxFileSize) ?? environment.STORAGE_MAX_FILE_SIZE,
    summary,
    warnings,
  };
}

function chooseBackend(options: StorageOptions, environment: StorageEnvironment, warnings: string[]) {
  const { backend } = options;
  if (typeof backend === 'object') return { backend, summary: `${backend.name} (an instance was handed in)` };
  if (backend !== undefined) {
    if (!BACKEND_KINDS.includes(backend)) {
      throw new StorageConfigurationError({
        reason: `there is no backend named ${JSON.stringify(backend)}`,
        advice: `Use one of ${BACKEND_KINDS.join(', ')}, or pass a StorageBackend instance.`,
      });
    }
    return { backend, summary: `${backend} (the options say so)` };
  }
  const found = detectBackend(environment);
  if (found.backend === 'memory' && environment.STORAGE_BACKEND === undefined) {
    warnings.push(
      'No storage backend is configured: files are kept in memory and are lost when the process ends. ' +
        'Set STORAGE_BACKEND (and STORAGE_BASE_PATH for local) to keep them.',
    );
  }
  const also = found.alsoFound.length === 0 ? '' : `; also found: ${found.alsoFound.join(', ')}`;
  return { backend: found.backend, summary: `${found.backend} (${found.reason}${also})` };
}

function urlSecrets(
  given: string | readonly string[] | undefined,
  environment: StorageEnvironment,
  warnings: string[],
): readonly string[] {
  if (given !== undefined) return typeof given === 'string' ? [given] : given;
  const set = environment.STORAGE_URL_SECRET?.split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  if (set?.length) return set;
  warnings.push(
    'STORAGE_URL_SECRET is not set: a secret was generated, so signed URLs end with this process and fail on other ' +
      'instances. Set it to at least 32 random bytes, for example the output of: openssl rand -base64 32',
  );
  return [randomBytes(32).toString('base64url')];
}

/** Folder of the local backend: the option, STORAGE_BASE_PATH, the Railway volume, /data/uploads. */
export function localRoot({ options, environment }: ResolvedStorageOptions): string {
  const volume = environment.RAILWAY_VOLUME_MOUNT_PATH;
  return (
    options.local?.root ??
    environment.STORAGE_BASE_PATH ??
    (volume === undefined ? DEFAULT_LOCAL_ROOT : join(volume, 'uploads'))
  );
}
