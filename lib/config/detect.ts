/** Which backend the environment means, and why. */
import type { BackendKind, StorageEnvironment } from './environment.js';

/** Which backend the environment speaks for, and why. */
export interface Detection {
  readonly backend: BackendKind;
  /** Why, as a clause for the log. */
  readonly reason: string;
  /** Other backends that variables speak for, each with its variable. */
  readonly alsoFound: readonly string[];
}

const SIGNS: readonly { backend: BackendKind; variable: keyof StorageEnvironment }[] = [
  { backend: 'local', variable: 'RAILWAY_VOLUME_MOUNT_PATH' },
  { backend: 's3', variable: 'STORAGE_S3_BUCKET' },
  { backend: 's3', variable: 'AWS_ACCESS_KEY_ID' },
  { backend: 'gcs', variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  { backend: 'cloudinary', variable: 'CLOUDINARY_URL' },
];

/** An explicit STORAGE_BACKEND, else the first sign in order, else memory. */
export function detectBackend(environment: StorageEnvironment): Detection {
  const found = SIGNS.filter(({ variable }) => environment[variable] !== undefined);
  const others = (chosen: BackendKind) =>
    found.filter(({ backend }) => backend !== chosen).map(({ backend, variable }) => `${backend} (${variable})`);
  const explicit = environment.STORAGE_BACKEND;
  if (explicit) return { backend: explicit, reason: 'STORAGE_BACKEND says so', alsoFound: others(explicit) };
  const first = found[0];
  if (first) {
    return { backend: first.backend, reason: `${first.variable} is set`, alsoFound: others(first.backend) };
  }
  return { backend: 'memory', reason: 'no variable names another backend', alsoFound: [] };
}
