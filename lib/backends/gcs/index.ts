/** The Google Cloud Storage driver, published as `nestjs-storage/gcs`. Importing it loads no SDK. */
export { createGcsBackend, GcsBackend } from './gcs.backend.js';
export type { GcsBackendOptions, GcsCredentials, GcsRetryOptions, GoogleAuthLike } from './gcs.options.js';
