/** Which backend a storage gets: the one that the options say, else the one that the environment means. */
import type { StorageBackend } from '../contract/index.js';
import type { SettingsSource } from './backend-settings.js';
import { detect } from './detect.js';
import { BACKEND_KINDS, type BackendKind } from './environment.js';

export interface ChosenBackend {
  readonly backend: BackendKind | StorageBackend;
  /** Which one and why, for log and errors. */
  readonly summary: string;
  /** Nothing named a backend: memory is what is left. */
  readonly fallback: boolean;
}

/**
 * @param strict refuses the fallback to memory
 * @param problems takes what is wrong
 * @param warnings takes what is likely not meant
 * @returns undefined where nobody can tell which one is meant, which is among the problems then
 */
export function chooseBackend(
  { options, environment, variables, prefix }: Omit<SettingsSource, 'summary'>,
  strict: boolean,
  problems: string[],
  warnings: string[],
): ChosenBackend | undefined {
  const { backend } = options;
  if (isBackend(backend)) return { backend, summary: `${backend.name} (an instance was handed in)`, fallback: false };
  if (backend !== undefined && !isKind(backend)) {
    problems.push(noBackend(backend));
    return undefined;
  }
  if (backend === undefined && variables.isWrong('STORAGE_BACKEND')) return undefined;
  const isSet = (variable: keyof typeof environment) =>
    environment[variable] !== undefined || variables.isWrong(variable);
  const found = detect(environment.STORAGE_BACKEND, isSet, prefix);
  variables.pick(backend, 'STORAGE_BACKEND');
  if (backend !== undefined) {
    const also = found.fallback ? [] : [`${found.backend} (${found.reason})`, ...found.alsoFound];
    const others = also.filter((other) => !other.startsWith(`${backend} `));
    const agrees = found.sign !== undefined && found.backend === backend;
    const as = agrees ? `, as ${variables.name(found.sign)} does` : '';
    return { backend, summary: `${backend} (the options say so${as}${alsoFound(others)})`, fallback: false };
  }
  if (found.sign !== undefined) variables.count(found.sign);
  if (found.fallback) {
    const variable = variables.name('STORAGE_BACKEND');
    if (strict) problems.push(refusedFallback(variable));
    else warnings.push(warnedFallback(variable));
  }
  return {
    backend: found.backend,
    summary: `${found.backend} (${found.reason}${alsoFound(found.alsoFound)})`,
    fallback: found.fallback,
  };
}

function alsoFound(others: readonly string[]): string {
  return others.length === 0 ? '' : `; also found: ${others.join(', ')}`;
}

function isKind(backend: unknown): backend is BackendKind {
  return BACKEND_KINDS.some((kind) => kind === backend);
}

/** By shape: a backend may come of another copy of this package. */
function isBackend(backend: unknown): backend is StorageBackend {
  return typeof backend === 'object' && backend !== null && 'stage' in backend && 'capabilities' in backend;
}

/** A text is not shown where it looks like more than a name: it may be a URL with a secret. */
function noBackend(given: unknown): string {
  const advice = `use one of ${BACKEND_KINDS.join(', ')}, or pass an instance of a StorageBackend`;
  if (typeof given !== 'string') {
    const what = typeof given === 'function' ? 'a class' : 'something';
    return `the option backend holds ${what} that is no backend: ${advice}`;
  }
  const named = /^[\w-]{1,40}$/.test(given) ? ` named ${JSON.stringify(given)}` : ' of the name in the option backend';
  return `there is no backend${named}: ${advice}`;
}

function refusedFallback(variable: string): string {
  return (
    'no backend is configured, and keeping files in memory is refused where the storage is strict (as in production). ' +
    `Set ${variable} to local, s3, gcs or cloudinary to keep them, to memory if that is meant, or allow the fallback ` +
    'with strict: false'
  );
}

function warnedFallback(variable: string): string {
  return (
    'No storage backend is configured: files are kept in memory and are lost when the process ends. ' +
    `Set ${variable} to local, s3, gcs or cloudinary to keep them.`
  );
}
