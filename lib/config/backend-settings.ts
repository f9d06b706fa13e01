/** Settings of each backend: the option, else the variable, and what is missing told by name. */
import { join } from 'node:path';
import { parseCloudinaryUrl } from '../backends/cloudinary/cloudinary-options.js';
import type { CloudinaryBackendOptions } from '../backends/cloudinary/cloudinary-options.js';
import type { GcsBackendOptions } from '../backends/gcs/gcs.options.js';
import type { LocalBackendOptions } from '../backends/local/index.js';
import type { S3BackendOptions, S3Credentials } from '../backends/s3/s3.options.js';
import { StorageConfigurationError } from '../contract/index.js';
import { byteSize } from '../service/byte-size.js';
import { SettingsError, variableName, type BackendKind, type StorageEnvironment } from './environment.js';
import type { StorageOptions } from './options.js';

/** What the settings of a backend are made of. */
export interface SettingsSource {
  readonly options: StorageOptions;
  readonly environment: StorageEnvironment;
  /** How the variables of this storage begin. */
  readonly prefix: string;
  /** Which backend was chosen and why, for errors. */
  readonly summary: string;
}

const DEFAULT_LOCAL_ROOT = '/data/uploads';

/** Folder: the option, STORAGE_BASE_PATH, `uploads` on the Railway volume, /data/uploads. */
export function localSettings({ options, environment }: SettingsSource): LocalBackendOptions {
  const volume = environment.RAILWAY_VOLUME_MOUNT_PATH;
  const fallback = volume === undefined ? DEFAULT_LOCAL_ROOT : join(volume, 'uploads');
  return defined({
    durability: environment.STORAGE_DURABILITY,
    ...options.local,
    root: options.local?.root ?? environment.STORAGE_BASE_PATH ?? fallback,
  });
}

export function memorySettings({ options, environment }: SettingsSource): { readonly maxBytes?: number } {
  const option = byteSize('memory.maxBytes', options.memory?.maxBytes);
  return { maxBytes: option ?? environment.STORAGE_MEMORY_MAX_BYTES };
}

/** @throws StorageConfigurationError */
export function s3Settings(source: SettingsSource): S3BackendOptions {
  const { options, environment, prefix, summary } = source;
  const bucket = options.s3?.bucket ?? environment.STORAGE_S3_BUCKET;
  const problems: string[] = [];
  if (!bucket) problems.push(missing('STORAGE_S3_BUCKET', 's3.bucket', prefix, summary));
  const given = options.s3?.credentials !== undefined || options.s3?.client !== undefined;
  const credentials = given ? undefined : s3Credentials(environment, prefix, problems);
  if (problems.length > 0) throw new SettingsError(problems);
  return defined({
    region: environment.STORAGE_S3_REGION ?? environment.AWS_REGION,
    endpoint: environment.STORAGE_S3_ENDPOINT,
    dialect: environment.STORAGE_S3_DIALECT,
    pathStyle: environment.STORAGE_S3_PATH_STYLE,
    publicUrl: environment.STORAGE_S3_PUBLIC_URL,
    via: environment.STORAGE_S3_URLS,
    credentials,
    ...options.s3,
    bucket: bucket!,
  });
}

/** Both of one kind, or none: a key without its secret is a slip, and the other pair would hide it. */
function s3Credentials(environment: StorageEnvironment, prefix: string, problems: string[]): S3Credentials | undefined {
  const { STORAGE_S3_ACCESS_KEY: own, STORAGE_S3_SECRET_KEY: ownSecret } = environment;
  const { AWS_ACCESS_KEY_ID: aws, AWS_SECRET_ACCESS_KEY: awsSecret, AWS_SESSION_TOKEN: sessionToken } = environment;
  if (own !== undefined || ownSecret !== undefined) {
    const accessKeyId = own ?? aws;
    const secretAccessKey = ownSecret ?? awsSecret;
    if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
    const [set, unset] = own === undefined ? ['SECRET_KEY', 'ACCESS_KEY'] : ['ACCESS_KEY', 'SECRET_KEY'];
    const name = (part: string) => variableName(`STORAGE_S3_${part}`, prefix);
    problems.push(`${name(unset)} is not set, and ${name(set)} is: set both or neither`);
    return undefined;
  }
  // Without a whole pair the SDK's own chain looks further: files, web identity, roles.
  if (aws === undefined || awsSecret === undefined) return undefined;
  return { accessKeyId: aws, secretAccessKey: awsSecret, sessionToken };
}

