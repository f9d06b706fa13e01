/** The options of the backend with every default filled in, checked once. */
import { StorageConfigurationError } from '../../contract/index.js';
import { dialectNamed, dialectOf, S3_DIALECTS, type S3Dialect } from './s3.dialects.js';
import type { S3BackendOptions } from './s3.options.js';

const MIB = 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MIN_PART_BYTES = 5 * MIB;
export const MAX_PART_BYTES = 5 * 1024 * MIB;
export const MAX_PARTS = 10_000;
export const MAX_OBJECT_BYTES = 5 * 1024 * 1024 * MIB;
/** Largest object that one PutObject, one POST or one CopyObject can make. */
export const MAX_SINGLE_BYTES = 5 * 1024 * MIB;
/** A store is silent while it copies, and a request that is silent for too long fails. */
const COPY_LIMIT = 256 * MIB;
/** Longest life of a signature of version 4, in seconds. */
export const MAX_EXPIRY = 604_800;

export interface S3Settings {
  readonly options: S3BackendOptions;
  readonly bucket: string;
  readonly dialect: S3Dialect;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly pathStyle: boolean;
  readonly checksums: 'crc32' | 'md5' | 'sha256' | 'none';
  readonly partSize: number;
  readonly partConcurrency: number;
  /** Parts that an upload may have. */
  readonly maxParts: number;
  /** Largest object in bytes that is copied in one request. */
  readonly copyLimit: number;
  readonly maxAttempts: number;
  readonly maxSockets: number;
  /** Seconds, as all time-outs. */
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly unreadTimeout: number;
  /** Facts that every new object gets. */
  readonly newObject: NewObjectSettings;
}

/** As the SDK names them. */
export interface NewObjectSettings {
  readonly ServerSideEncryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly SSEKMSKeyId?: string;
  readonly StorageClass?: 'STANDARD';
  readonly Tagging?: string;
  readonly ACL?: 'private';
}

function wrong(reason: string, advice?: string): StorageConfigurationError {
  return new StorageConfigurationError({ backend: 's3', reason, advice });
}

function whole(name: string, value: number | undefined, fallback: number, least: number, most: number): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw wrong(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}

/** The longest that a timer of Node's can run, in seconds. */
const MAX_TIMEOUT = 2_147_483;

function seconds(name: string, value: number | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (!(value > 0 && value <= MAX_TIMEOUT)) {
    throw wrong(`${name} must be a number of seconds above 0 and up to ${MAX_TIMEOUT}, not ${value}`);
  }
  return value;
}

/** The value is not shown: a user, a password or a signed query may be all that is wrong with it. */
function checkedUrl(name: string, url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed && (parsed.username !== '' || parsed.password !== '')) {
    throw wrong(`${name} must not hold a user name or password`);
  }
  if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.hash !== '') {
    throw wrong(`${name} must be an address like https://files.example.com, without a query or fragment`);
  }
  return url.replace(/\/+$/, '');
}

/** The service and the region that settings name by themselves, before anybody's default for the region. */
function namedService({ endpoint, dialect: name }: Pick<S3BackendOptions, 'endpoint' | 'dialect'>) {
  const told = dialectOf(endpoint);
  const dialect = (name !== undefined && dialectNamed(name)) || told.dialect;
  // Of a service that nobody knows the preset's region is a guess.
  return { dialect, region: told.region ?? (dialect.name === 'generic' ? undefined : dialect.region) };
}

/** The region that endpoint and service name; undefined where they name none, and for an endpoint that is no URL. */
export function namedRegion(options: Pick<S3BackendOptions, 'endpoint' | 'dialect'>): string | undefined {
  const { endpoint } = options;
  return endpoint !== undefined && !URL.canParse(endpoint) ? undefined : namedService(options).region;
}

