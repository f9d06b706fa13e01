/** No secret of any setting is told, in no form, by any broken set-up, nor by what quotes all that it was sent. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { environmentSchema } from '../../lib/config/environment.js';
import { diagnoseStorage, type DiagnoseOptions } from '../../lib/doctor/index.js';
import { Place } from '../cli/cli-process.js';
import { expectNoSecret, expectUntold, failedStep, formsOf } from './diagnosed.js';
import { BROKEN, listening, putAway, urls } from './set-ups.js';

afterEach(putAway);

/** With signs that look otherwise in URLs, JSON, XML and headers. */
const secretOf = (setting: string) => `n0body+reads/${setting}&"this"<'s%41cret=`;

const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const GOOGLE = {
  type: 'service_account',
  client_email: 'app@project.iam.gserviceaccount.com',
  private_key_id: 'identity-of-the-private-key',
  private_key: PEM,
};

/** Every variable that holds a secret, and the access keys beside them. */
const VARIABLES = {
  STORAGE_URL_SECRET: `${secretOf('url-secret')},${secretOf('old-url-secret')}`,
  STORAGE_S3_ACCESS_KEY: 'ACCESSKEYOFTHESTORAGE',
  STORAGE_S3_SECRET_KEY: secretOf('s3'),
  AWS_ACCESS_KEY_ID: 'ACCESSKEYOFAWS',
  AWS_SECRET_ACCESS_KEY: secretOf('aws'),
  AWS_SESSION_TOKEN: secretOf('session'),
  STORAGE_GCS_CREDENTIALS: JSON.stringify(GOOGLE),
  CLOUDINARY_URL: `cloudinary://111122223333:${encodeURIComponent(secretOf('cloudinary-url'))}@cloud`,
  STORAGE_CLOUDINARY_API_KEY: '444455556666',
  STORAGE_CLOUDINARY_API_SECRET: secretOf('cloudinary'),
  STORAGE_CLOUDINARY_AUTH_TOKEN_KEY: 'c0ffee00c0ffee00c0ffee00c0ffee00',
};

/** The same of every option that holds one. */
const OPTIONS = {
  accessKeyId: 'ACCESSKEYOFTHEOPTIONS',
  secretAccessKey: secretOf('s3-option'),
  sessionToken: secretOf('session-option'),
  passphrase: secretOf('passphrase'),
  apiKey: '777788889999',
  apiSecret: secretOf('cloudinary-option'),
  authTokenKey: 'deadbeef00deadbeef00deadbeef0000',
  urlSecret: secretOf('url-option'),
};

const { STORAGE_URL_SECRET, STORAGE_GCS_CREDENTIALS: _json, CLOUDINARY_URL: _url, ...plain } = VARIABLES;
const SECRETS: readonly string[] = [
  ...Object.values(plain),
  ...Object.values(OPTIONS),
  ...STORAGE_URL_SECRET.split(','),
  secretOf('cloudinary-url'),
  '111122223333',
  GOOGLE.private_key_id,
  ...PEM.split('\n').filter((line) => line.length > 30),
];

/** Filled with secrets wherever that leaves the backend as it is. */
function withSecrets(options: DiagnoseOptions, more: { readonly byOption?: boolean } = {}): DiagnoseOptions {
  const { env = {}, s3, gcs, cloudinary } = options;
  const named = options.backend !== undefined || env.STORAGE_BACKEND !== undefined;
  const set = named ? VARIABLES : {};
  if (!more.byOption) {
    const { credentials: _given, ...ofS3 } = s3 ?? {};
    return { ...options, env: { ...set, ...env }, ...(s3 && { s3: ofS3 as DiagnoseOptions['s3'] }) };
  }
  const { accessKeyId, secretAccessKey, sessionToken, passphrase, urlSecret, ...ofCloudinary } = OPTIONS;
  const cloudFront = { url: 'https://files.invalid', keyPairId: 'K12', privateKey: PEM, passphrase };
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const given = options.urls?.secret;
  return {
    ...options,
    env: { ...set, ...env },
    s3: { ...s3, credentials, cloudFront },
    gcs: { credentials: GOOGLE, ...gcs },
    cloudinary: { ...ofCloudinary, ...cloudinary },
    urls: { ...options.urls, secret: given === undefined || given === urls.secret ? urlSecret : given },
  };
}

