/** The environment variables of a storage: names, checks, defaults and descriptions in one schema. */
import { z } from 'zod';
import type { S3DialectName } from '../backends/s3/s3.dialects.js';
import { DEFAULT_FILES_PATH } from '../files/routes-path.js';
import { MIN_SECRET_BYTES } from '../files/signing-keys.js';
import { parseByteSize } from '../service/byte-size.js';
import { DEFAULTS, VOLUME_FOLDER } from './defaults.js';
import { SettingsError } from './settings-error.js';

/** The values of STORAGE_BACKEND. */
export const BACKEND_KINDS = ['local', 's3', 'gcs', 'cloudinary', 'memory'] as const;

/** The services that the s3 backend knows by name. */
const S3_DIALECT_NAMES = [
  'aws',
  'digitalocean',
  'wasabi',
  'backblaze',
  'minio',
  'cloudflare',
  'ceph',
  'generic',
] as const satisfies readonly S3DialectName[];

/** One of BACKEND_KINDS. */
export type BackendKind = (typeof BACKEND_KINDS)[number];

/** How the names of the storage's own variables begin. */
const OWN_PREFIX = 'STORAGE_';

/** Variables that hold for every storage which sets none of its own: the app's routes are the same for all. */
const SHARED: ReadonlySet<string> = new Set<VariableName>([
  'STORAGE_BASE_URL',
  'STORAGE_URL_SECRET',
  'STORAGE_URL_EXPIRATION',
  'STORAGE_MAX_URL_EXPIRATION',
]);

/** Any source of settings: process.env, a loaded file, a test's own object. */
export type EnvironmentSource = Readonly<Record<string, string | undefined>>;

const text = z.string().min(1);

const seconds = z
  .string()
  .regex(/^\d+$/, 'must be a whole number of seconds from 1')
  .transform(Number)
  .refine((value) => value >= 1 && Number.isSafeInteger(value), 'must be a whole number of seconds from 1');

const size = z.string().transform((value, context) => {
  const parsed = parseByteSize(value);
  if (parsed !== undefined) return parsed;
  context.addIssue('must be a size such as 500kb, 20mb or 5gb');
  return z.NEVER;
});

const flag = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((value) => value === 'true' || value === '1');

/** Shown as asterisks wherever settings are told. */
const secret = (description: string) => text.optional().meta({ description, secret: true });

const httpUrl = (example: string) =>
  z.url({ protocol: /^https?$/, error: `must be an http(s) URL such as ${example}`, abort: true });

const url = (example: string) => httpUrl(example).optional();

const BASE_URL_EXAMPLE = 'https://api.example.com/files';

