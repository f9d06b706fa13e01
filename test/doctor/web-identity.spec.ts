/** The doctor on credentials for a web identity: it names the token service where that refuses, and not the bucket. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { diagnoseStorage } from '../../lib/doctor/index.js';
import { ROLE, SignedBucket, TokenService, writeToken } from '../backends/s3-web-identity.js';
import { expectCause, expectNoSecret, URL_SECRET } from './diagnosed.js';

const environment = { ...process.env };
let folder: string;
let tokens: TokenService;
let bucket: SignedBucket;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-web-identity-'));
  tokens = new TokenService();
  bucket = new SignedBucket(tokens);
  await Promise.all([tokens.start(), bucket.start(), writeToken(folder, tokens.token)]);
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  // The SDK reads the environment of the process, whatever the doctor is given.
  Object.assign(process.env, {
    AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
    AWS_ROLE_ARN: ROLE,
    AWS_ENDPOINT_URL_STS: tokens.url,
    AWS_CONFIG_FILE: join(folder, 'no-such-file'),
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'no-such-file'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  });
});

afterEach(async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, environment);
  await Promise.all([tokens.close(), bucket.close(), rm(folder, { recursive: true })]);
});

it.each([
  ['InvalidIdentityToken', /^The token service \(STS\) refused the web identity token\.$/],
  ['ExpiredTokenException', /^The web identity token has expired\.$/],
  ['AccessDenied', /^The token service \(STS\) does not let this process take its role\.$/],
] as const)('%s', async (refusal, cause) => {
  tokens.refusal = refusal;
  const s3 = { bucket: 'uploads', endpoint: bucket.url, region: 'eu-west-1' };
  const diagnosis = await diagnoseStorage({ env: {}, backend: 's3', s3, urls: { secret: URL_SECRET } });
  expectCause(diagnosis, 'access', cause);
  expectNoSecret(diagnosis, [tokens.token, folder, URL_SECRET]);
  expect(bucket.stored).toEqual([]);
});
