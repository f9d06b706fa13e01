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

/** @throws StorageConfigurationError for what is no object, or holds a name that no option has */
export function assertOptionNames(options: unknown): asserts options is StorageOptions {
  assertNames(options, OPTIONS, '');
  for (const [group, names] of Object.entries(GROUPS)) {
    const given = options[group as keyof typeof GROUPS];
    if (given !== undefined) assertNames(given, names, `${group}.`);
  }
}

function assertNames(given: unknown, names: object, path: string): asserts given is Record<string, unknown> {
  if (typeof given !== 'object' || given === null) {
    throw new StorageConfigurationError({
      reason: `${path === '' ? 'the options of the storage are' : `the option ${path.slice(0, -1)} is`} no object`,
      advice: 'Return an object from the factory; {} leaves everything to the environment.',
    });
  }
  const wrong = Object.keys(given).find((name) => !Object.hasOwn(names, name));
  if (wrong === undefined) return;
  throw new StorageConfigurationError({
    reason: `there is no option ${path}${wrong}`,
    advice:
      path === '' && BESIDE_FACTORY.has(wrong)
        ? `It stands beside useFactory, in forRootAsync({ ${wrong}, useFactory }), since the module needs it earlier.`
        : `There are ${Object.keys(names)
            .map((name) => `${path}${name}`)
            .join(', ')}.`,
  });
}