function newObjectSettings(options: S3BackendOptions, dialect: S3Dialect): NewObjectSettings {
  const { encryption, kmsKeyId, storageClass, tags, acl } = options;
  if (kmsKeyId !== undefined && !encryption?.startsWith('aws:kms')) {
    throw wrong('kmsKeyId needs an encryption of aws:kms or aws:kms:dsse');
  }
  if (acl !== undefined && !dialect.acl) throw wrong(`${dialect.name} knows no ACLs on objects`, 'Leave out acl.');
  if (tags !== undefined && !dialect.tags) throw wrong(`${dialect.name} knows no tags on objects`, 'Leave out tags.');
  if (encryption !== undefined && !dialect.encryption) {
    throw wrong(`${dialect.name} takes no wishes about encryption`, 'Leave out encryption: it encrypts by itself.');
  }
  if (tags !== undefined && Object.keys(tags).length > 10) throw wrong('an object has at most 10 tags');
  return {
    ServerSideEncryption: encryption,
    SSEKMSKeyId: kmsKeyId,
    // The SDK knows lists of names, and other services have names of their own.
    StorageClass: storageClass as 'STANDARD' | undefined,
    Tagging: tags && new URLSearchParams(tags).toString().replaceAll('+', '%20'),
    ACL: acl as 'private' | undefined,
  };
}

/** @throws StorageConfigurationError that names the setting */
export function resolveSettings(options: S3BackendOptions): S3Settings {
  if (typeof options.bucket !== 'string' || options.bucket === '') throw wrong('the s3 backend needs a bucket');
  if (options.dialect !== undefined && !S3_DIALECTS.includes(options.dialect)) {
    throw wrong(`dialect must be one of ${S3_DIALECTS.join(', ')}, not ${JSON.stringify(options.dialect)}`);
  }
  const given = checkedUrl('endpoint', options.endpoint);
  const { dialect, region: named } = namedService({ endpoint: given, dialect: options.dialect });
  const region = options.region ?? named ?? dialect.region;
  if (given === undefined && dialect.name !== 'aws' && options.client === undefined) {
    if (dialect.endpoint === undefined) throw wrong(`the dialect ${dialect.name} needs an endpoint`);
    if (region === undefined) throw wrong(`the dialect ${dialect.name} needs a region or an endpoint`);
  }
  const partSize = whole('partSize', options.partSize, 12 * MIB, MIN_PART_BYTES, MAX_PART_BYTES);
  const buffers = options.partBufferBytes;
  if (buffers !== undefined) whole('partBufferBytes', buffers, 0, MIN_PART_BYTES, Number.MAX_SAFE_INTEGER);
  if (options.via !== undefined && options.via !== 'store' && options.via !== 'app') {
    throw wrong(`via must be "store" or "app", not ${JSON.stringify(options.via)}`);
  }
  checkedUrl('publicUrl', options.publicUrl);
  checkedUrl('cloudFront.url', options.cloudFront?.url);
  if (options.publicUrl !== undefined && options.cloudFront !== undefined) {
    throw wrong('publicUrl and cloudFront exclude each other');
  }
  return {
    options,
    bucket: options.bucket,
    dialect,
    endpoint: given ?? (region === undefined ? undefined : dialect.endpoint?.(region)),
    region,
    pathStyle: options.pathStyle ?? dialect.pathStyle,
    checksums: options.checksums ?? dialect.checksums,
    partSize,
    partConcurrency: whole('partConcurrency', options.partConcurrency, 4, 1, 100),
    maxParts: MAX_PARTS,
    copyLimit: whole('copyLimit', options.copyLimit, COPY_LIMIT, MIN_PART_BYTES, MAX_SINGLE_BYTES),
    maxAttempts: whole('maxAttempts', options.maxAttempts, 3, 1, 100),
    maxSockets: whole('maxSockets', options.maxSockets, 64, 1, 100_000),
    connectTimeout: seconds('connectTimeout', options.connectTimeout, 5),
    idleTimeout: seconds('idleTimeout', options.idleTimeout, 30),
    unreadTimeout: seconds('unreadTimeout', options.unreadTimeout, 60),
    newObject: newObjectSettings(options, dialect),
  };
}
