/** Starts a storage of an environment, as the module does, and tells everything of it. */
import { expect } from '@jest/globals';
import { BACKEND_SETTINGS } from '../../lib/config/backend-settings.js';
import type { EnvironmentSource, StorageOptions } from '../../lib/config/index.js';
import { resolveOptions, type Signs } from '../../lib/config/resolve-options.js';

/** As a storage with signed routes, which is what the module makes unless told otherwise. */
export const SIGNS: Signs = () => true;

/** Everything that starting a storage tells of its environment. */
export function start(env: EnvironmentSource, options: StorageOptions = {}) {
  const resolved = resolveOptions({ ...options, env }, SIGNS);
  const backend = resolved.backend as keyof typeof BACKEND_SETTINGS;
  const { summary, told, warnings, urls } = resolved;
  return { backend, settings: BACKEND_SETTINGS[backend](resolved), summary, told, warnings, urls };
}

/** The whole list of what is wrong. */
export function problemsOf(env: EnvironmentSource, options: StorageOptions = {}, signs = SIGNS): readonly string[] {
  try {
    resolveOptions({ ...options, env }, signs);
  } catch (error) {
    expect(error).toMatchObject({ code: 'configuration', name: 'StorageConfigurationError' });
    const { problems, message } = error as Error & { problems: readonly string[] };
    expect(message).toContain(problems.join('; '));
    return problems;
  }
  return [];
}

export const SECRET = '0123456789abcdef0123456789abcdef';
export const S3 = { STORAGE_BACKEND: 's3', STORAGE_S3_BUCKET: 'files' };
export const GCS = { STORAGE_BACKEND: 'gcs', STORAGE_GCS_BUCKET: 'files' };
export const CLOUD = {
  STORAGE_CLOUDINARY_CLOUD_NAME: 'acme',
  STORAGE_CLOUDINARY_API_KEY: '1234',
  STORAGE_CLOUDINARY_API_SECRET: 'hush',
};
export const URL_OF_CLOUD = 'cloudinary://1234:hush@acme';
export const KEY_FILE = '{"client_email":"a@b.example","private_key":"hush"}';

/** What drivers get where nothing else is said. */
export const LOCAL = { root: '/data/uploads', durability: 'full' };
export const BUCKET = { bucket: 'files', via: 'store' };
export const ACCOUNT = { cloudName: 'acme', apiKey: '1234', apiSecret: 'hush' };
export const MEDIA = { folder: 'files', resourceType: 'raw', lastingTransformUrls: false };

/** Words of the secrets in these tables. */
export const HUSHED = /hush|sec\b|mine|tok\b|ab12|0123/;
