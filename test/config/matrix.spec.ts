/** Environments in; the backend, the log line, the warnings or the whole error out. */
import { describe, expect, it } from '@jest/globals';
import type { EnvironmentSource } from '../../lib/config/index.js';
import {
  ACCOUNT,
  BUCKET,
  CLOUD,
  GCS,
  HUSHED,
  KEY_FILE,
  LOCAL,
  MEDIA,
  problemsOf,
  S3,
  SECRET,
  start,
  URL_OF_CLOUD,
} from './start.js';

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
  ['local', { STORAGE_BACKEND: 'local' }, 'local (STORAGE_BACKEND says so)', LOCAL],
  [
    'local with spaces around',
    { STORAGE_BACKEND: ' local ', STORAGE_BASE_PATH: ' /srv/files ' },
    'local (STORAGE_BACKEND says so)',
    { ...LOCAL, root: '/srv/files' },
  ],
  ['a base path alone', { STORAGE_BASE_PATH: '/srv' }, 'local (STORAGE_BASE_PATH is set)', { ...LOCAL, root: '/srv' }],
  ['a Railway volume', { RAILWAY_VOLUME_MOUNT_PATH: '/data' }, 'local (RAILWAY_VOLUME_MOUNT_PATH is set)', LOCAL],
  [
    'a Railway volume and a base path',
    { RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_BASE_PATH: '/data/files' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set)',
    { ...LOCAL, root: '/data/files' },
  ],
  [
    'a Railway volume before S3',
    { RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_S3_BUCKET: 'b' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set; also found: s3 (STORAGE_S3_BUCKET))',
    LOCAL,
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
    LOCAL,
  ],
  [
    'local without syncing',
    { STORAGE_BACKEND: 'local', STORAGE_DURABILITY: 'rename' },
    'local (STORAGE_BACKEND says so)',
    { ...LOCAL, durability: 'rename' },
  ],
  ['an S3 bucket', { STORAGE_S3_BUCKET: 'files' }, 's3 (STORAGE_S3_BUCKET is set)', BUCKET],
  [
    'AWS keys and a bucket',
    { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'sec', STORAGE_S3_BUCKET: 'files' },
    's3 (STORAGE_S3_BUCKET is set)',
    { ...BUCKET, credentials: { accessKeyId: 'AKIA', secretAccessKey: 'sec' } },
  ],
  ['S3 said', S3, 's3 (STORAGE_BACKEND says so)', BUCKET],
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
    { ...BUCKET, credentials: { accessKeyId: 'own', secretAccessKey: 'mine' } },
  ],
  [
    'S3 with a key of its own and the secret of AWS',
    { ...S3, STORAGE_S3_ACCESS_KEY: 'own', AWS_SECRET_ACCESS_KEY: 'sec' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, credentials: { accessKeyId: 'own', secretAccessKey: 'sec' } },
  ],
  [
    'S3 with temporary AWS keys',
    { ...S3, AWS_ACCESS_KEY_ID: 'ASIA', AWS_SECRET_ACCESS_KEY: 'sec', AWS_SESSION_TOKEN: 'tok' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, credentials: { accessKeyId: 'ASIA', secretAccessKey: 'sec', sessionToken: 'tok' } },
  ],
  [
    'S3 with half of the AWS keys, left to the chain of the SDK',
    { ...S3, AWS_ACCESS_KEY_ID: 'AKIA' },
    's3 (STORAGE_BACKEND says so)',
    BUCKET,
  ],
  [
    'S3 with a region',
    { ...S3, STORAGE_S3_REGION: 'eu-central-1', AWS_REGION: 'us-west-2' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, region: 'eu-central-1' },
  ],
  [
    'S3 with the region of AWS',
    { ...S3, AWS_REGION: 'us-west-2' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, region: 'us-west-2' },
  ],
  [
    'DigitalOcean Spaces',
    { ...S3, STORAGE_S3_REGION: 'nyc3', STORAGE_S3_ENDPOINT: 'https://nyc3.digitaloceanspaces.com' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, region: 'nyc3', endpoint: 'https://nyc3.digitaloceanspaces.com' },
  ],
  [
    'MinIO',
    { ...S3, STORAGE_S3_ENDPOINT: 'http://localhost:9000', STORAGE_S3_DIALECT: 'minio', STORAGE_S3_PATH_STYLE: 'true' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, endpoint: 'http://localhost:9000', dialect: 'minio', pathStyle: true },
  ],
  [
    'a public bucket behind a CDN',
    { ...S3, STORAGE_S3_PUBLIC_URL: 'https://cdn.example.com' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, publicUrl: 'https://cdn.example.com' },
  ],
  [
    'a private bucket behind the app',
    { ...S3, STORAGE_S3_URLS: 'app' },
    's3 (STORAGE_BACKEND says so)',
    { ...BUCKET, via: 'app' },
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
    { ...GCS, STORAGE_GCS_CREDENTIALS: KEY_FILE, GOOGLE_APPLICATION_CREDENTIALS: '/k.json' },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', credentials: KEY_FILE },
  ],
  [
    'S3 before GCS',
    { STORAGE_S3_BUCKET: 'a', STORAGE_GCS_BUCKET: 'bbb' },
    's3 (STORAGE_S3_BUCKET is set; also found: gcs (STORAGE_GCS_BUCKET))',
    { ...BUCKET, bucket: 'a' },
  ],
  [
    'a Cloudinary URL',
    { CLOUDINARY_URL: URL_OF_CLOUD },
    'cloudinary (CLOUDINARY_URL is set)',
    { ...ACCOUNT, ...MEDIA },
  ],
  ['Cloudinary in parts', CLOUD, 'cloudinary (STORAGE_CLOUDINARY_CLOUD_NAME is set)', { ...ACCOUNT, ...MEDIA }],
  [
    'Cloudinary parts before the URL',
    { CLOUDINARY_URL: URL_OF_CLOUD, STORAGE_CLOUDINARY_CLOUD_NAME: 'other' },
    'cloudinary (CLOUDINARY_URL is set)',
    { ...ACCOUNT, ...MEDIA, cloudName: 'other' },
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
      ...ACCOUNT,
      folder: 'app/files',
      resourceType: 'auto',
      authTokenKey: 'ab12',
      lastingTransformUrls: false,
    },
  ],
  [
    'GCS before Cloudinary',
    { STORAGE_GCS_BUCKET: 'bbb', CLOUDINARY_URL: URL_OF_CLOUD },
    'gcs (STORAGE_GCS_BUCKET is set; also found: cloudinary (CLOUDINARY_URL))',
    { bucket: 'bbb' },
  ],
  [
    'Cloudinary before a base path',
    { CLOUDINARY_URL: URL_OF_CLOUD, STORAGE_BASE_PATH: '/srv' },
    'cloudinary (CLOUDINARY_URL is set; also found: local (STORAGE_BASE_PATH))',
    { ...ACCOUNT, ...MEDIA },
  ],
  [
    'production with a backend said',
    { NODE_ENV: 'production', STORAGE_BACKEND: 'memory', STORAGE_URL_SECRET: SECRET },
    'memory (STORAGE_BACKEND says so)',
    { maxBytes: undefined },
  ],
];

