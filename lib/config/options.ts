/** Options of a storage as apps write them. */
import type { StorageBackend } from '../contract/index.js';
import type { CloudinaryBackendOptions } from '../backends/cloudinary/cloudinary-options.js';
import type { GcsBackendOptions } from '../backends/gcs/gcs.options.js';
import type { LocalBackendOptions } from '../backends/local/index.js';
import type { S3BackendOptions } from '../backends/s3/s3.options.js';
import type { ByteSize } from '../service/byte-size.js';
import type { StorageScopeContext } from '../service/current-request.js';
import type { ScopePath } from '../wrappers/index.js';
import type { BackendKind, EnvironmentSource } from './environment.js';

/** Signed URLs: their secret, address and expiry. */
export interface StorageUrlOptions {
  /**
   * Secrets of the signed URLs, at least 32 bytes each: the first signs, all verify.
   *
   * @default STORAGE_URL_SECRET, else one generated at start
   */
  readonly secret?: string | readonly string[];
  /**
   * Public URL of the signed routes, such as `https://api.example.com/files`.
   *
   * @default STORAGE_BASE_URL, else the address the app listens on with its global prefix and the routes' path
   */
  readonly baseUrl?: string;
  /** Default expiry in seconds. @default STORAGE_URL_EXPIRATION, else 3,600 */
  readonly expiresIn?: number;
  /** Longest expiry in seconds that may be asked. @default STORAGE_MAX_URL_EXPIRATION, else 604,800 (7 days) */
  readonly maxExpiresIn?: number;
  /**
   * Media types that browsers may show in place, beside images (but SVG), audio, video and plain text; others are sent
   * as downloads. `application/pdf` is then served without the sandbox, which PDF viewers refuse.
   *
   * @default none
   */
  readonly inlineTypes?: readonly string[];
}

/**
 * Options of one storage. What is left out is read from the environment.
 *
 * @publicApi
 */
export interface StorageOptions {
  /**
   * Kind of backend, or a backend of your own. An instance that is handed in is not closed by the storage.
   *
   * @default STORAGE_BACKEND, else detected from the environment
   */
  readonly backend?: BackendKind | StorageBackend;
  readonly local?: Partial<LocalBackendOptions>;
  readonly memory?: { readonly maxBytes?: ByteSize };
  readonly s3?: Partial<S3BackendOptions>;
  readonly gcs?: Partial<GcsBackendOptions>;
  readonly cloudinary?: Partial<CloudinaryBackendOptions>;
  readonly urls?: StorageUrlOptions;
  /** Keys of `A-Z a-z 0-9 . _ - /` only. @default STORAGE_STRICT_KEYS, else false */
  readonly strictKeys?: boolean;
  /** Largest file that any write may store. @default STORAGE_MAX_FILE_SIZE, else no limit but the backend's */
  readonly maxFileSize?: ByteSize;
  /** Refuse every change. @default false */
  readonly readOnly?: boolean;
  /**
   * Refuse what loses files or links silently: the fallback to memory and a generated URL secret.
   *
   * @default true where NODE_ENV is production
   */
  readonly strict?: boolean;
  /**
   * How the names of this storage's variables begin: `STORAGE_AVATARS_` reads STORAGE_AVATARS_BACKEND and so on. Unset
   * variables of the signed URLs (BASE_URL, URL_SECRET, URL_EXPIRATION, MAX_URL_EXPIRATION) are those of `STORAGE_`.
   * Its own variables choose the backend before those of platform and vendors, which are the same for all storages.
   *
   * @default 'STORAGE_'
   */
  readonly envPrefix?: string;
  /**
   * Whose files these are: makes the storage the current tenant's own. Asked at each operation, in the async context of
   * who calls: `(context) => ['tenants', context.getRequest<MyRequest>().tenantId]`, or from an AsyncLocalStorage. A
   * string is a folder and an id (`'tenants/' + id`). Where it gives nothing, or throws, the operation is refused.
   *
   * @default none: one storage for all
   */
  readonly scope?: (context: StorageScopeContext) => ScopePath | undefined;
  /** Where variables are read from. `{}` reads none. @default process.env */
  readonly env?: EnvironmentSource;
}
