/** Web identity, as pods with a service account have it: from the token in a file to signed requests, and what fails. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { SignedBucket, TokenService, WebIdentityApp, writeToken } from './s3-web-identity.js';

let folder: string;
let tokens: TokenService;
let bucket: SignedBucket;
let app: WebIdentityApp | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'web-identity-'));
  tokens = new TokenService();
  bucket = new SignedBucket(tokens);
  await Promise.all([tokens.start(), bucket.start(), writeToken(folder, tokens.token)]);
});

afterEach(async () => {
  // It ends by itself once there is nothing left to do, with no handle that would keep it.
  const code = await app?.close();
  app = undefined;
  await Promise.all([tokens.close(), bucket.close(), rm(folder, { recursive: true })]);
  expect(code).toBe(0);
});

it('requests and URLs are signed with the credentials that the token is changed for, once for all', async () => {
  app = new WebIdentityApp(folder, bucket, tokens);
  for (const key of ['a', 'b', 'c']) expect(await app.do('put', key)).toEqual({ done: key });
  const url = new URL((await app.do('url', 'a')).done!);
  expect(tokens.issued).toHaveLength(1);
  const [given] = tokens.issued;
  expect(bucket.stored.map(({ path, body }) => [path, body])).toEqual([
    ['/bucket/a', 'bytes of a'],
    ['/bucket/b', 'bytes of b'],
    ['/bucket/c', 'bytes of c'],
  ]);
  expect(bucket.refused).toEqual([]);
  expect(url.searchParams.get('X-Amz-Credential')).toMatch(new RegExp(`^${given!.accessKeyId}/`));
  expect(url.searchParams.get('X-Amz-Security-Token')).toBe(given!.sessionToken);
  // A day was asked for; the credentials end within the hour.
  const life = Number(url.searchParams.get('X-Amz-Expires'));
  expect(life).toBeGreaterThan(3500);
  expect(life).toBeLessThanOrEqual(3600);
});

it('credentials that have expired are renewed with the token that is in the file by then', async () => {
  tokens.life = 1500;
  app = new WebIdentityApp(folder, bucket, tokens);
  expect(await app.do('put', 'before')).toEqual({ done: 'before' });
  tokens.token = 'second-token';
  await writeToken(folder, tokens.token);
  await delay(Math.max(...tokens.issued.map(({ expiration }) => expiration.getTime())) + 300 - Date.now());
  expect(await app.do('put', 'after')).toEqual({ done: 'after' });
  expect(bucket.refused).toEqual([]);
  const [before, after] = bucket.stored;
  expect([before!.signedBy.token, after!.signedBy.token]).toEqual(['first-token', 'second-token']);
  for (const { signedBy, at } of bucket.stored) expect(at.getTime()).toBeLessThan(signedBy.expiration.getTime());
});

const REFUSALS = [
  ['InvalidIdentityToken', 'permission-denied', /refused the web identity token.*AWS_WEB_IDENTITY_TOKEN_FILE/],
  ['IDPRejectedClaim', 'permission-denied', /refused the web identity token.*AWS_WEB_IDENTITY_TOKEN_FILE/],
  ['ExpiredTokenException', 'permission-denied', /web identity token has expired.*AWS_WEB_IDENTITY_TOKEN_FILE/],
  ['AccessDenied', 'permission-denied', /\(STS\) does not let this process take its role.*AWS_ROLE_ARN.*trust policy/],
  ['RegionDisabledException', 'configuration', /\(STS\) is not active in this region/],
  ['IDPCommunicationError', 'unavailable', /\(STS\) cannot reach the identity provider/],
] as const;

it('refusals of the token service are told as its own, and are over once it relents', async () => {
  app = new WebIdentityApp(folder, bucket, tokens);
  for (const [refusal, code, told] of REFUSALS) {
    tokens.refusal = refusal;
    for (const verb of ['put', 'url'] as const) {
      const { failed } = await app.do(verb, 'a');
      expect(failed).toMatchObject({ code, operation: verb === 'put' ? 'put' : 'getUrl' });
      expect(failed!.message).toMatch(told);
      expect(failed!.message).not.toContain(tokens.token);
      expect(failed!.message).not.toContain(folder);
    }
  }
  expect([bucket.stored, bucket.refused]).toEqual([[], []]);
  tokens.refusal = undefined;
  expect(await app.do('put', 'a')).toEqual({ done: 'a' });
});

it('a token that the service does not know is refused before the store is asked', async () => {
  await writeToken(folder, 'forged-token');
  app = new WebIdentityApp(folder, bucket, tokens);
  const { failed } = await app.do('put', 'a');
  expect(failed).toMatchObject({ name: 'PermissionDeniedError', code: 'permission-denied' });
  expect([tokens.issued, bucket.stored, bucket.refused]).toEqual([[], [], []]);
});

it('a token file that is not there is a setting to mend', async () => {
  app = new WebIdentityApp(folder, bucket, tokens, join(folder, 'not-mounted'));
  const { failed } = await app.do('put', 'a');
  expect(failed).toMatchObject({ name: 'StorageConfigurationError', code: 'configuration' });
  expect(failed!.message).toMatch(/web identity token cannot be read.*AWS_WEB_IDENTITY_TOKEN_FILE/);
  expect(failed!.message).not.toContain(folder);
});
