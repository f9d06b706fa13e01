/** What the contract server refuses: each request is wrong in one way, and its right twin goes through. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GcsBackend } from '../../../lib/backends/gcs/index.js';
import { parseKey } from '../../../lib/contract/index.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';
import { backendOn, BUCKET, CHUNK, startServer } from './gcs.js';
import { cancel, RawClient, refusalOf, type RawRequest, type Refused } from './raw-client.js';

let server: GcsContractServer;
let backend: GcsBackend;
let raw: RawClient;
const KEY = parseKey('seen.txt');
const OBJECT = `/storage/v1/b/${BUCKET}/o/seen.txt`;
const LIST = `/storage/v1/b/${BUCKET}/o`;
const UPLOAD = `/upload/storage/v1/b/${BUCKET}/o`;
const JSON_TYPE = { 'content-type': 'application/json' };

function multipart(resource: unknown, media = 'hello'): RawRequest {
  const body =
    `--x\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(resource)}\r\n` +
    `--x\r\nContent-Type: text/plain\r\n\r\n${media}\r\n--x--\r\n`;
  return { method: 'POST', headers: { 'content-type': 'multipart/related; boundary=x' }, body };
}

/** Every refusal that was proven, to be counted at the end. */
const proven: string[] = [];

beforeAll(async () => {
  server = await startServer();
  backend = backendOn(server);
  raw = new RawClient(server);
  const right = await raw.send(`${UPLOAD}?uploadType=multipart&name=seen.txt`, multipart({ crc32c: 'mnG7TA==' }));
  expect([right.status, await right.json()]).toEqual([200, expect.objectContaining({ crc32c: 'mnG7TA==' })]);
});

afterAll(async () => {
  await backend.close();
  await server.stop();
});

/** One case: the wrong request is refused with just this, and changes nothing that is stored. */
function refuses(title: string, request: () => Promise<Refused>, status: number, reason: string | RegExp): void {
  it(`refuses ${title}`, async () => {
    const before = server.names(BUCKET);
    const answer = await request();
    expect(answer.status).toBe(status);
    expect(answer.reason).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason));
    expect(server.names(BUCKET)).toEqual(before);
    proven.push(title);
  });
}

describe('tokens', () => {
  const grant = async (assertion: string) => refusalOf(await raw.grant(assertion));
  refuses('a call without a token', () => raw.refused(OBJECT, { token: null }), 401, 'required');
  refuses('a token that was never given out', () => raw.refused(OBJECT, { token: 'ya29.x' }), 401, 'authError');
  refuses('an assertion of a stranger', () => grant(raw.assertion({ iss: 'x@example.com' })), 400, 'invalid_grant');
  refuses('an assertion for another audience', () => grant(raw.assertion({ aud: 'https://x/' })), 400, 'invalid_grant');
  refuses('an assertion that is over', () => grant(raw.assertion({ iat: 1, exp: 2 })), 400, 'invalid_grant');
  refuses('an assertion without the scope', () => grant(raw.assertion({ scope: 'email' })), 400, 'invalid_scope');
  refuses('an unsigned assertion', () => grant(raw.assertion({}, { alg: 'none' })), 400, 'invalid_grant');
  refuses(
    'an assertion that was changed after signing',
    () => {
      const [head, , signature] = raw.assertion().split('.');
      const claims = Buffer.from(JSON.stringify({ iss: server.key.client_email })).toString('base64url');
      return grant(`${head}.${claims}.${signature}`);
    },
    400,
    'invalid_grant',
  );
});