it('every variable that holds a secret is set here', () => {
  const secret = Object.entries(environmentSchema.shape).filter(([, field]) => field.meta()?.secret === true);
  expect(Object.keys(VARIABLES)).toEqual(expect.arrayContaining(secret.map(([name]) => name)));
});

/** What is wrong with this one is that it has none. */
const WITHOUT_SECRET = 'no URL secret in production';

describe.each([
  ['variables', false],
  ['options', true],
])('with secrets in all %s', (_, byOption) => {
  it.each(BROKEN.filter(([what]) => what !== WITHOUT_SECRET))('%s', async (_what, _id, _cause, make) => {
    const diagnosis = await diagnoseStorage(withSecrets(await make(), { byOption }));
    expect(diagnosis.ok).toBe(false);
    expectNoSecret(diagnosis, SECRETS);
  });
});

describe('what quotes all that it was sent', () => {
  const TOKEN = 'ya29.token-that-google-gave';

  /** Answers with method, URL, headers and body, in the shapes in which errors are read; Google's tokens are given. */
  async function echo(status: number): Promise<string> {
    const server = createServer(async (request, response) => {
      if (request.url === '/token') {
        return void response.end(JSON.stringify({ access_token: TOKEN, expires_in: 3600, token_type: 'Bearer' }));
      }
      const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`);
      const said = ['You sent', request.method, request.url, ...headers, await text(request)].join(' ');
      const isS3 = request.headers['x-amz-date'] !== undefined;
      const escaped = said.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
      const json = JSON.stringify({ error: { message: said, code: status, errors: [{ message: said }] } });
      response.writeHead(status, { 'content-type': isS3 ? 'application/xml' : 'application/json' });
      response.end(isS3 ? `<Error><Code>Odd</Code><Message>${escaped}</Message></Error>` : json);
    });
    return `http://${await listening(server)}`;
  }

  const onS3 = (endpoint: string): DiagnoseOptions => ({ env: {}, backend: 's3', s3: { bucket: 'uploads', endpoint } });
  const onGcs = (endpoint: string): DiagnoseOptions => {
    const credentials = { ...GOOGLE, token_uri: `${endpoint}/token` };
    return { env: {}, backend: 'gcs', gcs: { bucket: 'uploads', endpoint, retry: { maxRetries: 0 }, credentials } };
  };
  const onCloudinary = (apiUrl: string): DiagnoseOptions => ({
    env: {},
    backend: 'cloudinary',
    cloudinary: { cloudName: 'cloud', apiUrl },
  });

  it.each<readonly [string, number, RegExp, (origin: string) => DiagnoseOptions]>([
    ['S3', 400, /You sent/, onS3],
    ['S3', 418, /You sent/, onS3],
    ['Google', 418, /You sent/, onGcs],
    ['Cloudinary', 400, /refused the request/, onCloudinary],
    ['Cloudinary', 418, /status 418/, onCloudinary],
  ])('as %s with status %i, is told without them', async (_, status, told, options) => {
    for (const byOption of [false, true]) {
      const diagnosis = await diagnoseStorage(withSecrets(options(await echo(status)), { byOption }));
      expect(failedStep(diagnosis).cause).toMatch(told);
      expectNoSecret(diagnosis, [...SECRETS, TOKEN]);
    }
  });

  it.each([['doctor'], ['doctor', '--json']])('is told without them by the command: %s %s', async (...args) => {
    const place = await Place.make();
    try {
      const s3 = { STORAGE_BACKEND: 's3', STORAGE_S3_BUCKET: 'uploads', STORAGE_S3_ENDPOINT: await echo(400) };
      const { code, out, err } = await place.runProcess(args.filter(Boolean), { env: { ...VARIABLES, ...s3 } });
      expect([code, out]).toEqual([1, expect.stringContaining('You sent')]);
      expectUntold(out + err, SECRETS);
    } finally {
      await place.remove();
    }
  });

  it('even in the shapes that programs give it, is told without them', async () => {
    for (const secret of SECRETS) {
      const backend = new MemoryBackend();
      const pair = Buffer.from(`user:${secret}`).toString('base64');
      backend.open = async () => Promise.reject(new Error(`x${pair}x ${formsOf(secret).join(' ')}`));
      const diagnosis = await diagnoseStorage(withSecrets({ env: {}, backend }, { byOption: true }));
      expect(failedStep(diagnosis).id).toBe('read');
      expectNoSecret(diagnosis, SECRETS);
    }
  });
});