const MEMORY_REFUSED =
  'no backend is configured, and keeping files in memory is refused where the storage is strict (as in production). ' +
  'Set STORAGE_BACKEND to local, s3, gcs or cloudinary to keep them, to memory if that is meant, or allow the fallback ' +
  'with strict: false';
const NO_SECRET =
  'STORAGE_URL_SECRET is not set, and a generated secret is refused where the storage is strict (as in production). ' +
  'Set it to at least 32 random bytes, for example the output of: openssl rand -base64 32. strict: false allows a ' +
  'generated one';
const SHORT_SECRET =
  'STORAGE_URL_SECRET must have at least 32 bytes in each secret, such as the output of: openssl rand -base64 32';
const KINDS = 'STORAGE_BACKEND must be one of local, s3, gcs, cloudinary, memory';
const EXPIRY = 'STORAGE_URL_EXPIRATION must be a whole number of seconds from 1';
const BASE_URL = 'STORAGE_BASE_URL must be an http(s) URL such as https://api.example.com/files';
const ENDPOINT = 'STORAGE_S3_ENDPOINT must be an http(s) URL such as https://nyc3.digitaloceanspaces.com';
const CLOUD_NAME = 'STORAGE_CLOUDINARY_CLOUD_NAME must be the name of a Cloudinary cloud: letters, digits and dashes';
const size = (variable: string) => `${variable} must be a size such as 500kb, 20mb or 5gb`;
const unset = (variable: string, option: string, backend: string) =>
  `${variable} (or the option ${option}) is not set, and the backend is ${backend}`;
