/** The Cloudinary SDK, loaded when it is first needed. */
import { StorageConfigurationError } from '../../contract/index.js';
import { failureOf } from './cloudinary-errors.js';

export type CloudinarySdk = typeof import('cloudinary').v2;

type Importer = () => Promise<typeof import('cloudinary')>;

function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  // ERR_ in Node, without it in jest; a file that the SDK itself misses is another matter.
  return (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && /['"]cloudinary['"]/.test(String(message));
}

/**
 * @param importer replaces `import('cloudinary')`
 * @throws StorageConfigurationError that says what to install
 */
export async function loadCloudinarySdk(importer: Importer = () => import('cloudinary')): Promise<CloudinarySdk> {
  try {
    const { v2 } = await importer();
    // Without it, errors of the Admin API carry the key and the secret. It is global to the SDK, and only ever hides.
    v2.config({ hide_sensitive: true });
    return v2;
  } catch (error) {
    if (isMissing(error)) {
      throw new StorageConfigurationError({
        backend: 'cloudinary',
        reason: 'the package cloudinary is not installed',
        advice: 'Install cloudinary to use the cloudinary backend: npm install cloudinary@^2',
        cause: error,
      });
    }
    throw new StorageConfigurationError({
      backend: 'cloudinary',
      reason: 'the package cloudinary could not be loaded',
      advice: 'It reads CLOUDINARY_URL and CLOUDINARY_ACCOUNT_URL while it loads: unset or correct them.',
      // An error about the URL quotes it, secret and all: only its sentence is kept, without any URL.
      cause: failureOf(error, (text) => text.replace(/\S*:\/\/\S*/g, '***')),
    });
  }
}

/**
 * Before 2.7 the SDK signs requests by its global configuration alone.
 *
 * @throws StorageConfigurationError where it would not sign as the account expects
 */
export function assertSigns(
  sdk: { readonly utils: Pick<CloudinarySdk['utils'], 'sign_request'> },
  algorithm: 'sha1' | 'sha256',
): void {
  const options = { api_key: 'key', api_secret: 'secret', signature_algorithm: algorithm };
  const { signature } = sdk.utils.sign_request({ timestamp: 1 }, options);
  if (signature.length === (algorithm === 'sha1' ? 40 : 64)) return;
  throw new StorageConfigurationError({
    backend: 'cloudinary',
    reason: `the installed package cloudinary does not sign with ${algorithm} when asked to`,
    advice: 'Install a newer one: npm install cloudinary@^2.7',
  });
}
