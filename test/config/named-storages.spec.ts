/** Storages with variables of their own beside those that all share, and those of platform and vendors. */
import { describe, expect, it } from '@jest/globals';
import { detectBackend, readEnvironment, storageOptionsFrom, type EnvironmentSource } from '../../lib/config/index.js';
import { signingSecrets, resolveOptions } from '../../lib/config/resolve-options.js';
import { ACCOUNT, BUCKET, LOCAL, MEDIA, problemsOf, SECRET, start } from './start.js';

const envPrefix = 'STORAGE_AVATARS_';
const RAILWAY = { RAILWAY_VOLUME_MOUNT_PATH: '/data' };
const AWS = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'sec' };

type Row = readonly [title: string, env: EnvironmentSource, summary: string, settings: object, told: readonly string[]];

const ROWS: readonly Row[] = [
  [
    'a bucket of its own on a machine with a volume',
    { ...RAILWAY, STORAGE_AVATARS_S3_BUCKET: 'files' },
    's3 (STORAGE_AVATARS_S3_BUCKET is set; also found: local (RAILWAY_VOLUME_MOUNT_PATH))',
    BUCKET,
    ['STORAGE_AVATARS_S3_BUCKET=files'],
  ],
  [
    'a folder of its own on a machine with a volume',
    { ...RAILWAY, STORAGE_AVATARS_BASE_PATH: '/data/avatars' },
    'local (STORAGE_AVATARS_BASE_PATH is set)',
    { ...LOCAL, root: '/data/avatars' },
    ['STORAGE_AVATARS_BASE_PATH=/data/avatars'],
  ],
  [
    'a folder of its own beside the keys of AWS',
    { ...AWS, STORAGE_AVATARS_BASE_PATH: '/srv' },
    'local (STORAGE_AVATARS_BASE_PATH is set; also found: s3 (AWS_ACCESS_KEY_ID))',
    { ...LOCAL, root: '/srv' },
    ['STORAGE_AVATARS_BASE_PATH=/srv'],
  ],
  [
    'a Google bucket of its own beside everything that is shared',
    { ...RAILWAY, ...AWS, CLOUDINARY_URL: 'cloudinary://1234:hush@acme', STORAGE_AVATARS_GCS_BUCKET: 'files' },
    'gcs (STORAGE_AVATARS_GCS_BUCKET is set; also found: local (RAILWAY_VOLUME_MOUNT_PATH), s3 (AWS_ACCESS_KEY_ID), cloudinary (CLOUDINARY_URL))',
    { bucket: 'files' },
    ['STORAGE_AVATARS_GCS_BUCKET=files'],
  ],
  [
    'a cloud of its own with the keys of the shared URL',
    { ...RAILWAY, CLOUDINARY_URL: 'cloudinary://1234:hush@acme', STORAGE_AVATARS_CLOUDINARY_CLOUD_NAME: 'other' },
    'cloudinary (STORAGE_AVATARS_CLOUDINARY_CLOUD_NAME is set; also found: local (RAILWAY_VOLUME_MOUNT_PATH))',
    { ...ACCOUNT, ...MEDIA, cloudName: 'other' },
    ['CLOUDINARY_URL=****', 'STORAGE_AVATARS_CLOUDINARY_CLOUD_NAME=other'],
  ],
  [
    'a bucket of its own with the keys and the region of AWS',
    { ...AWS, AWS_REGION: 'eu-central-1', STORAGE_AVATARS_S3_BUCKET: 'files', STORAGE_S3_BUCKET: 'common' },
    's3 (STORAGE_AVATARS_S3_BUCKET is set)',
    { ...BUCKET, region: 'eu-central-1', credentials: { accessKeyId: 'AKIA', secretAccessKey: 'sec' } },
    [
      'STORAGE_AVATARS_S3_BUCKET=files',
      'AWS_ACCESS_KEY_ID=AKIA',
      'AWS_SECRET_ACCESS_KEY=****',
      'AWS_REGION=eu-central-1',
    ],
  ],
  [
    'two signs of its own, in their order',
    { STORAGE_AVATARS_BASE_PATH: '/srv', STORAGE_AVATARS_S3_BUCKET: 'files' },
    's3 (STORAGE_AVATARS_S3_BUCKET is set; also found: local (STORAGE_AVATARS_BASE_PATH))',
    BUCKET,
    ['STORAGE_AVATARS_S3_BUCKET=files'],
  ],
  [
    'nothing of its own: what the platform says',
    { ...RAILWAY, STORAGE_S3_BUCKET: 'common' },
    'local (RAILWAY_VOLUME_MOUNT_PATH is set)',
    LOCAL,
    ['RAILWAY_VOLUME_MOUNT_PATH=/data'],
  ],
  [
    'variables of signed URLs, shared and its own, by the names they were read under',
    {
      STORAGE_AVATARS_BACKEND: 'local',
      STORAGE_URL_SECRET: SECRET,
      STORAGE_URL_EXPIRATION: '60',
      STORAGE_AVATARS_MAX_URL_EXPIRATION: '600',
      STORAGE_MAX_URL_EXPIRATION: '700',
      STORAGE_STRICT_KEYS: 'true',
    },
    'local (STORAGE_AVATARS_BACKEND says so)',
    LOCAL,
    [
      'STORAGE_AVATARS_BACKEND=local',
      'STORAGE_URL_SECRET=****',
      'STORAGE_URL_EXPIRATION=60',
      'STORAGE_AVATARS_MAX_URL_EXPIRATION=600',
    ],
  ],
];