/** @throws StorageConfigurationError */
export function gcsSettings({ options, environment, prefix, summary }: SettingsSource): GcsBackendOptions {
  const bucket = options.gcs?.bucket ?? environment.STORAGE_GCS_BUCKET;
  if (!bucket) throw new SettingsError([missing('STORAGE_GCS_BUCKET', 'gcs.bucket', prefix, summary)]);
  const own = options.gcs?.credentials ?? options.gcs?.keyFile ?? options.gcs?.auth;
  const credentials = environment.STORAGE_GCS_CREDENTIALS;
  return defined({
    projectId: environment.STORAGE_GCS_PROJECT,
    ...(own === undefined &&
      !options.gcs?.anonymous && {
        credentials,
        keyFile: credentials === undefined ? environment.GOOGLE_APPLICATION_CREDENTIALS : undefined,
      }),
    ...options.gcs,
    bucket,
  });
}

/** @throws StorageConfigurationError */
export function cloudinarySettings(source: SettingsSource): CloudinaryBackendOptions {
  const { options, environment, prefix, summary } = source;
  const url = environment.CLOUDINARY_URL === undefined ? undefined : parseCloudinaryUrl(environment.CLOUDINARY_URL);
  const settings = defined({
    ...url,
    ...defined({
      cloudName: environment.STORAGE_CLOUDINARY_CLOUD_NAME,
      apiKey: environment.STORAGE_CLOUDINARY_API_KEY,
      apiSecret: environment.STORAGE_CLOUDINARY_API_SECRET,
      folder: environment.STORAGE_CLOUDINARY_FOLDER,
      resourceType: environment.STORAGE_CLOUDINARY_RESOURCE_TYPE,
      authTokenKey: environment.STORAGE_CLOUDINARY_AUTH_TOKEN_KEY,
      lastingTransformUrls: environment.STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS,
    }),
    ...options.cloudinary,
  });
  const { cloudName, apiKey, apiSecret } = settings;
  const problems = [
    !cloudName && missing('STORAGE_CLOUDINARY_CLOUD_NAME', 'cloudinary.cloudName', prefix, summary),
    !apiKey && missing('STORAGE_CLOUDINARY_API_KEY', 'cloudinary.apiKey', prefix, summary),
    !apiSecret && missing('STORAGE_CLOUDINARY_API_SECRET', 'cloudinary.apiSecret', prefix, summary),
  ].filter((problem) => problem !== false);
  if (problems.length > 0) {
    throw new SettingsError([...problems, 'CLOUDINARY_URL (cloudinary://key:secret@cloud) sets all three at once']);
  }
  return { ...settings, cloudName: cloudName!, apiKey: apiKey!, apiSecret: apiSecret! };
}

/** Settings of each kind of backend. */
export const BACKEND_SETTINGS = {
  local: localSettings,
  memory: memorySettings,
  s3: s3Settings,
  gcs: gcsSettings,
  cloudinary: cloudinarySettings,
} satisfies Record<BackendKind, (source: SettingsSource) => object>;

/** What is wrong with the settings of a backend; empty where nothing is. */
export function problemsOf(kind: BackendKind, source: SettingsSource): readonly string[] {
  try {
    BACKEND_SETTINGS[kind](source);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    if (error instanceof StorageConfigurationError) return [error.reason];
    throw error;
  }
}

function missing(variable: string, option: string, prefix: string, summary: string): string {
  return `${variableName(variable, prefix)} (or the option ${option}) is not set, and the backend is ${summary}`;
}

/** An unset setting must not hide the one behind it. */
function defined<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}
