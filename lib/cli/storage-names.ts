/** Storages by name: which variables of the environment are whose. */
import { detectBackend } from '../config/detect.js';
import { environmentSchema, readEnvironment } from '../config/environment.js';
import { StorageConfigurationError } from '../contract/index.js';
import { DEFAULT_STORAGE } from '../service/storage.registry.js';
import { UsageError } from './failures.js';

/** A storage as the command line knows it. */
export interface NamedStorage {
  /** Its name in the app: signed URLs of the app carry it. */
  readonly name: string;
  /** How its variables begin. */
  readonly envPrefix: string;
}

const OWN_PREFIX = 'STORAGE_';
const NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const PREFIX = /^[A-Z][A-Z0-9_]*_$/;

// The longest first: in STORAGE_A_MAX_URL_EXPIRATION the storage is `a`, and not `a-max`.
const SUFFIXES = Object.keys(environmentSchema.shape)
  .filter((name) => name.startsWith(OWN_PREFIX))
  .map((name) => name.slice(OWN_PREFIX.length))
  .sort((a, b) => b.length - a.length);

const KNOWN = new Set(Object.keys(environmentSchema.shape));

/**
 * `avatars` reads STORAGE_AVATARS_…, `default` reads STORAGE_…, `avatars=FILES_` reads FILES_….
 *
 * @throws UsageError
 */
export function namedStorage(text: string): NamedStorage {
  const [name = '', given, ...rest] = text.split('=');
  if (!NAME.test(name) || rest.length > 0) {
    throw new UsageError(
      `${JSON.stringify(text)} is no name of a storage`,
      'Names have lower-case letters, digits and "-": avatars reads the variables that begin with STORAGE_AVATARS_.',
    );
  }
  if (given !== undefined && !PREFIX.test(given)) {
    throw new UsageError(
      `${JSON.stringify(given)} is no prefix of variables`,
      'A prefix has capitals, digits and "_", and ends with "_": --storage avatars=FILES_',
    );
  }
  if (given !== undefined) return { name, envPrefix: given };
  if (name === DEFAULT_STORAGE) return { name, envPrefix: OWN_PREFIX };
  return { name, envPrefix: `${OWN_PREFIX}${name.toUpperCase().replaceAll('-', '_')}_` };
}

/** Names of the storages that an environment sets up, sorted. */
export function storagesIn(environment: NodeJS.ProcessEnv): string[] {
  const names = new Set<string>(meansBackend(environment) ? [DEFAULT_STORAGE] : []);
  for (const [variable, value] of Object.entries(environment)) {
    if (KNOWN.has(variable) || !variable.startsWith(OWN_PREFIX) || !value?.trim()) continue;
    const suffix = SUFFIXES.find((known) => variable.endsWith(`_${known}`));
    if (suffix === undefined) continue;
    const name = variable
      .slice(OWN_PREFIX.length, -suffix.length - 1)
      .toLowerCase()
      .replaceAll('_', '-');
    if (NAME.test(name)) names.add(name);
  }
  return [...names].sort();
}

/**
 * A storage without variables of its own would be one in memory, or in the account of another.
 *
 * @throws StorageConfigurationError that names the storages there are
 */
export function assertConfigured({ name, envPrefix }: NamedStorage, environment: NodeJS.ProcessEnv): void {
  // What is malformed is told by who reads it; here only what is missing counts.
  const own = SUFFIXES.some((suffix) => environment[`${envPrefix}${suffix}`]?.trim());
  if (envPrefix === OWN_PREFIX ? meansBackend(environment) : own && meansBackend(environment, envPrefix)) return;
  const found = storagesIn(environment);
  throw new StorageConfigurationError({
    reason: `the storage ${JSON.stringify(name)} is not configured: ${own ? `the variables that begin with ${envPrefix} name no backend` : `no variable begins with ${envPrefix}`}`,
    advice:
      found.length === 0
        ? `Set ${envPrefix}BACKEND and its settings in the environment, in a .env file here, or with --dotenv.`
        : `Storages with variables here: ${found.join(', ')}.`,
  });
}

function meansBackend(environment: NodeJS.ProcessEnv, prefix = OWN_PREFIX): boolean {
  try {
    return !detectBackend(readEnvironment(environment, prefix), prefix).fallback;
  } catch {
    return true;
  }
}
