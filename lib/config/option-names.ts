/** The names of options: a misspelt one is told, since the compiler lets it pass in what a factory returns. */
import type { CloudinaryBackendOptions } from '../backends/cloudinary/cloudinary-options.js';
import type { GcsBackendOptions } from '../backends/gcs/gcs.options.js';
import type { LocalBackendOptions } from '../backends/local/index.js';
import type { S3BackendOptions } from '../backends/s3/s3.options.js';
import { StorageConfigurationError } from '../contract/index.js';
import type { StorageOptions, StorageUrlOptions } from './options.js';

/** All names of a type and no other: the compiler holds the lists below against the types. */
type Names<T> = Readonly<Record<keyof Required<T>, true>>;

const OPTIONS: Names<StorageOptions> = {
  backend: true,
  local: true,
  memory: true,
  s3: true,
  gcs: true,
  cloudinary: true,
  urls: true,
  strictKeys: true,
  maxFileSize: true,
  readOnly: true,
  strict: true,
  envPrefix: true,
  scope: true,
  env: true,
};

const GROUPS: {
  readonly urls: Names<StorageUrlOptions>;
  readonly local: Names<LocalBackendOptions>;
  readonly memory: Names<NonNullable<StorageOptions['memory']>>;
  readonly s3: Names<S3BackendOptions>;
  readonly gcs: Names<GcsBackendOptions>;
  readonly cloudinary: Names<CloudinaryBackendOptions>;
} = {
  urls: { secret: true, baseUrl: true, expiresIn: true, maxExpiresIn: true, inlineTypes: true },
  local: { root: true, durability: true, fileMode: true, dirMode: true, sweepAfter: true, metadataGrace: true },
  memory: { maxBytes: true },
  s3: {
    bucket: true,
    dialect: true,
    endpoint: true,
    region: true,
    credentials: true,
    pathStyle: true,
    checksums: true,
    client: true,
    clientConfig: true,
    partSize: true,
    partConcurrency: true,
    partBufferBytes: true,
    copyLimit: true,
    maxAttempts: true,
    maxSockets: true,
    connectTimeout: true,
    idleTimeout: true,
    unreadTimeout: true,
    encryption: true,
    kmsKeyId: true,
    storageClass: true,
    tags: true,
    acl: true,
    via: true,
    publicUrl: true,
    cloudFront: true,
    onWarning: true,
  },
  gcs: {
    bucket: true,
    projectId: true,
    credentials: true,
    keyFile: true,
    auth: true,
    anonymous: true,
    endpoint: true,
    publicOrigin: true,
    userProject: true,
    chunkSize: true,
    requestTimeout: true,
    retry: true,
    agent: true,
  },
  cloudinary: {
    cloudName: true,
    apiKey: true,
    apiSecret: true,
    apiUrl: true,
    deliveryUrl: true,
    folder: true,
    resourceType: true,
    chunkBytes: true,
    authTokenKey: true,
    lastingTransformUrls: true,
    signatureAlgorithm: true,
    timeout: true,
  },
};

/** What StorageModule must know before a factory runs. */
const BESIDE_FACTORY = new Set(['name', 'isGlobal', 'controller', 'exceptionFilter']);

/** What is no object, and every name that no option has. */
export function optionNameProblems(options: object): string[] {
  const groups = Object.entries(GROUPS).flatMap(([group, names]) => {
    const given = (options as Record<string, unknown>)[group];
    if (given === undefined) return [];
    return isObject(given) ? wrongNames(given, names, `${group}.`) : [`the option ${group} is no object`];
  });
  return [...wrongNames(options, OPTIONS, ''), ...groups];
}

/** @throws StorageConfigurationError */
export function assertOptionsObject(options: unknown): asserts options is StorageOptions {
  if (isObject(options)) return;
  throw new StorageConfigurationError({
    reason: 'the options of the storage are no object',
    advice: 'Return an object from the factory; {} leaves everything to the environment.',
  });
}

function wrongNames(given: object, names: object, path: string): string[] {
  const wrong = Object.keys(given).filter((name) => !Object.hasOwn(names, name));
  const misplaced = wrong.filter((name) => path === '' && BESIDE_FACTORY.has(name));
  const unknown = wrong.filter((name) => !misplaced.includes(name)).map((name) => `${path}${name}`);
  const known = Object.keys(names).map((name) => `${path}${name}`);
  return [
    ...misplaced.map(
      (name) =>
        `there is no option ${name} here: it stands beside useFactory, in forRootAsync({ ${name}, useFactory }), ` +
        'since the module needs it earlier',
    ),
    ...(unknown.length === 0 ? [] : [`there is no option ${unknown.join(' or ')}: there are ${known.join(', ')}`]),
  ];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
