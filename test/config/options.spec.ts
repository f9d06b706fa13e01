/** Options beside variables: which of the two wins, and what the log says it was read from. */
import { describe, expect, it } from '@jest/globals';
import { storageOptionsFrom, type EnvironmentSource, type StorageOptions } from '../../lib/config/index.js';
import { resolveOptions } from '../../lib/config/resolve-options.js';
import { MemoryBackend } from '../../lib/index.js';
import {
  ACCOUNT,
  BUCKET,
  CLOUD,
  GCS,
  HUSHED,
  KEY_FILE,
  LOCAL,
  MEDIA,
  S3,
  SECRET,
  start,
  URL_OF_CLOUD,
} from './start.js';

type Row = readonly [
  title: string,
  options: StorageOptions,
  env: EnvironmentSource,
  summary: string,
  settings: object,
  told: readonly string[],
];

const AWS = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'sec', AWS_SESSION_TOKEN: 'tok' };
const OWN_KEYS = { STORAGE_S3_ACCESS_KEY: 'own', STORAGE_S3_SECRET_KEY: 'mine' };
const GIVEN_KEYS = { accessKeyId: 'given', secretAccessKey: 'hush' };
const SAID = 's3 (STORAGE_BACKEND says so)';
const TOLD_S3 = ['STORAGE_BACKEND=s3', 'STORAGE_S3_BUCKET=files'];

