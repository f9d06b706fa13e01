/** Which backend the environment means, and why. */
import { variableName, type BackendKind, type StorageEnvironment, type VariableName } from './environment.js';

/** Which backend the environment speaks for, and why. */
export interface Detection {
  readonly backend: BackendKind;
  /** The variable that decided; undefined for the fallback. */
  readonly sign?: VariableName;
  /** Why, as a clause for the log. */
  readonly reason: string;
  /** Other backends that variables speak for, each with its variable. */
  readonly alsoFound: readonly string[];
  /** Nothing spoke for any backend. */
  readonly fallback: boolean;
}

interface Sign {
  readonly backend: BackendKind;
  readonly variable: VariableName;
}

// In this order. STORAGE_BASE_PATH comes last: alone it can only mean local disk, beside another it is a left-over.
const SIGNS: readonly Sign[] = [
  { backend: 'local', variable: 'RAILWAY_VOLUME_MOUNT_PATH' },
  { backend: 's3', variable: 'STORAGE_S3_BUCKET' },
  { backend: 's3', variable: 'AWS_ACCESS_KEY_ID' },
  { backend: 'gcs', variable: 'STORAGE_GCS_BUCKET' },
  { backend: 'gcs', variable: 'GOOGLE_APPLICATION_CREDENTIALS' },
  { backend: 'cloudinary', variable: 'CLOUDINARY_URL' },
  { backend: 'cloudinary', variable: 'STORAGE_CLOUDINARY_CLOUD_NAME' },
  { backend: 'local', variable: 'STORAGE_BASE_PATH' },
];

/** Variables of the platform and of vendors say the same to every storage: those of its own prefix come before them. */
function signsFor(prefix: string): readonly Sign[] {
  const own = SIGNS.filter(({ variable }) => variableName(variable, prefix) !== variable);
  return [...own, ...SIGNS.filter((sign) => !own.includes(sign))];
}

/** An explicit STORAGE_BACKEND, else the first sign in order, else memory. */
export function detectBackend(environment: StorageEnvironment, prefix = 'STORAGE_'): Detection {
  return detect(environment.STORAGE_BACKEND, (variable) => environment[variable] !== undefined, prefix);
}

/** @param isSet also of a variable that is wrong: it means its backend all the same */
export function detect(
  explicit: BackendKind | undefined,
  isSet: (variable: VariableName) => boolean,
  prefix: string,
): Detection {
  const named = (variable: VariableName) => variableName(variable, prefix);
  const found = signsFor(prefix).filter(({ variable }) => isSet(variable));
  const others = (chosen: BackendKind) =>
    found.filter(({ backend }) => backend !== chosen).map(({ backend, variable }) => `${backend} (${named(variable)})`);
  if (explicit) {
    return {
      backend: explicit,
      sign: 'STORAGE_BACKEND',
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
  return { backend, sign: variable, reason: `${named(variable)} is set`, alsoFound: others(backend), fallback: false };
}