describe('the machine and its account', () => {
  const METADATA = '/computeMetadata/v1/instance/service-accounts/default/token';
  const flavor = { 'metadata-flavor': 'Google' };
  const signBlob = (account: string, body: unknown, request: RawRequest = {}) =>
    raw.refused(`/v1/projects/-/serviceAccounts/${account}:signBlob`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(body),
      ...request,
    });
  const PAYLOAD = { payload: 'YQ==' };

  it('answers what is right', async () => {
    const { access_token: token } = (await (await raw.send(METADATA, { token: null, headers: flavor })).json()) as {
      access_token: string;
    };
    const account = `/v1/projects/-/serviceAccounts/${server.key.client_email}:signBlob`;
    const answer = await raw.send(account, { method: 'POST', token, body: JSON.stringify(PAYLOAD) });
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { keyId: expect.any(String), signedBlob: expect.any(String) },
    ]);
  });

  refuses('a machine that does not say what it asks', () => raw.refused(METADATA, { token: null }), 403, 'forbidden');
  refuses(
    'a question that came through a proxy',
    () => raw.refused(METADATA, { token: null, headers: { ...flavor, 'x-forwarded-for': '10.0.0.1' } }),
    403,
    'forbidden',
  );
  refuses(
    'a fact that no machine has',
    () => raw.refused('/computeMetadata/v1/instance/none', { token: null, headers: flavor }),
    404,
    'notFound',
  );
  refuses(
    'a signature without a token',
    () => signBlob(server.key.client_email, PAYLOAD, { token: null }),
    401,
    'required',
  );
  refuses('a signature of another account', () => signBlob('x@example.com', PAYLOAD), 404, 'notFound');
  refuses(
    'a signature of what is no base64',
    () => signBlob(server.key.client_email, { payload: '!' }),
    400,
    'invalid',
  );
  refuses(
    'a signature with an unknown field',
    () => signBlob(server.key.client_email, { ...PAYLOAD, bytes: '' }),
    400,
    'invalid',
  );
});

describe('calls', () => {
  const post = (path: string, resource: unknown) =>
    raw.refused(path, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(resource) });
  refuses('an unknown parameter', () => raw.refused(`${OBJECT}?ifGenerationMatches=1`), 400, 'badRequest');
  refuses('a repeated parameter', () => raw.refused(`${LIST}?prefix=a&prefix=b`), 400, 'badRequest');
  refuses('a malformed field selection', () => raw.refused(`${OBJECT}?fields=name,(size`), 400, 'invalidParameter');
  refuses('a field that no object has', () => raw.refused(`${OBJECT}?fields=name,sizes`), 400, 'invalidParameter');
  refuses('a field that no listing has', () => raw.refused(`${LIST}?fields=items(name),next`), 400, 'invalidParameter');
  refuses('a field within one that has none', () => raw.refused(`${OBJECT}?fields=name(a)`), 400, 'invalidParameter');
  refuses('a field that no entry has', () => raw.refused(`${LIST}?fields=items(names)`), 400, 'invalidParameter');
  refuses(
    'a copy that asks for a field that no answer has, and makes none',
    () => post(`${OBJECT}/rewriteTo/b/${BUCKET}/o/copy?fields=resource(names)`, {}),
    400,
    'invalidParameter',
  );
  refuses('a maxResults of zero', () => raw.refused(`${LIST}?maxResults=0`), 400, 'invalid');
  refuses('a made-up page token', () => raw.refused(`${LIST}?pageToken=abc`), 400, 'invalid');
  refuses('a missing object', () => raw.refused(`${LIST}/none`), 404, 'notFound');
  refuses('a missing bucket', () => raw.refused('/storage/v1/b/no-such-bucket/o'), 404, 'notFound');
  refuses('a slash in a name that is not encoded', () => raw.refused(`${LIST}/a/b`), 404, 'notFound');
  refuses('another generation', () => raw.refused(`${OBJECT}?generation=1`), 404, 'notFound');
  refuses(
    'a range past the end',
    () => raw.refused(`${OBJECT}?alt=media`, { headers: { range: 'bytes=5-' } }),
    416,
    /range/,
  );
  refuses(
    'a delete of another generation',
    () => raw.refused(`${OBJECT}?ifGenerationMatch=1`, { method: 'DELETE' }),
    412,
    'conditionNotMet',
  );
  refuses(
    'a condition that is no number',
    () => raw.refused(`${OBJECT}?ifGenerationMatch=-1`, { method: 'DELETE' }),
    400,
    'invalid',
  );
  refuses(
    'a made-up rewrite token',
    () => post(`${OBJECT}/rewriteTo/b/${BUCKET}/o/copy?rewriteToken=x`, {}),
    400,
    'invalid',
  );
  refuses(
    'a copy onto a taken key when none may be there',
    () => post(`${OBJECT}/rewriteTo/b/${BUCKET}/o/seen.txt?ifGenerationMatch=0`, {}),
    412,
    'conditionNotMet',
  );
});