const BACKEND = { STORAGE_AVATARS_BACKEND: 'local' };

const BAD: readonly (readonly [title: string, env: EnvironmentSource, problems: readonly string[]])[] = [
  [
    'a shared expiry in words',
    { ...BACKEND, STORAGE_URL_EXPIRATION: 'abc' },
    ['STORAGE_URL_EXPIRATION must be a whole number of seconds from 1'],
  ],
  [
    'an expiry of its own in words, before a shared one that is right',
    { ...BACKEND, STORAGE_AVATARS_URL_EXPIRATION: 'abc', STORAGE_URL_EXPIRATION: '60' },
    ['STORAGE_AVATARS_URL_EXPIRATION must be a whole number of seconds from 1'],
  ],
  [
    'a shared secret that is short',
    { ...BACKEND, STORAGE_URL_SECRET: 'hush' },
    ['STORAGE_URL_SECRET must have at least 32 bytes in each secret, such as the output of: openssl rand -base64 32'],
  ],
  [
    'a secret of its own that is short',
    { ...BACKEND, STORAGE_AVATARS_URL_SECRET: 'hush', STORAGE_URL_SECRET: SECRET },
    [
      'STORAGE_AVATARS_URL_SECRET must have at least 32 bytes in each secret, such as the output of: openssl rand -base64 32',
    ],
  ],
  [
    'a shared base URL that is none',
    { ...BACKEND, STORAGE_BASE_URL: 'files' },
    ['STORAGE_BASE_URL must be an http(s) URL such as https://api.example.com/files'],
  ],
  [
    'no bucket of its own',
    { STORAGE_AVATARS_BACKEND: 's3', STORAGE_S3_BUCKET: 'common' },
    [
      'STORAGE_AVATARS_S3_BUCKET (or the option s3.bucket) is not set, and the backend is s3 (STORAGE_AVATARS_BACKEND says so)',
    ],
  ],
  [
    'half a pair of keys of its own',
    { STORAGE_AVATARS_S3_BUCKET: 'files', STORAGE_AVATARS_S3_ACCESS_KEY: 'own', STORAGE_S3_SECRET_KEY: 'mine' },
    ['STORAGE_AVATARS_S3_SECRET_KEY is not set, and STORAGE_AVATARS_S3_ACCESS_KEY is: set both or neither'],
  ],
  [
    'JSON in the place of the shared path of Google credentials',
    { STORAGE_AVATARS_GCS_BUCKET: 'files', GOOGLE_APPLICATION_CREDENTIALS: '{"private_key":"hush"}' },
    [
      'GOOGLE_APPLICATION_CREDENTIALS must be the path of a file, and holds JSON: put that into STORAGE_AVATARS_GCS_CREDENTIALS',
    ],
  ],
  [
    'production without anything',
    { NODE_ENV: 'production', STORAGE_BACKEND: 'local' },
    [
      expect.stringContaining('Set STORAGE_AVATARS_BACKEND to local, s3, gcs or cloudinary') as unknown as string,
      expect.stringMatching(
        /^STORAGE_AVATARS_URL_SECRET \(or STORAGE_URL_SECRET, for all storages\) is not set/,
      ) as unknown as string,
    ],
  ],
];