const ROWS: readonly Row[] = [
  [
    'undefined S3 options',
    {
      s3: {
        bucket: undefined,
        region: undefined,
        endpoint: undefined,
        dialect: undefined,
        pathStyle: undefined,
        publicUrl: undefined,
        via: undefined,
        credentials: undefined,
        client: undefined,
      },
    },
    {
      ...S3,
      ...OWN_KEYS,
      STORAGE_S3_REGION: 'eu-central-1',
      STORAGE_S3_ENDPOINT: 'https://s3.example.com',
      STORAGE_S3_DIALECT: 'ceph',
      STORAGE_S3_PATH_STYLE: 'false',
      STORAGE_S3_PUBLIC_URL: 'https://cdn.example.com',
      STORAGE_S3_URLS: 'store',
    },
    SAID,
    {
      ...BUCKET,
      region: 'eu-central-1',
      endpoint: 'https://s3.example.com',
      dialect: 'ceph',
      pathStyle: false,
      publicUrl: 'https://cdn.example.com',
      credentials: { accessKeyId: 'own', secretAccessKey: 'mine' },
    },
    [
      ...TOLD_S3,
      'STORAGE_S3_REGION=eu-central-1',
      'STORAGE_S3_ENDPOINT=https://s3.example.com',
      'STORAGE_S3_ACCESS_KEY=own',
      'STORAGE_S3_SECRET_KEY=****',
      'STORAGE_S3_DIALECT=ceph',
      'STORAGE_S3_PATH_STYLE=false',
      'STORAGE_S3_PUBLIC_URL=https://cdn.example.com',
      'STORAGE_S3_URLS=store',
    ],
  ],
  [
    'undefined GCS options',
    {
      gcs: {
        bucket: undefined,
        projectId: undefined,
        credentials: undefined,
        keyFile: undefined,
        auth: undefined,
        anonymous: undefined,
      },
    },
    { ...GCS, STORAGE_GCS_PROJECT: 'acme', STORAGE_GCS_CREDENTIALS: KEY_FILE },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', projectId: 'acme', credentials: KEY_FILE },
    ['STORAGE_BACKEND=gcs', 'STORAGE_GCS_BUCKET=files', 'STORAGE_GCS_PROJECT=acme', 'STORAGE_GCS_CREDENTIALS=****'],
  ],
  [
    'undefined Cloudinary options',
    {
      cloudinary: {
        cloudName: undefined,
        apiKey: undefined,
        apiSecret: undefined,
        apiUrl: undefined,
        deliveryUrl: undefined,
        folder: undefined,
        resourceType: undefined,
        authTokenKey: undefined,
        lastingTransformUrls: undefined,
      },
    },
    {
      CLOUDINARY_URL: `${URL_OF_CLOUD}?upload_prefix=https%3A%2F%2Fapi-eu.cloudinary.com`,
      STORAGE_CLOUDINARY_FOLDER: 'app',
      STORAGE_CLOUDINARY_RESOURCE_TYPE: 'auto',
      STORAGE_CLOUDINARY_AUTH_TOKEN_KEY: 'ab12',
      STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS: 'true',
    },
    'cloudinary (CLOUDINARY_URL is set)',
    {
      ...ACCOUNT,
      apiUrl: 'https://api-eu.cloudinary.com',
      folder: 'app',
      resourceType: 'auto',
      authTokenKey: 'ab12',
      lastingTransformUrls: true,
    },
    [
      'CLOUDINARY_URL=****',
      'STORAGE_CLOUDINARY_FOLDER=app',
      'STORAGE_CLOUDINARY_RESOURCE_TYPE=auto',
      'STORAGE_CLOUDINARY_AUTH_TOKEN_KEY=****',
      'STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS=true',
    ],
  ],
  [
    'undefined local options',
    { local: { root: undefined, durability: undefined, fileMode: undefined } },
    { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: '/srv', STORAGE_DURABILITY: 'rename' },
    'local (STORAGE_BACKEND says so)',
    { root: '/srv', durability: 'rename' },
    ['STORAGE_BACKEND=local', 'STORAGE_BASE_PATH=/srv', 'STORAGE_DURABILITY=rename'],
  ],
  [
    'undefined memory options',
    { memory: { maxBytes: undefined } },
    { STORAGE_BACKEND: 'memory', STORAGE_MEMORY_MAX_BYTES: '1kb' },
    'memory (STORAGE_BACKEND says so)',
    { maxBytes: 1024 },
    ['STORAGE_BACKEND=memory', 'STORAGE_MEMORY_MAX_BYTES=1024'],
  ],
  [
    'undefined options of the storage',
    {
      backend: undefined,
      urls: { secret: undefined, baseUrl: undefined, expiresIn: undefined, maxExpiresIn: undefined },
      strictKeys: undefined,
      maxFileSize: undefined,
      strict: undefined,
      envPrefix: undefined,
    },
    {
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_URL: 'https://api.example.com/files',
      STORAGE_URL_SECRET: SECRET,
      STORAGE_URL_EXPIRATION: '60',
      STORAGE_MAX_URL_EXPIRATION: '90',
      STORAGE_MAX_FILE_SIZE: '1kb',
      STORAGE_STRICT_KEYS: 'true',
      NODE_ENV: 'production',
    },
    'local (STORAGE_BACKEND says so)',
    LOCAL,
    [
      'STORAGE_BACKEND=local',
      'STORAGE_BASE_URL=https://api.example.com/files',
      'STORAGE_URL_SECRET=****',
      'STORAGE_URL_EXPIRATION=60',
      'STORAGE_MAX_URL_EXPIRATION=90',
      'STORAGE_MAX_FILE_SIZE=1024',
      'STORAGE_STRICT_KEYS=true',
      'NODE_ENV=production',
    ],
  ],
  [
    'S3 options that win over every variable',
    {
      backend: 's3',
      s3: { bucket: 'given', region: 'eu-west-1', endpoint: 'https://a.example', credentials: GIVEN_KEYS, via: 'app' },
      urls: { secret: `given-${SECRET}`, expiresIn: 5 },
      strict: false,
    },
    {
      NODE_ENV: 'production',
      STORAGE_BACKEND: 'local',
      STORAGE_S3_BUCKET: 'files',
      STORAGE_S3_REGION: 'nyc3',
      STORAGE_S3_ENDPOINT: 'https://b.example',
      STORAGE_S3_URLS: 'store',
      STORAGE_URL_SECRET: SECRET,
      STORAGE_URL_EXPIRATION: '60',
      ...OWN_KEYS,
    },
    's3 (the options say so; also found: local (STORAGE_BACKEND says so))',
    { bucket: 'given', region: 'eu-west-1', endpoint: 'https://a.example', credentials: GIVEN_KEYS, via: 'app' },
    [],
  ],
  [
    'an S3 backend by option, whose keys are the options too',
    { backend: 's3', s3: { bucket: 'given', credentials: GIVEN_KEYS } },
    { ...AWS },
    's3 (the options say so, as AWS_ACCESS_KEY_ID does)',
    { bucket: 'given', via: 'store', credentials: GIVEN_KEYS },
    [],
  ],
  [
    'S3 keys as options beside one of a pair',
    { s3: { credentials: GIVEN_KEYS } },
    { ...S3, STORAGE_S3_ACCESS_KEY: 'own' },
    SAID,
    { ...BUCKET, credentials: GIVEN_KEYS },
    TOLD_S3,
  ],
  [
    'own keys before those of AWS, which lose',
    {},
    { ...S3, ...OWN_KEYS, ...AWS, STORAGE_S3_REGION: 'eu-central-1', AWS_REGION: 'us-west-2' },
    SAID,
    { ...BUCKET, region: 'eu-central-1', credentials: { accessKeyId: 'own', secretAccessKey: 'mine' } },
    [...TOLD_S3, 'STORAGE_S3_REGION=eu-central-1', 'STORAGE_S3_ACCESS_KEY=own', 'STORAGE_S3_SECRET_KEY=****'],
  ],
  [
    'an own key with the secret of AWS',
    {},
    { ...S3, STORAGE_S3_ACCESS_KEY: 'own', ...AWS },
    SAID,
    { ...BUCKET, credentials: { accessKeyId: 'own', secretAccessKey: 'sec' } },
    [...TOLD_S3, 'STORAGE_S3_ACCESS_KEY=own', 'AWS_SECRET_ACCESS_KEY=****'],
  ],
  [
    'the keys of AWS with their token',
    {},
    { ...S3, ...AWS, AWS_REGION: 'us-west-2' },
    SAID,
    {
      ...BUCKET,
      region: 'us-west-2',
      credentials: { accessKeyId: 'AKIA', secretAccessKey: 'sec', sessionToken: 'tok' },
    },
    [
      ...TOLD_S3,
      'AWS_ACCESS_KEY_ID=AKIA',
      'AWS_SECRET_ACCESS_KEY=****',
      'AWS_SESSION_TOKEN=****',
      'AWS_REGION=us-west-2',
    ],
  ],
  ...(
    [
      ['Wasabi', 'https://s3.eu-central-1.wasabisys.com', undefined],
      ['Wasabi without a region in its host', 'https://s3.wasabisys.com', undefined],
      ['R2', 'https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com', undefined],
      ['Spaces', 'https://nyc3.digitaloceanspaces.com', undefined],
      ['another region of AWS', 'https://s3.eu-central-1.amazonaws.com', undefined],
      ['AWS inside a network', 'https://bucket.vpce-0a-1b.s3.eu-central-1.vpce.amazonaws.com', undefined],
      ['a MinIO that is told by name', 'https://files.example.com', 'minio'],
    ] as const
  ).map(([service, endpoint, dialect]): Row => [
    `the region of the machine beside an endpoint of ${service}`,
    { s3: { endpoint, dialect } },
    { ...S3, AWS_REGION: 'us-west-2' },
    SAID,
    { ...BUCKET, endpoint, dialect },
    TOLD_S3,
  ]),
  [
    'the region of the machine beside an endpoint in a variable',
    {},
    { ...S3, STORAGE_S3_ENDPOINT: 'https://s3.eu-central-1.wasabisys.com', AWS_REGION: 'us-west-2' },
    SAID,
    { ...BUCKET, endpoint: 'https://s3.eu-central-1.wasabisys.com' },
    [...TOLD_S3, 'STORAGE_S3_ENDPOINT=https://s3.eu-central-1.wasabisys.com'],
  ],
  [
    'the region of AWS beside an endpoint of a service that nobody knows',
    { s3: { endpoint: 'https://s3.example.com' } },
    { ...S3, AWS_REGION: 'us-west-2' },
    SAID,
    { ...BUCKET, endpoint: 'https://s3.example.com', region: 'us-west-2' },
    [...TOLD_S3, 'AWS_REGION=us-west-2'],
  ],
  [
    'GCS credentials by option before both variables',
    { gcs: { keyFile: '/given.json' } },
    { ...GCS, STORAGE_GCS_CREDENTIALS: KEY_FILE, GOOGLE_APPLICATION_CREDENTIALS: '/k.json' },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', keyFile: '/given.json' },
    ['STORAGE_BACKEND=gcs', 'STORAGE_GCS_BUCKET=files'],
  ],
  [
    'an anonymous GCS bucket, which takes no credentials',
    { gcs: { anonymous: true } },
    { ...GCS, STORAGE_GCS_CREDENTIALS: KEY_FILE, GOOGLE_APPLICATION_CREDENTIALS: '/k.json' },
    'gcs (STORAGE_BACKEND says so)',
    { bucket: 'files', anonymous: true },
    ['STORAGE_BACKEND=gcs', 'STORAGE_GCS_BUCKET=files'],
  ],
  [
    'GCS credentials in a variable before JSON in the place of a path',
    {},
    { STORAGE_GCS_BUCKET: 'files', STORAGE_GCS_CREDENTIALS: KEY_FILE, GOOGLE_APPLICATION_CREDENTIALS: KEY_FILE },
    'gcs (STORAGE_GCS_BUCKET is set)',
    { bucket: 'files', credentials: KEY_FILE },
    ['STORAGE_GCS_BUCKET=files', 'STORAGE_GCS_CREDENTIALS=****'],
  ],
  [
    'the same, where that path is the sign',
    { gcs: { bucket: 'files' } },
    { STORAGE_GCS_CREDENTIALS: KEY_FILE, GOOGLE_APPLICATION_CREDENTIALS: KEY_FILE },
    'gcs (GOOGLE_APPLICATION_CREDENTIALS is set)',
    { bucket: 'files', credentials: KEY_FILE },
    ['STORAGE_GCS_CREDENTIALS=****', 'GOOGLE_APPLICATION_CREDENTIALS=****'],
  ],
  [
    'Cloudinary parts of all three sources',
    { cloudinary: { apiKey: 'given' } },
    { CLOUDINARY_URL: URL_OF_CLOUD, STORAGE_CLOUDINARY_CLOUD_NAME: 'other', STORAGE_CLOUDINARY_API_KEY: '5678' },
    'cloudinary (CLOUDINARY_URL is set)',
    { ...ACCOUNT, ...MEDIA, cloudName: 'other', apiKey: 'given' },
    ['CLOUDINARY_URL=****', 'STORAGE_CLOUDINARY_CLOUD_NAME=other'],
  ],
  [
    'a Cloudinary URL of which nothing is left',
    {},
    { ...CLOUD, STORAGE_BACKEND: 'cloudinary', CLOUDINARY_URL: URL_OF_CLOUD },
    'cloudinary (STORAGE_BACKEND says so)',
    { ...ACCOUNT, ...MEDIA },
    [
      'STORAGE_BACKEND=cloudinary',
      'STORAGE_CLOUDINARY_CLOUD_NAME=acme',
      'STORAGE_CLOUDINARY_API_KEY=1234',
      'STORAGE_CLOUDINARY_API_SECRET=****',
    ],
  ],
  [
    'a folder by option on a machine with a volume',
    { local: { root: '/given' } },
    { RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_BASE_PATH: '/srv', STORAGE_DURABILITY: 'rename' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set)',
    { root: '/given', durability: 'rename' },
    ['RAILWAY_VOLUME_MOUNT_PATH=/data', 'STORAGE_DURABILITY=rename'],
  ],
  [
    'a base path before the volume, where local was said',
    {},
    { STORAGE_BACKEND: 'local', RAILWAY_VOLUME_MOUNT_PATH: '/data', STORAGE_BASE_PATH: '/srv' },
    'local (STORAGE_BACKEND says so)',
    { ...LOCAL, root: '/srv' },
    ['STORAGE_BACKEND=local', 'STORAGE_BASE_PATH=/srv'],
  ],
  [
    'options that hand on what variables say, which is then read from them',
    { backend: 'local', local: { root: '/srv' }, urls: { expiresIn: 60, secret: [SECRET] }, maxFileSize: '1kb' },
    {
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_PATH: '/srv',
      STORAGE_URL_EXPIRATION: '60',
      STORAGE_URL_SECRET: SECRET,
      STORAGE_MAX_FILE_SIZE: '1024',
    },
    'local (the options say so, as STORAGE_BACKEND does)',
    { ...LOCAL, root: '/srv' },
    [
      'STORAGE_BACKEND=local',
      'STORAGE_BASE_PATH=/srv',
      'STORAGE_URL_SECRET=****',
      'STORAGE_URL_EXPIRATION=60',
      'STORAGE_MAX_FILE_SIZE=1024',
    ],
  ],
  [
    'a password in a base URL',
    {},
    { STORAGE_BACKEND: 'memory', STORAGE_BASE_URL: 'https://own:hush@mine@api.example.com/files' },
    'memory (STORAGE_BACKEND says so)',
    {},
    ['STORAGE_BACKEND=memory', 'STORAGE_BASE_URL=https://****@api.example.com/files'],
  ],
  [
    'a URL of another kind in the place of a folder',
    {},
    { STORAGE_BASE_PATH: 'S3://own:hush@bucket/files' },
    'local (STORAGE_BASE_PATH is set)',
    { ...LOCAL, root: 'S3://own:hush@bucket/files' },
    ['STORAGE_BASE_PATH=S3://****@bucket/files'],
  ],
];