describe('uploads', () => {
  const insert = (resource: unknown, query = '&name=new') =>
    raw.refused(`${UPLOAD}?uploadType=multipart${query}`, multipart(resource));
  const chunk = async (range: string, bytes: number, query = '', headers: Record<string, string> = {}) => {
    const uri = await raw.session(BUCKET, 'new', query, headers);
    return raw.refused(uri, { method: 'PUT', headers: { 'content-range': range }, body: Buffer.alloc(bytes) });
  };
  refuses('a wrong CRC32C', () => insert({ crc32c: 'AAAAAA==' }), 400, 'invalid');
  refuses('a wrong MD5', () => insert({ md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' }), 400, 'invalid');
  refuses('an unknown field', () => insert({ content_type: 'text/plain' }), 400, 'badRequest');
  refuses('an ACL under uniform access', () => insert({ acl: [] }), 400, 'invalid');
  refuses('a predefined ACL', () => insert({}, '&name=new&predefinedAcl=publicRead'), 400, 'invalid');
  refuses('metadata that is no text', () => insert({ metadata: { a: 1 } }), 400, 'invalid');
  refuses('metadata over 8 KiB', () => insert({ metadata: { a: 'x'.repeat(8192) } }), 400, 'invalid');
  refuses('two different names', () => insert({ name: 'other' }), 400, 'invalid');
  refuses(
    'an upload that asks for a field that no object has',
    () => insert({}, '&name=new&fields=names'),
    400,
    'invalidParameter',
  );
  refuses('no name', () => insert({}, ''), 400, 'required');
  refuses('a name with a line break', () => insert({}, '&name=a%0Ab'), 400, 'invalid');
  refuses(
    'a create where there is an object',
    () => insert({}, '&name=seen.txt&ifGenerationMatch=0'),
    412,
    'conditionNotMet',
  );
  refuses(
    'a multipart body without its end',
    () =>
      raw.refused(`${UPLOAD}?uploadType=multipart&name=new`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/related; boundary=x' },
        body: '--x\r\nContent-Type: application/json\r\n\r\n{}\r\n',
      }),
    400,
    'badContent',
  );
  refuses('a chunk at the wrong offset', () => chunk(`bytes ${CHUNK}-${2 * CHUNK - 1}/*`, CHUNK), 400, 'invalid');
  refuses('a chunk of no multiple of 256 KiB', () => chunk('bytes 0-999/*', 1000), 400, 'invalid');
  refuses('a chunk shorter than its range', () => chunk(`bytes 0-${CHUNK - 1}/*`, CHUNK - 1), 400, 'invalid');
  refuses('a malformed range', () => chunk('bytes 0-/5', 5), 400, 'invalid');
  refuses(
    'another total than was announced',
    () => chunk('bytes 0-4/5', 5, '', { 'x-upload-content-length': '6' }),
    400,
    'invalid',
  );
  refuses(
    'a last chunk with a wrong hash',
    async () => {
      const uri = await raw.session(BUCKET, 'new');
      const headers = { 'content-range': 'bytes 0-4/5', 'x-goog-hash': 'crc32c=AAAAAA==' };
      return raw.refused(uri, { method: 'PUT', headers, body: 'hello' });
    },
    400,
    'invalid',
  );
  refuses('an unknown session', () => raw.refused(`${UPLOAD}?upload_id=x`, { method: 'PUT' }), 404, 'notFound');
  refuses(
    'a chunk of a session that was taken back',
    async () => {
      const uri = await raw.session(BUCKET, 'new');
      expect(await cancel(uri)).toBe(499);
      return raw.refused(uri, { method: 'PUT', headers: { 'content-range': 'bytes 0-4/5' }, body: 'hello' });
    },
    499,
    'clientClosedRequest',
  );
  refuses(
    'a cancellation that does not say its length',
    async () => raw.refused(await raw.session(BUCKET, 'new'), { method: 'DELETE' }),
    411,
    'lengthRequired',
  );
  refuses(
    'an upload whose condition fails at its end',
    async () => {
      await raw.send(OBJECT, { method: 'DELETE' });
      const uri = await raw.session(BUCKET, 'seen.txt', '&ifGenerationMatch=0');
      await raw.send(`${UPLOAD}?uploadType=multipart&name=seen.txt`, multipart({}));
      return raw.refused(uri, { method: 'PUT', headers: { 'content-range': 'bytes 0-4/5' }, body: 'HELLO' });
    },
    412,
    'conditionNotMet',
  );
});

describe('signed URLs', () => {
  const get = () => backend.getUrl(KEY, { expiresIn: 60, disposition: { type: 'attachment', filename: 'é.txt' } });
  const plain = (url: string, request: RawRequest = {}) => raw.refused(url, { token: null, ...request });
  const put = async (
    change: (url: string) => string = (url) => url,
    headers: Record<string, string> = {},
    body = 'hello',
  ): Promise<Refused> => {
    const upload = await backend.getUploadUrl(parseKey('new.txt'), {
      expiresIn: 60,
      contentType: 'text/plain',
      size: 5,
      ifNoneMatch: '*',
    });
    return plain(change(upload.url), { method: 'PUT', headers: { ...upload.headers, ...headers }, body });
  };

  it('answers the right URL, in any spelling of the same request', async () => {
    const url = await get();
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, 'hello']);
    expect(response.headers.get('content-disposition')).toContain("filename*=UTF-8''%C3%A9.txt");
    expect((await fetch(url.replace('seen.txt', '%73een.txt'))).status).toBe(200);
  });

  refuses(
    'a signature that is off by a digit',
    async () => plain((await get()).replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))),
    403,
    'SignatureDoesNotMatch',
  );
  refuses(
    'another key',
    async () => plain((await get()).replace('seen.txt', 'Seen.txt')),
    403,
    'SignatureDoesNotMatch',
  );
  refuses('another method', async () => plain(await get(), { method: 'PUT', body: 'x' }), 403, 'SignatureDoesNotMatch');
  refuses('HEAD on a GET', async () => ({ ...(await plain(await get(), { method: 'HEAD' })), reason: '' }), 403, '');
  refuses(
    'a longer life than was signed',
    async () => plain((await get()).replace('Expires=60', 'Expires=600')),
    403,
    'SignatureDoesNotMatch',
  );
  refuses(
    'a life over seven days',
    async () => plain((await get()).replace('Expires=60', 'Expires=604801')),
    400,
    'AuthorizationQueryParametersError',
  );
  refuses(
    'another disposition than was signed',
    async () => plain((await get()).replace('attachment', 'inline')),
    403,
    'SignatureDoesNotMatch',
  );
  refuses('a parameter beside', async () => plain(`${await get()}&x=1`), 400, 'InvalidQueryParameterValue');
  refuses(
    'no signature',
    async () => plain((await get()).replace(/&X-Goog-Signature=.*/, '')),
    400,
    'MissingSecurityHeader',
  );
  refuses(
    'a header of the service that is not signed',
    async () => plain(await get(), { headers: { 'x-goog-user-project': 'p' } }),
    400,
    'MalformedSecurityHeader',
  );
  refuses(
    'the key of another account',
    async () => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const private_key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const other = backendOn(server, { credentials: { ...server.key, private_key } });
      return plain(await other.getUrl(KEY, { expiresIn: 60 }));
    },
    403,
    'SignatureDoesNotMatch',
  );
  refuses(
    'another type than was signed',
    () => put(undefined, { 'content-type': 'text/html' }),
    403,
    'SignatureDoesNotMatch',
  );
  refuses('a longer body than was signed', () => put(undefined, {}, 'hello!'), 400, 'EntityTooLarge');
  refuses('a shorter body than was signed', () => put(undefined, {}, 'hell'), 400, 'EntityTooSmall');
  refuses(
    'metadata that is not signed',
    () => put(undefined, { 'x-goog-meta-a': 'b' }),
    400,
    'MalformedSecurityHeader',
  );
  refuses(
    'an upload over an object that must not be there',
    () => put((url) => url, { 'x-goog-if-generation-match': '1' }),
    403,
    'SignatureDoesNotMatch',
  );
  refuses(
    'a URL whose time is over',
    async () => {
      const url = await get();
      server.passTime(62);
      const answer = await plain(url);
      server.passTime(-62);
      return answer;
    },
    400,
    'ExpiredToken',
  );
});

describe('the count', () => {
  it('is of at least 25 wrong requests', () => {
    expect(new Set(proven).size).toBe(proven.length);
    expect(proven.length).toBeGreaterThanOrEqual(25);
    console.log(`contract server: ${proven.length} wrong requests refused`);
  });
});
