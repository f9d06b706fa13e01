/** A warning for two storages of one app that keep their files in one place. */
import { quoted } from '../contract/index.js';
import { DEFAULT_STORAGE } from '../service/storage.registry.js';
import { variableName, type BackendKind, type VariableName } from './environment.js';
import type { ResolvedStorageOptions } from './resolve-options.js';

/** What sets the place of each kind apart. */
const APART: Readonly<Partial<Record<BackendKind, readonly [option: string, variable: VariableName]>>> = {
  local: ['local.root', 'STORAGE_BASE_PATH'],
  s3: ['s3.bucket', 'STORAGE_S3_BUCKET'],
  gcs: ['gcs.bucket', 'STORAGE_GCS_BUCKET'],
  cloudinary: ['cloudinary.folder', 'STORAGE_CLOUDINARY_FOLDER'],
};

/** @param first was there before, and `resolved` are the options of the second */
export function samePlaceWarning(
  first: string,
  second: string,
  location: string,
  resolved: ResolvedStorageOptions,
): string {
  return (
    `The storages ${quoted(first)} and ${quoted(second)} keep their files in one place, ${location}: each lists, ` +
    `overwrites and deletes the other's. Give one of them a place of its own, by ${howApart(first, second, resolved)}. ` +
    'Where one place is meant, make one of them readOnly, or give it a scope.'
  );
}

function howApart(first: string, second: string, { backend, prefix }: ResolvedStorageOptions): string {
  const apart = typeof backend === 'string' ? APART[backend] : undefined;
  if (apart === undefined) return 'another instance of its backend';
  const [option, variable] = apart;
  if (variableName(variable, prefix) !== variable) {
    return `the option ${option} or by ${variableName(variable, prefix)}`;
  }
  const named = second === DEFAULT_STORAGE ? first : second;
  const own = `STORAGE_${named.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_`;
  return `the option ${option} or by ${variableName(variable, own)} with envPrefix: '${own}'`;
}
