/** The environment variables of a storage: names, checks, defaults and descriptions in one schema. */
import { z } from 'zod';
import { StorageConfigurationError } from '../contract/index.js';
import { parseByteSize } from '../service/byte-size.js';

export const BACKEND_KINDS = ['local', 's3', 'gcs', 'cloudinary', 'memory'] as const;

export type BackendKind = (typeof BACKEND_KINDS)[number];

/** Any source of settings: process.env, a loaded file, a test's own object. */
export type EnvironmentSource = Readonly<Record<string, string | undefined>>;

const text = z.string().min(1);

const seconds = z
  .string()
  .regex(/^\d+$/, 'must be a whole number of seconds')
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

/** Every variable that the storage reads. Unset and empty are the same. */
export const environmentSchema = z.object({
  STORAGE_BACKEND: z
    .enum(BACKEND_KINDS, { error: `must be one of ${BACKEND_KINDS.join(', ')}` })
    .optional()
    .describe('Backend to use. Default: detected from the variables below.'),
  STORAGE_BASE_PATH: text
    .optional()
    .describe('local: folder of the files. Default: uploads under RAILWAY_VOLUME_MOUNT_PATH, else /data/uploads.'),
  RAILWAY_VOLUME_MOUNT_PATH: text.optional().describe('Set by Railway where a volume is mounted; selects local.'),
  STORAGE_BASE_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as https://api.example.com/files' })
    .optional()
    .describe('Public URL of the signed routes. Default: the address the app listens on, its prefix and /files.'),
  STORAGE_URL_SECRET: text
    .optional()
    .describe(
      'Secrets of the signed URLs, at least 32 bytes each, separated by commas: the first signs, all verify. ' +
        'Default: generated at start, so that URLs end with the process.',
    ),
  STORAGE_URL_EXPIRATION: seconds.optional().describe('Default expiry of signed URLs in seconds. Default 3600.'),
  STORAGE_MAX_URL_EXPIRATION: seconds
    .optional()
    .describe('Longest expiry of signed URLs in seconds that may be asked. Default 604800 (7 days).'),
  STORAGE_MAX_FILE_SIZE: size.optional().describe('Largest file that any write may store, such as 5gb. Default: none.'),
  STORAGE_STRICT_KEYS: flag.optional().describe('Allow only A-Z a-z 0-9 . _ - / in keys. Default false.'),
  STORAGE_MEMORY_MAX_BYTES: size.optional().describe('memory: most bytes of all files, such as 256mb. Default: none.'),
  STORAGE_S3_BUCKET: text.optional().describe('s3: bucket; selects s3.'),
  AWS_ACCESS_KEY_ID: text.optional().describe('s3: access key of the AWS SDK; selects s3.'),
  GOOGLE_APPLICATION_CREDENTIALS: text.optional().describe('gcs: service account file; selects gcs.'),
  CLOUDINARY_URL: text.optional().describe('cloudinary: connection URL; selects cloudinary.'),
});

/** The variables, checked and typed. */
export type StorageEnvironment = z.output<typeof environmentSchema>;

/**
 * Reads and checks the variables.
 *
 * @throws StorageConfigurationError that tells every problem at once: variable, what is wrong, what it should be
 */
export function readEnvironment(source: EnvironmentSource): StorageEnvironment {
  const set = Object.fromEntries(
    Object.keys(environmentSchema.shape).flatMap((name) => {
      const value = source[name]?.trim();
      return value ? [[name, value]] : [];
    }),
  );
  const result = environmentSchema.safeParse(set);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  throw new StorageConfigurationError({
    reason: `the environment of the storage is not valid: ${problems.join('; ')}`,
    advice: 'Correct the named variables.',
  });
}
