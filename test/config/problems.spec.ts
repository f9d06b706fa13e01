/** Everything that is wrong, in options and variables of every kind, in one error; secrets in none. */
import { describe, expect, it } from '@jest/globals';
import { storageOptionsFrom, type EnvironmentSource, type StorageOptions } from '../../lib/config/index.js';
import type { Signs } from '../../lib/config/resolve-options.js';
import { createStorage, MemoryBackend, StorageModule } from '../../lib/index.js';
import { S3Backend } from '../../lib/backends/s3/index.js';
import { Test } from '@nestjs/testing';
import { problemsOf, S3, SECRET } from './start.js';

const PRODUCTION = { NODE_ENV: 'production' };
const NO_SECRET = expect.stringMatching(/^STORAGE_URL_SECRET is not set, and a generated secret is refused/);
const NO_BACKEND = expect.stringMatching(/^no backend is configured, and keeping files in memory is refused/);
const NO_BUCKET = expect.stringMatching(/^STORAGE_S3_BUCKET \(or the option s3\.bucket\) is not set/);

describe('what is wrong in options', () => {
  it.each<[string, unknown, EnvironmentSource, unknown[]]>([
    [
      'every misspelt name, in its group',
      {
        backend: 'memory',
        url: 1,
        maxFilesize: 1,
        local: { rot: '/' },
        urls: { expiresin: 5, secrt: 'hush' },
        s3: null,
      },
      {},
      [
        expect.stringMatching(/^there is no option url or maxFilesize: there are backend, local, .*, env$/),
        'there is no option urls.expiresin or urls.secrt: there are urls.secret, urls.baseUrl, urls.expiresIn, ' +
          'urls.maxExpiresIn, urls.inlineTypes',
        expect.stringMatching(/^there is no option local\.rot: there are local\.root, /),
        'the option s3 is no object',
      ],
    ],
    [
      'what stands beside a factory',
      { backend: 'memory', controller: false },
      {},
      [
        'there is no option controller here: it stands beside useFactory, in forRootAsync({ controller, useFactory }), ' +
          'since the module needs it earlier',
      ],
    ],
    [
      'sizes, times and addresses',
      {
        backend: 'memory',
        maxFileSize: 'huge',
        memory: { maxBytes: -1 },
        urls: {
          baseUrl: 'https://own:hush@a.example/files?sig=mine',
          expiresIn: 0,
          maxExpiresIn: '1h',
          secret: 'hush',
        },
      },
      {},
      [
        'the option urls.secret must have at least 32 bytes in each secret, such as the output of: openssl rand -base64 32',
        'the option urls.baseUrl must have no query and no fragment',
        'the option urls.expiresIn must be a whole number of seconds from 1, and is 0',
        'the option urls.maxExpiresIn must be a whole number of seconds from 1, and is "1h"',
        `the option maxFileSize is "huge", which is no size. Use bytes, or a text such as '500kb', '20mb' or '5gb'`,
        `the option memory.maxBytes is -1, which is no size. Use bytes, or a text such as '500kb', '20mb' or '5gb'`,
      ],
    ],
    [
      'an unknown backend, with the slips of variables',
      { backend: 'ftp' },
      { STORAGE_STRICT_KEYS: 'x', ...PRODUCTION },
      [
        'STORAGE_STRICT_KEYS must be true or false',
        'there is no backend named "ftp": use one of local, s3, gcs, cloudinary, memory, or pass an instance of a ' +
          'StorageBackend',
      ],
    ],
    [
      'a URL in the place of a backend, which is not shown',
      { backend: 'cloudinary://1234:hush@acme' },
      {},
      [
        'there is no backend of the name in the option backend: use one of local, s3, gcs, cloudinary, memory, or pass ' +
          'an instance of a StorageBackend',
      ],
    ],
    [
      'what a driver refuses, with what is missing beside it',
      { backend: 'local', local: { root: '', dirMode: 0 } },
      PRODUCTION,
      ['local: root must be the path of a folder', NO_SECRET],
    ],
    [
      'a Google key file that is JSON',
      { gcs: { bucket: 'files', keyFile: '{"private_key":"hush"}' } },
      { STORAGE_BACKEND: 'gcs' },
      ['the option gcs.keyFile must be the path of a file, and holds JSON: put that into STORAGE_GCS_CREDENTIALS'],
    ],
    [
      'an S3 endpoint that is no URL and holds a password',
      { s3: { endpoint: 'own:hush@s3 .example.com' } },
      S3,
      ['s3: endpoint must be an address like https://files.example.com, without a query or fragment'],
    ],
    [
      'everything at once',
      { url: {}, maxFileSize: 'huge', s3: { partSize: 1 }, strict: true },
      { STORAGE_BACKEND: 's3', STORAGE_S3_URLS: 'app', STORAGE_DURABILITY: 'none' },
      [
        expect.stringMatching(/^there is no option url:/),
        'STORAGE_DURABILITY must be one of full, rename',
        expect.stringMatching(/^the option maxFileSize is "huge"/),
        NO_BUCKET,
        NO_SECRET,
      ],
    ],
  ])('is told whole: %s', (_title, options, env, problems) => {
    const told = problemsOf(env, options as StorageOptions);
    expect(told).toEqual(problems);
    expect(told.join(' ')).not.toMatch(/hush|mine/);
  });
});

