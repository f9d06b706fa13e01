/** Where the links of one storage lead, of several that may share STORAGE_BASE_URL. */
import { variableName } from './config/environment.js';
import type { ResolvedStorageOptions } from './config/resolve-options.js';
import { hasOwnBaseUrl } from './config/url-settings.js';
import { quoted, StorageConfigurationError } from './contract/index.js';
import { DEFAULT_FILES_PATH, trimmedPath } from './files/routes-path.js';
import { DEFAULT_STORAGE } from './service/storage.registry.js';

/**
 * The base URL that the settings give to a storage. A shared one is the address of the default storage's routes: one
 * with a path of its own is served beside them, and one without routes is served nowhere.
 *
 * @param path of the storage's signed routes; undefined where it has none
 * @returns undefined where no setting says it
 * @throws StorageConfigurationError where the shared one does not tell where the storage's own path is
 */
export function baseUrlOf(
  name: string,
  resolved: ResolvedStorageOptions,
  path: string | undefined,
): string | undefined {
  const { baseUrl } = resolved.urls;
  if (baseUrl === undefined || name === DEFAULT_STORAGE || hasOwnBaseUrl(resolved)) return baseUrl;
  if (path === undefined) return undefined;
  const own = trimmedPath(path);
  if (own === DEFAULT_FILES_PATH || endsWith(baseUrl, own)) return baseUrl;
  if (endsWith(baseUrl, DEFAULT_FILES_PATH)) return beside(baseUrl, own);
  throw new StorageConfigurationError({
    reason:
      `the signed routes of the storage ${quoted(name)} are under the path ${quoted(own)}, and STORAGE_BASE_URL does ` +
      `not tell where that is: it ends with neither ${quoted(`/${own}`)} nor "/${DEFAULT_FILES_PATH}"`,
    advice: `Set the option urls.baseUrl of this storage${orVariable(resolved.prefix)} to the public URL of its routes.`,
  });
}

function endsWith(baseUrl: string, path: string): boolean {
  return `/${trimmedPath(new URL(baseUrl).pathname)}`.endsWith(`/${path}`);
}

/** The path in place of the last segment. */
function beside(baseUrl: string, path: string): string {
  const parent = baseUrl.replace(/\/[^/]*\/*$/, '');
  return path === '' ? parent : `${parent}/${path}`;
}

function orVariable(prefix: string): string {
  const variable = variableName('STORAGE_BASE_URL', prefix);
  return variable === 'STORAGE_BASE_URL' ? ', or a variable under an envPrefix of its own,' : ` or ${variable}`;
}
