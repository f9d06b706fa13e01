/** Environments in; the backend, the log line, the warnings or the whole error out. */
import { describe, expect, it } from '@jest/globals';
import {
  cloudinarySettings,
  gcsSettings,
  localSettings,
  memorySettings,
  s3Settings,
} from '../../lib/config/backend-settings.js';
import type { EnvironmentSource } from '../../lib/config/index.js';
import { resolveOptions, signingSecrets } from '../../lib/config/resolve-options.js';

const SETTINGS = {
  local: localSettings,
  memory: memorySettings,
  s3: s3Settings,
  gcs: gcsSettings,
  cloudinary: cloudinarySettings,
};

/** Everything that starting a storage tells of its environment. */
function start(env: EnvironmentSource, envPrefix?: string) {
  const resolved = resolveOptions({ env, envPrefix });
  const backend = resolved.backend as keyof typeof SETTINGS;
  const settings = SETTINGS[backend](resolved);
  return { backend, settings, summary: resolved.summary, told: resolved.told.join(' '), warnings: resolved.warnings };
}

const SECRET = '0123456789abcdef0123456789abcdef';
const S3 = { STORAGE_BACKEND: 's3', STORAGE_S3_BUCKET: 'files' };
const GCS = { STORAGE_BACKEND: 'gcs', STORAGE_GCS_BUCKET: 'files' };
const CLOUD = {
  STORAGE_CLOUDINARY_CLOUD_NAME: 'acme',
  STORAGE_CLOUDINARY_API_KEY: '1234',
  STORAGE_CLOUDINARY_API_SECRET: 'hush',
};
const URL_OF_CLOUD = 'cloudinary://1234:hush@acme';

type Row = readonly [title: string, env: EnvironmentSource, summary: string, settings: object];

