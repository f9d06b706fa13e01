/** Which backend the environment means, and why. */
import { variableName, type BackendKind, type StorageEnvironment } from './environment.js';

/** Which backend the environment speaks for, and why. */
export interface Detection {
  readonly backend: BackendKind;
  /** Why, as a clause for the log. */
  readonly reason: string;
  /** Other backends that variables speak for, each with its variable. */
  readonly alsoFound: readonly string[];
  /** Nothing spoke for any backend. */
  readonly fallback: boolean;
}

// In this order. STORAGE_BASE_PATH comes last: alone it can only mean local disk, beside another it is a left-over.
const SIGNS: readonly { backend: BackendKind; variable: keyof StorageEnvironment }[] = [
  { backend: 'local', variable: 'RAILWAY_VOLUME_MOUNT_PATH' },
  { backend: 's3', variable: 'STORAGE_S3_BUCKET' },
  { backend: 's3', variable: 'AWS_ACCESS_KEY_ID' },
  { backend: 'gcs', variable: 'STORAGE_GCS_BUCKET' },
  { backend: 'gcs', variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  { backend: 'cloudinary', variable: 'CLOUDINARY_URL' },
  { backend: 'cloudinary', variable: 'STORAGE_CLOUDINARY_CLOUD_NAME' },
  { backend: 'local', variable: 'STORAGE_BASE_PATH' },
];

/** An explicit STORAGE_BACKEND, else the first sign in order, else memory. */
export function detectBackend(environment: StorageEnvironment, prefix = 'STORAGE_'): Detection {
  const named = (variable: string) => variableName(variable, prefix);
  const found = SIGNS.filter(({ variable }) => environment[variable] !== undefined);
  const others = (chosen: BackendKind) =>
    found.filter(({ backend }) => backend !== chosen).map(({ backend, variable }) => `${backend} (${named(variable)})`);
  const explicit = environment.STORAGE_BACKEND;
  if (explicit) {
    return {
      backend: explicit,
      reason: `${named('STORAGE_BACKEND')} says so`,
      alsoFound: others(explicit),
      fallback: false,
    };
  }
  const first = found[0];
  if (!first) {
    return { backend: 'memory', reason: 'no variable names another backend', alsoFound: [], fallback: true };
  }
  const { backend, variable } = first;
  return { backend, reason: `${named(variable)} is set`, alsoFound: others(backend), fallback: false };
}