const baseUrl = httpUrl(BASE_URL_EXAMPLE)
  // As the signer takes it, which goes by the letters.
  .regex(/^https?:/, `must be an http(s) URL such as ${BASE_URL_EXAMPLE}`)
  .regex(/^[^?#]*$/, 'must have no query and no fragment')
  .optional();

/** The name of a cloud as Cloudinary's backend takes it: a URL put here by mistake holds a secret, and is refused. */
const cloudName = text
  .regex(/^[A-Za-z][A-Za-z0-9-]{1,127}$/, 'must be the name of a Cloudinary cloud: letters, digits and dashes')
  .optional();

const choice = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` }).optional();

/** A description that ends with the default, which stands in the schema's data too. */
const withDefault = (description: string, value: unknown, said = String(value)) => ({
  description: `${description} Default ${said}.`,
  default: value,
});

const { STORAGE_BASE_PATH: BASE_PATH, STORAGE_MAX_URL_EXPIRATION: MAX_EXPIRATION } = DEFAULTS;

/** Every variable that the storage reads. Unset and empty are the same. */
export const environmentSchema = z.object({
  STORAGE_BACKEND: choice(BACKEND_KINDS).describe('Backend to use. Default: detected from the variables below.'),
  STORAGE_BASE_PATH: text.optional().meta({
    description: `local: folder of the files. Default: ${VOLUME_FOLDER} under RAILWAY_VOLUME_MOUNT_PATH, else ${BASE_PATH}.`,
    default: BASE_PATH,
  }),
  RAILWAY_VOLUME_MOUNT_PATH: text.optional().describe('Set by Railway where a volume is mounted; selects local.'),
  STORAGE_DURABILITY: choice(['full', 'rename']).meta(
    withDefault(
      'local: full outlasts a power cut, rename is faster and outlasts a crash of the process.',
      DEFAULTS.STORAGE_DURABILITY,
    ),
  ),
  STORAGE_BASE_URL: baseUrl.describe(
    `Public URL of the signed routes. Default: the address the app listens on, its prefix and /${DEFAULT_FILES_PATH}.`,
  ),
  STORAGE_URL_SECRET: secret(
    `Secrets of the signed URLs, at least ${MIN_SECRET_BYTES} bytes each, separated by commas: the first signs, all verify. ` +
      'Default: generated at start, so that URLs end with the process.',
  ),
  STORAGE_URL_EXPIRATION: seconds
    .optional()
    .meta(withDefault('Default expiry of signed URLs in seconds.', DEFAULTS.STORAGE_URL_EXPIRATION)),
  STORAGE_MAX_URL_EXPIRATION: seconds
    .optional()
    .meta(
      withDefault(
        'Longest expiry of signed URLs in seconds that may be asked.',
        MAX_EXPIRATION,
        `${MAX_EXPIRATION} (${MAX_EXPIRATION / 86_400} days)`,
      ),
    ),
  STORAGE_MAX_FILE_SIZE: size.optional().describe('Largest file that any write may store, such as 5gb. Default: none.'),
  STORAGE_STRICT_KEYS: flag
    .optional()
    .meta(withDefault('Allow only A-Z a-z 0-9 . _ - / in keys.', DEFAULTS.STORAGE_STRICT_KEYS)),
  STORAGE_MEMORY_MAX_BYTES: size.optional().describe('memory: most bytes of all files, such as 256mb. Default: none.'),
  STORAGE_S3_BUCKET: text.optional().describe('s3: bucket (required there); selects s3.'),
  STORAGE_S3_REGION: text
    .optional()
    .describe(
      's3: region. Default: told by endpoint or service, else AWS_REGION or other AWS settings, else us-east-1.',
    ),
  STORAGE_S3_ENDPOINT: url('https://nyc3.digitaloceanspaces.com').describe(
    's3: URL of an S3-compatible service. Default: AWS.',
  ),
  STORAGE_S3_ACCESS_KEY: text
    .optional()
    .describe('s3: access key. Default: AWS_ACCESS_KEY_ID, else what the AWS SDK finds (files, roles).'),
  STORAGE_S3_SECRET_KEY: secret('s3: secret key. Default: AWS_SECRET_ACCESS_KEY, else what the AWS SDK finds.'),
  STORAGE_S3_DIALECT: choice(S3_DIALECT_NAMES).describe('s3: which service it is. Default: told by the endpoint.'),
  STORAGE_S3_PATH_STYLE: flag.optional().describe('s3: host/bucket/key URLs. Default: as the service likes it.'),
  STORAGE_S3_PUBLIC_URL: url('https://cdn.example.com').describe(
    's3: address at which everybody can read the objects; URLs are then plain ones below it. Default: signed URLs.',
  ),
  STORAGE_S3_URLS: choice(['store', 'app']).meta(
    withDefault(
      's3: who serves signed URLs, the store itself or the signed routes of the app.',
      DEFAULTS.STORAGE_S3_URLS,
    ),
  ),
  AWS_ACCESS_KEY_ID: text.optional().describe('s3: access key where STORAGE_S3_ACCESS_KEY is unset; selects s3.'),
  AWS_SECRET_ACCESS_KEY: secret('s3: secret key where STORAGE_S3_SECRET_KEY is unset.'),
  AWS_SESSION_TOKEN: secret('s3: session token of temporary AWS keys.'),
  AWS_REGION: text
    .optional()
    .describe('s3: region where STORAGE_S3_REGION is unset, and endpoint and service tell none.'),
  STORAGE_GCS_BUCKET: text.optional().describe('gcs: bucket (required there); selects gcs.'),
  STORAGE_GCS_PROJECT: text.optional().describe('gcs: project. Default: the one of the credentials.'),
  STORAGE_GCS_CREDENTIALS: secret('gcs: JSON of a service account key. Default: GOOGLE_APPLICATION_CREDENTIALS.'),
  GOOGLE_APPLICATION_CREDENTIALS: text
    .optional()
    .describe(
      "gcs: path of a service account key; selects gcs. Default: Google's other application default credentials.",
    ),
  CLOUDINARY_URL: secret('cloudinary: cloudinary://key:secret@cloud; selects cloudinary.'),
  STORAGE_CLOUDINARY_CLOUD_NAME: cloudName.describe(
    'cloudinary: cloud name, before the one of CLOUDINARY_URL; selects cloudinary.',
  ),
  STORAGE_CLOUDINARY_API_KEY: text.optional().describe('cloudinary: API key, before the one of CLOUDINARY_URL.'),
  STORAGE_CLOUDINARY_API_SECRET: secret('cloudinary: API secret, before the one of CLOUDINARY_URL.'),
  STORAGE_CLOUDINARY_FOLDER: text
    .optional()
    .meta(withDefault('cloudinary: folder that holds all files.', DEFAULTS.STORAGE_CLOUDINARY_FOLDER)),
  STORAGE_CLOUDINARY_RESOURCE_TYPE: choice(['raw', 'auto']).meta(
    withDefault(
      'cloudinary: raw keeps every file as it is, auto makes images and videos transformable.',
      DEFAULTS.STORAGE_CLOUDINARY_RESOURCE_TYPE,
    ),
  ),
  STORAGE_CLOUDINARY_AUTH_TOKEN_KEY: secret('cloudinary: key of token-based authentication, for transformed URLs.'),
  STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS: flag
    .optional()
    .meta(
      withDefault(
        'cloudinary: allow transformed URLs that never expire.',
        DEFAULTS.STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS,
      ),
    ),
  NODE_ENV: text
    .optional()
    .describe('production makes the storage strict: no fallback to memory, no generated URL secret.'),
});

/** The variables, checked and typed. */
export type StorageEnvironment = z.output<typeof environmentSchema>;

/** A variable as it is called where the storage has no prefix of its own. */
export type VariableName = keyof StorageEnvironment;

/** The variables that are right, and what is wrong with the others: `NAME must be ...`. */
export interface ReadVariables {
  readonly environment: StorageEnvironment;
  /** Under which names they were found, the wrong ones too: a shared one may be another's, or this storage's own. */
  readonly names: Readonly<Partial<Record<VariableName, string>>>;
  readonly problems: readonly string[];
}

/**
 * Reads and checks the variables one by one, so that a wrong one hides no problem of another.
 *
 * @param prefix in place of `STORAGE_`, for a storage with variables of its own (`STORAGE_AVATARS_`); those of the
 * signed URLs fall back to the common ones
 */
export function readVariables(source: EnvironmentSource, prefix = OWN_PREFIX): ReadVariables {
  const environment: Record<string, unknown> = {};
  const names: Record<string, string> = {};
  const problems: string[] = [];
  for (const [variable, schema] of Object.entries(environmentSchema.shape)) {
    const candidates = [variableName(variable, prefix), ...(SHARED.has(variable) ? [variable] : [])];
    const name = candidates.find((candidate) => source[candidate]?.trim());
    if (name === undefined) continue;
    names[variable] = name;
    const result = schema.safeParse(source[name]!.trim());
    if (result.success) environment[variable] = result.data;
    else problems.push(...result.error.issues.map(({ message }) => `${name} ${message}`));
  }
  return { environment: environment as StorageEnvironment, names, problems };
}

/**
 * Reads and checks the variables.
 *
 * @param prefix as readVariables() takes it
 * @throws StorageConfigurationError that tells every problem at once: variable, what is wrong, what it should be
 */
export function readEnvironment(source: EnvironmentSource, prefix = OWN_PREFIX): StorageEnvironment {
  const { environment, problems } = readVariables(source, prefix);
  if (problems.length > 0) throw new SettingsError(problems);
  return environment;
}

/** What a variable is called for a storage with a prefix of its own. Those of AWS, Google and others stay theirs. */
export function variableName(name: string, prefix: string): string {
  return name.startsWith(OWN_PREFIX) ? `${prefix}${name.slice(OWN_PREFIX.length)}` : name;
}

/** Whether all storages may share it. */
export function isShared(variable: VariableName): boolean {
  return SHARED.has(variable);
}