const NO_BUCKET = unset('STORAGE_S3_BUCKET', 's3.bucket', 's3 (STORAGE_BACKEND says so)');
const NO_KEY_SECRET = 'STORAGE_S3_SECRET_KEY is not set, and STORAGE_S3_ACCESS_KEY is: set both or neither';
const PATH_HOLDS_JSON =
  'GOOGLE_APPLICATION_CREDENTIALS must be the path of a file, and holds JSON: put that into STORAGE_GCS_CREDENTIALS';
const noAccount = (backend: string) => [
  unset('STORAGE_CLOUDINARY_CLOUD_NAME', 'cloudinary.cloudName, or CLOUDINARY_URL', backend),
  unset('STORAGE_CLOUDINARY_API_KEY', 'cloudinary.apiKey, or CLOUDINARY_URL', backend),
  unset('STORAGE_CLOUDINARY_API_SECRET', 'cloudinary.apiSecret, or CLOUDINARY_URL', backend),
];

/** With the whole list of what is wrong. */
const BAD: readonly (readonly [title: string, env: EnvironmentSource, problems: readonly string[]])[] = [
  ['an unknown backend', { STORAGE_BACKEND: 'ftp' }, [KINDS]],
  ['a backend in capitals', { STORAGE_BACKEND: 'S3' }, [KINDS]],
  ['an expiry in words', { STORAGE_URL_EXPIRATION: '1h' }, [EXPIRY]],
  ['an expiry of nothing', { STORAGE_URL_EXPIRATION: '0' }, [EXPIRY]],
  ['a negative expiry', { STORAGE_URL_EXPIRATION: '-5' }, [EXPIRY]],
  ['a broken expiry', { STORAGE_URL_EXPIRATION: '1.5' }, [EXPIRY]],
  [
    'a maximum in words',
    { STORAGE_MAX_URL_EXPIRATION: 'week' },
    ['STORAGE_MAX_URL_EXPIRATION must be a whole number of seconds from 1'],
  ],
  ['a base URL without scheme', { STORAGE_BASE_URL: 'api.example.com/files' }, [BASE_URL]],
  ['a base URL in capitals', { STORAGE_BASE_URL: 'HTTPS://own:hush@api.example.com/files' }, [BASE_URL]],
  ['a base URL of ftp', { STORAGE_BASE_URL: 'ftp://a.example/files' }, [BASE_URL]],
  [
    'a base URL with a query',
    { STORAGE_BASE_URL: 'https://api.example.com/files?a=1' },
    ['STORAGE_BASE_URL must have no query and no fragment'],
  ],
  ['a short secret', { STORAGE_URL_SECRET: 'hush' }, [SHORT_SECRET]],
  ['one short secret among several', { STORAGE_URL_SECRET: `${SECRET},hush` }, [SHORT_SECRET]],
  ['a size in words', { STORAGE_MAX_FILE_SIZE: 'big' }, [size('STORAGE_MAX_FILE_SIZE')]],
  ['a size that only begins like one', { STORAGE_MAX_FILE_SIZE: '20 apples' }, [size('STORAGE_MAX_FILE_SIZE')]],
  ['a flag that is none', { STORAGE_STRICT_KEYS: 'yes' }, ['STORAGE_STRICT_KEYS must be true or false']],
  ['an unknown durability', { STORAGE_DURABILITY: 'none' }, ['STORAGE_DURABILITY must be one of full, rename']],
  ['a memory limit in words', { STORAGE_MEMORY_MAX_BYTES: 'much' }, [size('STORAGE_MEMORY_MAX_BYTES')]],
  ['S3 without a bucket', { STORAGE_BACKEND: 's3' }, [NO_BUCKET]],
  [
    'AWS keys without a bucket',
    { AWS_ACCESS_KEY_ID: 'AKIA' },
    [unset('STORAGE_S3_BUCKET', 's3.bucket', 's3 (AWS_ACCESS_KEY_ID is set)')],
  ],
  ['an S3 key without its secret', { ...S3, STORAGE_S3_ACCESS_KEY: 'own' }, [NO_KEY_SECRET]],
  [
    'an S3 secret without its key',
    { ...S3, STORAGE_S3_SECRET_KEY: 'mine' },
    ['STORAGE_S3_ACCESS_KEY is not set, and STORAGE_S3_SECRET_KEY is: set both or neither'],
  ],
  [
    'S3 without a bucket and with half of its keys',
    { STORAGE_BACKEND: 's3', STORAGE_S3_ACCESS_KEY: 'own' },
    [NO_BUCKET, NO_KEY_SECRET],
  ],
  ['an S3 endpoint without scheme', { ...S3, STORAGE_S3_ENDPOINT: 'nyc3.example.com' }, [ENDPOINT]],
  [
    'an S3 endpoint with a password',
    { ...S3, STORAGE_S3_ENDPOINT: 'https://own:hush@s3.example.com' },
    ['s3: endpoint must not hold a user name or password'],
  ],
  [
    'an S3 endpoint with a password and a query',
    { ...S3, STORAGE_S3_ENDPOINT: 'https://own:hush@s3.example.com?region=mine' },
    ['s3: endpoint must not hold a user name or password'],
  ],
  [
    'a public URL with a signature',
    { ...S3, STORAGE_S3_PUBLIC_URL: 'https://cdn.example.com?sig=hush' },
    ['s3: publicUrl must be an address like https://files.example.com, without a query or fragment'],
  ],
  [
    'an unknown dialect',
    { ...S3, STORAGE_S3_DIALECT: 'oracle' },
    ['STORAGE_S3_DIALECT must be one of aws, digitalocean, wasabi, backblaze, minio, cloudflare, ceph, generic'],
  ],
  ['a dialect without a place', { ...S3, STORAGE_S3_DIALECT: 'minio' }, ['s3: the dialect minio needs an endpoint']],
  [
    'a path style that is no flag',
    { ...S3, STORAGE_S3_PATH_STYLE: 'auto' },
    ['STORAGE_S3_PATH_STYLE must be true or false'],
  ],
  ['S3 URLs of nobody', { ...S3, STORAGE_S3_URLS: 'cdn' }, ['STORAGE_S3_URLS must be one of store, app']],
  [
    'GCS without a bucket',
    { STORAGE_BACKEND: 'gcs' },
    [unset('STORAGE_GCS_BUCKET', 'gcs.bucket', 'gcs (STORAGE_BACKEND says so)')],
  ],
  [
    'a GCS bucket by its address',
    { STORAGE_GCS_BUCKET: 'gs://files' },
    ['gcs: bucket must be the name of a bucket. Set STORAGE_GCS_BUCKET, without "gs://"'],
  ],
  [
    'GCS credentials that are cut off',
    { ...GCS, STORAGE_GCS_CREDENTIALS: '{"private_key":"hush' },
    ['gcs: the credentials are not JSON. Set the text of a service account key file, or use keyFile for its path'],
  ],
  [
    'Google credentials without a bucket',
    { GOOGLE_APPLICATION_CREDENTIALS: '/k' },
    [unset('STORAGE_GCS_BUCKET', 'gcs.bucket', 'gcs (GOOGLE_APPLICATION_CREDENTIALS is set)')],
  ],
  [
    'JSON in the place of the path of Google credentials',
    { ...GCS, GOOGLE_APPLICATION_CREDENTIALS: KEY_FILE },
    [PATH_HOLDS_JSON],
  ],
  [
    'JSON in the place of that path, and no bucket',
    { GOOGLE_APPLICATION_CREDENTIALS: KEY_FILE },
    [unset('STORAGE_GCS_BUCKET', 'gcs.bucket', 'gcs (GOOGLE_APPLICATION_CREDENTIALS is set)'), PATH_HOLDS_JSON],
  ],
  [
    'a Cloudinary URL of another kind',
    { CLOUDINARY_URL: 'https://1234:hush@acme' },
    [
      'cloudinary: CLOUDINARY_URL is not a cloudinary:// URL. It looks like cloudinary://<api key>:<api secret>@<cloud name>',
    ],
  ],
  [
    'a Cloudinary URL without a secret',
    { CLOUDINARY_URL: 'cloudinary://1234@acme' },
    [
      'cloudinary: CLOUDINARY_URL lacks the API key, the secret or the cloud name. ' +
        'It looks like cloudinary://<api key>:<api secret>@<cloud name>',
    ],
  ],
  [
    'a Cloudinary URL with a bare percent sign in its secret',
    { CLOUDINARY_URL: 'cloudinary://1234:hu%sh@acme' },
    ['CLOUDINARY_URL holds a "%" that begins no escape: write it as %25'],
  ],
  [
    'a Cloudinary URL in the place of the cloud name',
    { STORAGE_CLOUDINARY_CLOUD_NAME: URL_OF_CLOUD },
    [CLOUD_NAME, ...noAccount('cloudinary (STORAGE_CLOUDINARY_CLOUD_NAME is set)').slice(1)],
  ],
  ['Cloudinary without anything', { STORAGE_BACKEND: 'cloudinary' }, noAccount('cloudinary (STORAGE_BACKEND says so)')],
  [
    'Cloudinary in parts, one missing',
    { ...CLOUD, STORAGE_CLOUDINARY_API_SECRET: '' },
    noAccount('cloudinary (STORAGE_CLOUDINARY_CLOUD_NAME is set)').slice(2),
  ],
  [
    'an unknown resource type',
    { ...CLOUD, STORAGE_CLOUDINARY_RESOURCE_TYPE: 'image' },
    ['STORAGE_CLOUDINARY_RESOURCE_TYPE must be one of raw, auto'],
  ],
  [
    'a folder that Cloudinary has not',
    { ...CLOUD, STORAGE_CLOUDINARY_FOLDER: '../x' },
    [
      'cloudinary: folder must be at most 100 letters, digits and dashes in segments that begin with a letter. ' +
        'An example is "my-app/files"',
    ],
  ],
  ['production without anything', { NODE_ENV: 'production' }, [MEMORY_REFUSED, NO_SECRET]],
  ['production without a backend', { NODE_ENV: 'production', STORAGE_URL_SECRET: SECRET }, [MEMORY_REFUSED]],
  ['production without a secret', { NODE_ENV: 'production', STORAGE_BACKEND: 'local' }, [NO_SECRET]],
  ['production in memory without a secret', { NODE_ENV: 'production', STORAGE_BACKEND: 'memory' }, [NO_SECRET]],
  [
    'production behind the app, without bucket and secret',
    { NODE_ENV: 'production', STORAGE_BACKEND: 's3', STORAGE_S3_URLS: 'app' },
    [NO_BUCKET, NO_SECRET],
  ],
  [
    'production with a slip beside everything that is missing',
    { NODE_ENV: 'production', STORAGE_URL_EXPIRATION: '1h', STORAGE_MEMORY_MAX_BYTES: 'much' },
    [EXPIRY, size('STORAGE_MEMORY_MAX_BYTES'), MEMORY_REFUSED, NO_SECRET],
  ],
  [
    'production with a short secret, and no backend',
    { NODE_ENV: 'production', STORAGE_URL_SECRET: 'hush' },
    [SHORT_SECRET, MEMORY_REFUSED],
  ],
  [
    'production with an unknown backend: what it lacks nobody can tell',
    { NODE_ENV: 'production', STORAGE_BACKEND: 'ftp', STORAGE_STRICT_KEYS: 'x' },
    [KINDS, 'STORAGE_STRICT_KEYS must be true or false'],
  ],
  [
    'many mistakes at once',
    { STORAGE_BACKEND: 'ftp', STORAGE_URL_EXPIRATION: 'x', STORAGE_STRICT_KEYS: 'x', STORAGE_S3_ENDPOINT: 'x' },
    [KINDS, EXPIRY, 'STORAGE_STRICT_KEYS must be true or false', ENDPOINT],
  ],
  [
    'mistakes of every kind at once',
    {
      NODE_ENV: 'production',
      STORAGE_BACKEND: 's3',
      STORAGE_S3_ACCESS_KEY: 'own',
      STORAGE_URL_SECRET: 'hush',
      STORAGE_BASE_URL: 'ftp://x',
      STORAGE_URL_EXPIRATION: 'abc',
    },
    [BASE_URL, EXPIRY, SHORT_SECRET, NO_BUCKET, NO_KEY_SECRET],
  ],
];

describe('settings that are right', () => {
  it.each(GOOD)('%s', (_title, env, summary, settings) => {
    const started = start(env);
    expect(started.summary).toBe(summary);
    expect(started.settings).toEqual(settings);
    expect(started.warnings).toHaveLength(summary.startsWith('memory (no') ? 1 : 0);
    expect(started.told.join(' ')).not.toMatch(HUSHED);
  });
});

describe('settings that are wrong', () => {
  it.each(BAD)('%s', (_title, env, problems) => {
    const told = problemsOf(env);
    expect(told).toEqual(problems);
    expect(told.join(' ')).not.toMatch(HUSHED);
  });

  it('are as many as these tables promise', () => {
    expect(GOOD.length + BAD.length).toBeGreaterThanOrEqual(90);
  });
});