describe('a missing secret in production', () => {
  const never: Signs = () => false;
  const perhaps: Signs = () => 'perhaps';
  const s3Of = (via: 'store' | 'app') => new S3Backend({ bucket: 'files', region: 'eu-west-1', via });

  it.each<[string, StorageOptions, Signs | undefined, unknown[]]>([
    ['of local', { backend: 'local' }, undefined, [NO_SECRET]],
    ['of memory', { backend: 'memory' }, undefined, [NO_SECRET]],
    ['of a bucket behind the app', { backend: 's3', s3: { bucket: 'files', via: 'app' } }, undefined, [NO_SECRET]],
    ['of an anonymous bucket', { backend: 'gcs', gcs: { bucket: 'files', anonymous: true } }, undefined, [NO_SECRET]],
    ['of an instance without links', { backend: new MemoryBackend() }, undefined, [NO_SECRET]],
    ['of an instance behind the app', { backend: s3Of('app') }, undefined, [NO_SECRET]],
    ['not of an instance with links', { backend: s3Of('store') }, undefined, []],
    ['not of a bucket', { backend: 's3', s3: { bucket: 'files' } }, undefined, []],
    ['not of a storage that signs nothing', { backend: 'local' }, never, []],
    ['not where it is set', { backend: 'local', urls: { secret: SECRET } }, undefined, []],
    ['not where it may be generated', { backend: 'local', strict: false }, undefined, []],
    ['not alone where nobody knows yet', { backend: 'local' }, perhaps, []],
    [
      'beside others where nobody knows yet',
      { backend: 'local', maxFileSize: 'x' },
      perhaps,
      [expect.anything(), NO_SECRET],
    ],
  ])('is told %s', (_title, options, signs, problems) => {
    expect(problemsOf(PRODUCTION, options, signs)).toEqual(problems);
  });

  it('is told by the namespace of @nestjs/config with the rest, and is left to the module alone', () => {
    expect(() => storageOptionsFrom(PRODUCTION)).toThrow(
      /keeping files in memory is refused.*STORAGE_URL_SECRET is not set/,
    );
    expect(storageOptionsFrom({ ...PRODUCTION, STORAGE_BACKEND: 'local' })).toMatchObject({ backend: 'local' });
  });

  it('is no problem outside Nest, where a storage without one makes no links', async () => {
    const storage = await createStorage({ env: PRODUCTION, backend: 'memory', urls: { baseUrl: 'https://a.example' } });
    await expect(storage.getUrl('a', { mustExist: false })).rejects.toMatchObject({ code: 'not-supported' });
    await storage.close();
  });
});

describe('the module', () => {
  const starting = (...options: Parameters<typeof StorageModule.forRoot>) =>
    Test.createTestingModule({ imports: [StorageModule.forRoot(...options)] }).compile();

  it('tells a missing backend and a missing secret at the first start', async () => {
    await expect(starting({ env: PRODUCTION })).rejects.toMatchObject({ problems: [NO_BACKEND, NO_SECRET] });
  });

  it('tells a missing bucket and a missing secret at the first start, with misspelt options', async () => {
    const env = { ...PRODUCTION, STORAGE_BACKEND: 's3', STORAGE_S3_URLS: 'app' };
    await expect(starting({ env, urls: { expiresin: 1 } as object })).rejects.toMatchObject({
      problems: [expect.stringMatching(/^there is no option urls\.expiresin/), NO_BUCKET, NO_SECRET],
    });
  });

  it('asks for no secret where it serves no links: none without routes, but of an address elsewhere', async () => {
    const silent = { env: PRODUCTION, backend: 'memory', controller: false } as const;
    const module = await starting(silent);
    await module.close();
    const baseUrl = { urls: { baseUrl: 'https://api.example.com/files' } };
    await expect(starting({ ...silent, ...baseUrl })).rejects.toMatchObject({ problems: [NO_SECRET] });
    // The shared one is that of the default storage's routes.
    const env = { ...PRODUCTION, STORAGE_BASE_URL: 'https://api.example.com/files' };
    await (await starting({ ...silent, name: 'docs', env })).close();
  });
});