describe('a storage with a prefix of its own', () => {
  it.each(ROWS)('reads %s', (_title, env, summary, settings, told) => {
    const started = start(env, { envPrefix });
    expect(started.summary).toBe(summary);
    expect(started.settings).toEqual(settings);
    expect(started.told).toEqual(told);
  });

  it.each(BAD)('refuses %s', (_title, env, problems) => {
    const told = problemsOf(env, { envPrefix });
    expect(told).toEqual(problems);
    expect(told.join(' ')).not.toContain('hush');
  });

  it('leaves the variables of others alone', () => {
    const env = { ...BACKEND, STORAGE_AVATARS_BASE_PATH: '/srv/avatars', STORAGE_S3_BUCKET: 'files' };
    expect(start(env, { envPrefix }).settings).toEqual({ ...LOCAL, root: '/srv/avatars' });
    expect(start(env).summary).toBe('s3 (STORAGE_S3_BUCKET is set)');
  });

  it('is detected the same by detectBackend()', () => {
    const environment = readEnvironment({ ...RAILWAY, STORAGE_AVATARS_S3_BUCKET: 'files' }, envPrefix);
    expect(detectBackend(environment, envPrefix)).toMatchObject({ backend: 's3', sign: 'STORAGE_S3_BUCKET' });
    expect(detectBackend(environment)).toMatchObject({ backend: 'local', sign: 'RAILWAY_VOLUME_MOUNT_PATH' });
  });

  it('is told as such by the shared settings that are cut or missing', () => {
    const env = { ...BACKEND, STORAGE_URL_EXPIRATION: '90', STORAGE_AVATARS_MAX_URL_EXPIRATION: '60' };
    expect(start(env, { envPrefix }).warnings).toEqual([
      expect.stringContaining('Set STORAGE_URL_EXPIRATION lower, or STORAGE_AVATARS_MAX_URL_EXPIRATION higher.'),
    ]);
    const warned: string[] = [];
    signingSecrets(resolveOptions({ env: BACKEND, envPrefix }), (warning) => warned.push(warning));
    expect(warned).toEqual([
      expect.stringMatching(/^STORAGE_AVATARS_URL_SECRET \(or STORAGE_URL_SECRET, for all storages\) is not set/),
    ]);
  });

  it('is the same as a namespace of @nestjs/config', () => {
    const [, env, , settings, told] = ROWS.at(-1)!;
    const started = start(env, storageOptionsFrom(env, { envPrefix }));
    expect(started).toMatchObject({ settings, told });
  });

  it('refuses a prefix that is none, with what else is wrong in the options', () => {
    expect(problemsOf({}, { envPrefix: 'avatars', rot: 1 } as object)).toEqual([
      expect.stringMatching(/^there is no option rot: there are backend, /),
      'envPrefix is "avatars": it is made of capitals, digits and "_", and ends with "_", as STORAGE_AVATARS_ does',
    ]);
  });
});