describe('options and variables together', () => {
  it.each(ROWS)('%s', (_title, options, env, summary, settings, told) => {
    const started = start(env, options);
    expect(started.summary).toBe(summary);
    expect(started.settings).toEqual(settings);
    expect(started.told).toEqual(told);
    expect(started.told.join(' ')).not.toMatch(HUSHED);
  });

  it.each(ROWS.filter(([, { backend }]) => backend === undefined))(
    'are told the same through the namespace of @nestjs/config: %s',
    (_title, options, env, _summary, settings, told) => {
      const started = start(env, storageOptionsFrom(env, options));
      expect(started.settings).toEqual(settings);
      // The options name the backend by then; the sign that the environment gave is not asked again.
      const signs = /^(?:RAILWAY_VOLUME_MOUNT_PATH|GOOGLE_APPLICATION_CREDENTIALS)=/;
      expect(started.told).toEqual(told.filter((variable) => !signs.test(variable)));
    },
  );

  it('leave out the region of the machine where the SDK itself finds an endpoint elsewhere', () => {
    const before = { ...process.env };
    process.env.AWS_ENDPOINT_URL_S3 = 'https://s3.eu-central-1.wasabisys.com';
    try {
      const { settings, told } = start({ ...S3, AWS_REGION: 'us-west-2' });
      expect({ settings, told }).toEqual({ settings: BUCKET, told: TOLD_S3 });
    } finally {
      process.env = before;
    }
  });

  it('tell nothing of a store to an instance that was handed in', () => {
    const env = { ...S3, ...OWN_KEYS, STORAGE_STRICT_KEYS: 'true' };
    const { summary, told } = resolveOptions({ env, backend: new MemoryBackend() });
    expect(summary).toBe('memory (an instance was handed in)');
    expect(told).toEqual(['STORAGE_STRICT_KEYS=true']);
  });

  it('warn of a default expiry over the maximum, by the names of who says so', () => {
    const warned = (env: EnvironmentSource, urls: StorageOptions['urls'] = {}) =>
      start({ STORAGE_BACKEND: 'local', ...env }, { urls }).warnings;
    const both = { STORAGE_URL_EXPIRATION: '90', STORAGE_MAX_URL_EXPIRATION: '60' };
    const advice = (lower: string, higher: string) => [
      expect.stringContaining(`Set ${lower} lower, or ${higher} higher.`),
    ];
    expect(warned(both)).toEqual(advice('STORAGE_URL_EXPIRATION', 'STORAGE_MAX_URL_EXPIRATION'));
    expect(warned({}, { expiresIn: 90, maxExpiresIn: 60 })).toEqual(
      advice('the option urls.expiresIn', 'the option urls.maxExpiresIn'),
    );
    expect(warned(both, { expiresIn: 70 })).toEqual(advice('the option urls.expiresIn', 'STORAGE_MAX_URL_EXPIRATION'));
  });
});
