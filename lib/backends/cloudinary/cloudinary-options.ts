/** What a Cloudinary backend is made of, checked once, and the same read from a CLOUDINARY_URL. */
import { StorageConfigurationError } from '../../contract/index.js';

/** Cloudinary's three kinds of asset. Raw files are kept as they are; only images and videos can be transformed. */
export type CloudinaryResourceType = 'raw' | 'image' | 'video';

/**
 * Says as what a file is kept, by the media type of its key's extension (`photos/a.jpg` is `image/jpeg`), so that the
 * key alone finds it again. The same type must always give the same answer.
 */
export type ResourceTypeRule = (contentType: string) => CloudinaryResourceType;

/** The account, and where it is reached. */
export interface CloudinaryCredentials {
  readonly cloudName: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  /** Where the API is. Default `https://api.cloudinary.com`; `https://api-eu.cloudinary.com` for Europe. */
  readonly apiUrl?: string;
  /**
   * Where files are delivered, without a trailing slash: `https://acme-res.cloudinary.com` for a private CDN. Default
   * `https://res.cloudinary.com/<cloudName>`.
   */
  readonly deliveryUrl?: string;
}

/** Options of the Cloudinary backend. */
export interface CloudinaryBackendOptions extends CloudinaryCredentials {
  /**
   * Folder that holds every file of this storage: segments of letters, digits and dashes, each beginning with a letter.
   * A longer one leaves less room for keys. Default `files`.
   */
  readonly folder?: string;
  /**
   * `raw`: every file is kept as it is. `auto`: images and videos, known by their key's extension, become Cloudinary's
   * own and can be transformed; Cloudinary refuses those whose bytes are something else. Default `raw`. Changing it
   * later hides the files whose kind changes.
   */
  readonly resourceType?: 'raw' | 'auto' | ResourceTypeRule;
  /**
   * Bytes of a part of a chunked upload, and the most that one upload holds in memory. At least 5 MiB, as Cloudinary
   * demands. Default 6 MiB.
   */
  readonly chunkBytes?: number;
  /** Key of token-based authentication (hex), where the account has it: transformed URLs then expire. */
  readonly authTokenKey?: string;
  /**
   * Allows URLs of transformed images without an auth token: signed, but valid until the image is deleted, whatever
   * `expiresIn` says. Default false: without `authTokenKey` a transform is a NotSupportedError.
   */
  readonly lastingTransformUrls?: boolean;
  /** As the account is set. Default `sha1`, which is Cloudinary's. */
  readonly signatureAlgorithm?: 'sha1' | 'sha256';
  /** Seconds without a byte after which a request is given up. Default 60. */
  readonly timeout?: number;
}

export type CheckedOptions = Required<Omit<CloudinaryBackendOptions, 'authTokenKey'>> &
  Pick<CloudinaryBackendOptions, 'authTokenKey'>;

const MIB = 1024 * 1024;
export const MIN_CHUNK_BYTES = 5 * MIB;
// Longer folders leave too little of the 255 characters of a public ID.
const MAX_FOLDER = 100;
const FOLDER = /^[A-Za-z][A-Za-z0-9-]*(?:\/[A-Za-z][A-Za-z0-9-]*)*$/;
// https://cloudinary.com/documentation/ts_permitted_naming_conventions: "v" and digits cannot name a folder.
const VERSION_LIKE = /(?:^|\/)v\d+(?:\/|$)/;

function fail(reason: string, advice?: string): never {
  throw new StorageConfigurationError({ backend: 'cloudinary', reason, advice });
}

function checkedUrl(name: string, value: string): string {
  // The value is not shown: a CLOUDINARY_URL put here by mistake holds the secret.
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) fail(`${name} is not an http(s) URL`);
  return value.replace(/\/+$/, '');
}

/** @throws StorageConfigurationError that names the option, never its value where that is a secret */
export function checkedOptions(options: CloudinaryBackendOptions): CheckedOptions {
  for (const name of ['cloudName', 'apiKey', 'apiSecret'] as const) {
    if (typeof options[name] !== 'string' || options[name] === '') {
      fail(`${name} is missing`, 'Set CLOUDINARY_URL, or STORAGE_CLOUDINARY_CLOUD_NAME, _API_KEY and _API_SECRET.');
    }
  }
  const { cloudName, folder = 'files', chunkBytes = 6 * MIB, timeout = 60, authTokenKey } = options;
  if (!/^[A-Za-z][A-Za-z0-9-]{1,127}$/.test(cloudName)) fail('cloudName is not the name of a Cloudinary cloud');
  if (!FOLDER.test(folder) || VERSION_LIKE.test(folder) || folder.length > MAX_FOLDER) {
    fail(
      `folder must be at most ${MAX_FOLDER} letters, digits and dashes in segments that begin with a letter`,
      'An example is "my-app/files".',
    );
  }
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < MIN_CHUNK_BYTES) {
    fail(`chunkBytes must be a whole number from ${MIN_CHUNK_BYTES} (5 MiB)`);
  }
  if (!Number.isFinite(timeout) || timeout <= 0) fail('timeout must be a number of seconds above 0');
  if (authTokenKey !== undefined && !/^(?:[0-9a-f]{2})+$/i.test(authTokenKey)) fail('authTokenKey must be hexadecimal');
  return {
    cloudName,
    apiKey: options.apiKey,
    apiSecret: options.apiSecret,
    apiUrl: checkedUrl('apiUrl', options.apiUrl ?? 'https://api.cloudinary.com'),
    deliveryUrl: checkedUrl('deliveryUrl', options.deliveryUrl ?? `https://res.cloudinary.com/${cloudName}`),
    folder,
    resourceType: options.resourceType ?? 'raw',
    chunkBytes,
    authTokenKey,
    lastingTransformUrls: options.lastingTransformUrls ?? false,
    signatureAlgorithm: options.signatureAlgorithm ?? 'sha1',
    timeout,
  };
}

/**
 * Reads `cloudinary://<api key>:<api secret>@<cloud name>`. A path is the host of a private CDN; the parameters
 * `upload_prefix` (where the API is) and `secure_distribution` are read as Cloudinary's own SDK reads them.
 *
 * @throws StorageConfigurationError, which never holds a part of the URL
 * @publicApi
 */
export function parseCloudinaryUrl(url: string): CloudinaryCredentials {
  const advice = 'It looks like cloudinary://<api key>:<api secret>@<cloud name>.';
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'cloudinary:') fail('CLOUDINARY_URL is not a cloudinary:// URL', advice);
  const { hostname, username, password, pathname, searchParams } = parsed;
  if (!hostname || !username || !password)
    fail('CLOUDINARY_URL lacks the API key, the secret or the cloud name', advice);
  const host = pathname.replace(/^\//, '') || searchParams.get('secure_distribution');
  const apiUrl = searchParams.get('upload_prefix');
  return {
    cloudName: hostname,
    apiKey: decodeURIComponent(username),
    apiSecret: decodeURIComponent(password),
    ...(apiUrl && { apiUrl }),
    ...(host && { deliveryUrl: `https://${host}` }),
  };
}