const GOOD: readonly Row[] = [
  ['nothing', {}, 'memory (no variable names another backend)', {}],
  ['only blanks', { STORAGE_BACKEND: ' ', STORAGE_S3_BUCKET: '' }, 'memory (no variable names another backend)', {}],
  ['other variables', { PATH: '/bin', S3_BUCKET: 'x' }, 'memory (no variable names another backend)', {}],
  ['memory', { STORAGE_BACKEND: 'memory' }, 'memory (STORAGE_BACKEND says so)', { maxBytes: undefined }],
  [
    'memory with a limit',
    { STORAGE_BACKEND: 'memory', STORAGE_MEMORY_MAX_BYTES: '1mb' },
    'memory (STORAGE_BACKEND says so)',
    { maxBytes: 1_048_576 },
  ],
  ['local', { STORAGE_BACKEND: 'local' }, 'local (STORAGE_BACKEND says so)', { root: '/data/uploads' }],
  [
    'local with spaces around',
    { STORAGE_BACKEND: ' local ', STORAGE_BASE_PATH: ' /srv/files ' },
    'local (STORAGE_BACKEND says so)',
    { root: '/srv/files' },
  ],
  ['a base path alone', { STORAGE_BASE_PATH: '/srv' }, 'local (STORAGE_BASE_PATH is set)', { root: '/srv' }],
  [
    'a Railway volume',
    { RAILWAY_VOLUME_MOUNT_PATH: '/data' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set)',
    { root: '/data/uploads' },
  ],
  [
    'a Railway volume and a base path',
    { RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_BASE_PATH: '/data/files' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set)',
    { root: '/data/files' },
  ],
  [
    'a Railway volume before S3',
    { RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_S3_BUCKET: 'b' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set; also found: s3 (STORAGE_S3_BUCKET))',
    { root: '/data/uploads' },
  ],
  [
    'local said, everything else set',
    {
      STORAGE_BACKEND: 'local',
      AWS_ACCESS_KEY_ID: 'AKIA',
      GOOGLE_APPLICATION_CREDENTIALS: '/k.json',
      CLOUDINARY_URL: URL_OF_CLOUD,
    },
    'local (STORAGE_BACKEND says so; also found: s3 (AWS_ACCESS_KEY_ID), gcs (GOOGLE_APPLICATION_CREDENTIALS), cloudinary (CLOUDINARY_URL))',
    { root: '/data/uploads' },
  ],
  [
    'local without syncing',
    { STORAGE_BACKEND: 'local', STORAGE_DURABILITY: 'rename' },
    'local (STORAGE_BACKEND says so)',
    { root: '/data/uploads', durability: 'rename' },
  ],
  ['an S3 bucket', { STORAGE_S3_BUCKET: 'files' }, 's3 (STORAGE_S3_BUCKET is set)', { bucket: 'files' }],
  [
    'AWS keys and a bucket',
    { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'sec', STORAGE_S3_BUCKET: 'files' },
    's3 (STORAGE_S3_BUCKET is set)',
    { bucket: 'files', credentials: { accessKeyId: 'AKIA', secretAccessKey: 'sec' } },
  ],
  ['S3 said', S3, 's3 (STORAGE_BACKEND says so)', { bucket: 'files' }],
  [
    'S3 with keys of its own before those of AWS',
    {
      ...S3,
      STORAGE_S3_ACCESS_KEY: 'own',
      STORAGE_S3_SECRET_KEY: 'mine',
      AWS_ACCESS_KEY_ID: 'AKIA',
      AWS_SECRET_ACCESS_KEY: 'sec',
      AWS_SESSION_TOKEN: 'tok',
    },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', credentials: { accessKeyId: 'own', secretAccessKey: 'mine' } },
  ],
  [
    'S3 with a key of its own and the secret of AWS',
    { ...S3, STORAGE_S3_ACCESS_KEY: 'own', AWS_SECRET_ACCESS_KEY: 'sec' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', credentials: { accessKeyId: 'own', secretAccessKey: 'sec' } },
  ],
  [
    'S3 with temporary AWS keys',
    { ...S3, AWS_ACCESS_KEY_ID: 'ASIA', AWS_SECRET_ACCESS_KEY: 'sec', AWS_SESSION_TOKEN: 'tok' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', credentials: { accessKeyId: 'ASIA', secretAccessKey: 'sec', sessionToken: 'tok' } },
  ],
  [
    'S3 with half of the AWS keys, left to the chain of the SDK',
    { ...S3, AWS_ACCESS_KEY_ID: 'AKIA' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files' },
  ],
  [
    'S3 with a region',
    { ...S3, STORAGE_S3_REGION: 'eu-central-1', AWS_REGION: 'us-west-2' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', region: 'eu-central-1' },
  ],
  [
    'S3 with the region of AWS',
    { ...S3, AWS_REGION: 'us-west-2' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', region: 'us-west-2' },
  ],
  [
    'DigitalOcean Spaces',
    { ...S3, STORAGE_S3_REGION: 'nyc3', STORAGE_S3_ENDPOINT: 'https://nyc3.digitaloceanspaces.com' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', region: 'nyc3', endpoint: 'https://nyc3.digitaloceanspaces.com' },
  ],
  [
    'MinIO',
    { ...S3, STORAGE_S3_ENDPOINT: 'http://localhost:9000', STORAGE_S3_DIALECT: 'minio', STORAGE_S3_PATH_STYLE: 'true' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', endpoint: 'http://localhost:9000', dialect: 'minio', pathStyle: true },
  ],
  [
    'a public bucket behind a CDN',
    { ...S3, STORAGE_S3_PUBLIC_URL: 'https://cdn.example.com' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', publicUrl: 'https://cdn.example.com' },
  ],
  [
    'a private bucket behind the app',
    { ...S3, STORAGE_S3_URLS: 'app' },
    's3 (STORAGE_BACKEND says so)',
    { bucket: 'files', via: 'app' },
  ],
  ['a GCS bucket', { STORAGE_GCS_BUCKET: 'files' }, 'gcs (STORAGE_GCS_BUCKET is set)', { bucket: 'files' }],
  [
    'Google credentials and a bucket',
    { GOOGLE_APPLICATION_CREDENTIALS: '/k.json', STORAGE_GCS_BUCKET: 'files' },
    'gcs (STORAGE_GCS_BUCKET is set)',
    { bucket: 'files', keyFile: '/k.json' },
  ],
  [
    'GCS with a project',
    { ...GCS, STORAGE_GCS_PROJECT: 'acme' },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', projectId: 'acme' },
  ],
  [
    'GCS credentials in a variable before a file',
    { ...GCS, STORAGE_GCS_CREDENTIALS: '{"a":1}', GOOGLE_APPLICATION_CREDENTIALS: '/k.json' },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', credentials: '{"a":1}' },
  ],
  [
    'S3 before GCS',
    { STORAGE_S3_BUCKET: 'a', STORAGE_GCS_BUCKET: 'b' },
    's3 (STORAGE_S3_BUCKET is set; also found: gcs (STORAGE_GCS_BUCKET))',
    { bucket: 'a' },
  ],
  [
    'a Cloudinary URL',
    { CLOUDINARY_URL: URL_OF_CLOUD },
    'cloudinary (CLOUDINARY_URL is set)',
    { cloudName: 'acme', apiKey: '1234', apiSecret: 'hush' },
  ],
  [
    'Cloudinary in parts',
    CLOUD,
    'cloudinary (STORAGE_CLOUDINARY_CLOUD_NAME is set)',
    { cloudName: 'acme', apiKey: '1234', apiSecret: 'hush' },
  ],
  [
    'Cloudinary parts before the URL',
    { CLOUDINARY_URL: URL_OF_CLOUD, STORAGE_CLOUDINARY_CLOUD_NAME: 'other' },
    'cloudinary (CLOUDINARY_URL is set)',
    { cloudName: 'other', apiKey: '1234', apiSecret: 'hush' },
  ],
  [
    'Cloudinary with everything',
    {
      ...CLOUD,
      STORAGE_CLOUDINARY_FOLDER: 'app/files',
      STORAGE_CLOUDINARY_RESOURCE_TYPE: 'auto',
      STORAGE_CLOUDINARY_AUTH_TOKEN_KEY: 'ab12',
      STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS: 'false',
    },
    'cloudinary (STORAGE_CLOUDINARY_CLOUD_NAME is set)',
    {
      cloudName: 'acme',
      apiKey: '1234',
      apiSecret: 'hush',
      folder: 'app/files',
      resourceType: 'auto',
      authTokenKey: 'ab12',
      lastingTransformUrls: false,
    },
  ],
  [
    'GCS before Cloudinary',
    { STORAGE_GCS_BUCKET: 'b', CLOUDINARY_URL: URL_OF_CLOUD },
    'gcs (STORAGE_GCS_BUCKET is set; also found: cloudinary (CLOUDINARY_URL))',
    { bucket: 'b' },
  ],
  [
    'Cloudinary before a base path',
    { CLOUDINARY_URL: URL_OF_CLOUD, STORAGE_BASE_PATH: '/srv' },
    'cloudinary (CLOUDINARY_URL is set; also found: local (STORAGE_BASE_PATH))',
    { cloudName: 'acme', apiKey: '1234', apiSecret: 'hush' },
  ],
  [
    'production with a backend said',
    { NODE_ENV: 'production', STORAGE_BACKEND: 'memory' },
    'memory (STORAGE_BACKEND says so)',
    { maxBytes: undefined },
  ],
];

const BAD: readonly (readonly [title: string, env: EnvironmentSource, problems: readonly string[]])[] = [
  [
    'an unknown backend',
    { STORAGE_BACKEND: 'ftp' },
    ['STORAGE_BACKEND must be one of local, s3, gcs, cloudinary, memory'],
  ],
  ['a backend in capitals', { STORAGE_BACKEND: 'S3' }, ['STORAGE_BACKEND must be one of']],
  [
    'an expiry in words',
    { STORAGE_URL_EXPIRATION: '1h' },
    ['STORAGE_URL_EXPIRATION must be a whole number of seconds'],
  ],
  [
    'an expiry of nothing',
    { STORAGE_URL_EXPIRATION: '0' },
    ['STORAGE_URL_EXPIRATION must be a whole number of seconds from 1'],
  ],
  ['a negative expiry', { STORAGE_URL_EXPIRATION: '-5' }, ['STORAGE_URL_EXPIRATION must be']],
  ['a broken expiry', { STORAGE_URL_EXPIRATION: '1.5' }, ['STORAGE_URL_EXPIRATION must be']],
  ['a maximum in words', { STORAGE_MAX_URL_EXPIRATION: 'week' }, ['STORAGE_MAX_URL_EXPIRATION must be']],
  [
    'a base URL without scheme',
    { STORAGE_BASE_URL: 'api.example.com/files' },
    ['STORAGE_BASE_URL must be an http(s) URL'],
  ],
  ['a base URL of ftp', { STORAGE_BASE_URL: 'ftp://a.example/files' }, ['STORAGE_BASE_URL must be an http(s) URL']],
  ['a size in words', { STORAGE_MAX_FILE_SIZE: 'big' }, ['STORAGE_MAX_FILE_SIZE must be a size such as']],
  [
    'a size that only begins like one',
    { STORAGE_MAX_FILE_SIZE: '20 apples' },
    ['STORAGE_MAX_FILE_SIZE must be a size'],
  ],
  ['a flag that is none', { STORAGE_STRICT_KEYS: 'yes' }, ['STORAGE_STRICT_KEYS must be true or false']],
  ['an unknown durability', { STORAGE_DURABILITY: 'none' }, ['STORAGE_DURABILITY must be one of full, rename']],
  ['a memory limit in words', { STORAGE_MEMORY_MAX_BYTES: 'much' }, ['STORAGE_MEMORY_MAX_BYTES must be a size']],
  [
    'S3 without a bucket',
    { STORAGE_BACKEND: 's3' },
    ['STORAGE_S3_BUCKET (or the option s3.bucket) is not set', 's3 (STORAGE_BACKEND says so)'],
  ],
  ['AWS keys without a bucket', { AWS_ACCESS_KEY_ID: 'AKIA' }, ['STORAGE_S3_BUCKET', 's3 (AWS_ACCESS_KEY_ID is set)']],
  [
    'an S3 key without its secret',
    { ...S3, STORAGE_S3_ACCESS_KEY: 'own' },
    ['STORAGE_S3_SECRET_KEY is not set, and STORAGE_S3_ACCESS_KEY is'],
  ],
  [
    'an S3 secret without its key',
    { ...S3, STORAGE_S3_SECRET_KEY: 'mine' },
    ['STORAGE_S3_ACCESS_KEY is not set, and STORAGE_S3_SECRET_KEY is'],
  ],
  [
    'S3 without a bucket and with half of its keys',
    { STORAGE_BACKEND: 's3', STORAGE_S3_ACCESS_KEY: 'own' },
    ['STORAGE_S3_BUCKET', 'STORAGE_S3_SECRET_KEY is not set'],
  ],
  [
    'an S3 endpoint without scheme',
    { ...S3, STORAGE_S3_ENDPOINT: 'nyc3.example.com' },
    ['STORAGE_S3_ENDPOINT must be an http(s) URL'],
  ],
  [
    'an unknown dialect',
    { ...S3, STORAGE_S3_DIALECT: 'oracle' },
    ['STORAGE_S3_DIALECT must be one of aws, digitalocean'],
  ],
  [
    'a path style that is no flag',
    { ...S3, STORAGE_S3_PATH_STYLE: 'auto' },
    ['STORAGE_S3_PATH_STYLE must be true or false'],
  ],
  ['S3 URLs of nobody', { ...S3, STORAGE_S3_URLS: 'cdn' }, ['STORAGE_S3_URLS must be one of store, app']],
  ['GCS without a bucket', { STORAGE_BACKEND: 'gcs' }, ['STORAGE_GCS_BUCKET (or the option gcs.bucket) is not set']],
  [
    'Google credentials without a bucket',
    { GOOGLE_APPLICATION_CREDENTIALS: '/k' },
    ['STORAGE_GCS_BUCKET', 'GOOGLE_APPLICATION_CREDENTIALS is set'],
  ],
  [
    'a Cloudinary URL of another kind',
    { CLOUDINARY_URL: 'https://1234:hush@acme' },
    ['CLOUDINARY_URL is not a cloudinary:// URL'],
  ],
  ['a Cloudinary URL without a secret', { CLOUDINARY_URL: 'cloudinary://1234@acme' }, ['CLOUDINARY_URL lacks']],
  [
    'Cloudinary without anything',
    { STORAGE_BACKEND: 'cloudinary' },
    ['STORAGE_CLOUDINARY_CLOUD_NAME', 'STORAGE_CLOUDINARY_API_KEY', 'STORAGE_CLOUDINARY_API_SECRET', 'CLOUDINARY_URL'],
  ],
  [
    'Cloudinary in parts, one missing',
    { ...CLOUD, STORAGE_CLOUDINARY_API_SECRET: '' },
    ['STORAGE_CLOUDINARY_API_SECRET (or the option cloudinary.apiSecret) is not set'],
  ],
  [
    'an unknown resource type',
    { ...CLOUD, STORAGE_CLOUDINARY_RESOURCE_TYPE: 'image' },
    ['STORAGE_CLOUDINARY_RESOURCE_TYPE must be one of raw, auto'],
  ],
  [
    'production without a backend',
    { NODE_ENV: 'production' },
    ['keeping files in memory is refused', 'Set STORAGE_BACKEND to local, s3, gcs or cloudinary'],
  ],
  [
    'many mistakes at once',
    { STORAGE_BACKEND: 'ftp', STORAGE_URL_EXPIRATION: 'x', STORAGE_STRICT_KEYS: 'x', STORAGE_S3_ENDPOINT: 'x' },
    ['STORAGE_BACKEND', 'STORAGE_URL_EXPIRATION', 'STORAGE_STRICT_KEYS', 'STORAGE_S3_ENDPOINT'],
  ],
  [
    'mistakes of every kind at once',
    {
      STORAGE_BACKEND: 's3',
      STORAGE_S3_ACCESS_KEY: 'own',
      STORAGE_URL_SECRET: 'short',
      STORAGE_BASE_URL: 'ftp://x',
      STORAGE_URL_EXPIRATION: 'abc',
    },
    [
      'STORAGE_S3_BUCKET (or the option s3.bucket) is not set',
      'STORAGE_S3_SECRET_KEY is not set, and STORAGE_S3_ACCESS_KEY is',
      'STORAGE_URL_SECRET must have at least 32 bytes',
      'STORAGE_BASE_URL must be an http(s) URL',
      'STORAGE_URL_EXPIRATION must be a whole number of seconds',
    ],
  ],
  [
    'a base URL with a query',
    { STORAGE_BASE_URL: 'https://api.example.com/files?a=1' },
    ['STORAGE_BASE_URL must have no query and no fragment'],
  ],
  [
    'one short secret among several',
    { STORAGE_URL_SECRET: `${SECRET},short` },
    ['STORAGE_URL_SECRET must have at least 32 bytes in each secret'],
  ],
];

describe('settings that are right', () => {
  it.each(GOOD)('%s', (_title, env, summary, settings) => {
    const started = start(env);
    expect(started.summary).toBe(summary);
    expect(started.settings).toEqual(settings);
    expect(started.warnings).toHaveLength(summary.startsWith('memory (no') ? 1 : 0);
    expect(started.told).not.toMatch(/hush|sec\b|mine|tok\b|"a":1|ab12/);
  });
});

describe('settings that are wrong', () => {
  it.each(BAD)('%s', (_title, env, problems) => {
    let message = '';
    try {
      start(env);
    } catch (error) {
      expect(error).toMatchObject({ code: 'configuration' });
      message = (error as Error).message;
    }
    for (const problem of problems) expect(message).toContain(problem);
    expect(message).not.toMatch(/hush|mine/);
  });

  it('are as many as these tables promise', () => {
    expect(GOOD.length + BAD.length).toBeGreaterThanOrEqual(60);
  });
});

describe('what is told', () => {
  it('names variables with their values, and hides secrets', () => {
    const { told } = start({
      ...S3,
      STORAGE_S3_ENDPOINT: 'https://user:pass@word@s3.example.com',
      STORAGE_S3_ACCESS_KEY: 'own',
      STORAGE_S3_SECRET_KEY: 'mine',
      STORAGE_URL_SECRET: SECRET,
    });
    expect(told).toContain('STORAGE_S3_BUCKET=files');
    expect(told).toContain('STORAGE_S3_SECRET_KEY=****');
    expect(told).toContain('STORAGE_URL_SECRET=****');
    expect(told).toContain('STORAGE_S3_ENDPOINT=https://****@s3.example.com');
    expect(told).not.toMatch(/mine|pass|word|0123/);
  });

  it('names what else was found, and only what counts, where the options choose', () => {
    const env = { ...S3, STORAGE_BACKEND: 'local', STORAGE_URL_EXPIRATION: '60', STORAGE_BASE_PATH: '/srv' };
    const { summary, told } = resolveOptions({ env, backend: 'memory' });
    expect(summary).toBe(
      'memory (the options say so; also found: local (STORAGE_BACKEND says so), s3 (STORAGE_S3_BUCKET))',
    );
    expect(told).toEqual(['STORAGE_URL_EXPIRATION=60']);
  });
});

describe('a prefix of its own', () => {
  const env = {
    STORAGE_BACKEND: 's3',
    STORAGE_S3_BUCKET: 'common',
    STORAGE_URL_SECRET: SECRET,
    STORAGE_URL_EXPIRATION: '60',
    STORAGE_AVATARS_BACKEND: 'local',
    STORAGE_AVATARS_BASE_PATH: '/srv/avatars',
    STORAGE_AVATARS_URL_EXPIRATION: '5',
  };

  it('reads its own variables, and shares those of signed URLs', () => {
    const avatars = resolveOptions({ env, envPrefix: 'STORAGE_AVATARS_' });
    expect(avatars.summary).toBe('local (STORAGE_AVATARS_BACKEND says so)');
    expect(localSettings(avatars).root).toBe('/srv/avatars');
    expect(avatars.urls).toMatchObject({ secrets: [SECRET], expiresIn: 5 });
    expect(start(env).summary).toBe('s3 (STORAGE_BACKEND says so)');
  });

  it('names its own variables in errors', () => {
    const wrong = { STORAGE_AVATARS_BACKEND: 's3', STORAGE_S3_BUCKET: 'common' };
    expect(() => start(wrong, 'STORAGE_AVATARS_')).toThrow(/STORAGE_AVATARS_S3_BUCKET/);
    expect(() => resolveOptions({ env: {}, envPrefix: 'avatars' })).toThrow(/envPrefix is "avatars"/);
  });
});

describe('strict', () => {
  it('refuses a generated secret, and names the way out', () => {
    const resolved = resolveOptions({ env: { NODE_ENV: 'production', STORAGE_BACKEND: 'local' } });
    expect(() => signingSecrets(resolved, () => undefined)).toThrow(
      /STORAGE_URL_SECRET is not set.*refused.*openssl rand.*strict: false allows/s,
    );
  });

  it('is off in production where an option says so, and on elsewhere where one does', () => {
    const relaxed = resolveOptions({ strict: false, env: { NODE_ENV: 'production' } });
    expect(relaxed.warnings).toHaveLength(1);
    expect(signingSecrets(relaxed, () => undefined)).toHaveLength(1);
    expect(() => resolveOptions({ strict: true, env: {} })).toThrow(/keeping files in memory is refused/);
  });
});
