/** The doctor on S3, on Ceph's object gateway: what is wrong is named, what is right is left alone, nothing stays. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PutBucketCorsCommand, PutBucketPolicyCommand, type CORSRule } from '@aws-sdk/client-s3';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import { Test } from '@nestjs/testing';
import { diagnoseStorage, type DiagnoseOptions, type Diagnosis } from '../../../lib/doctor/index.js';
import { StorageModule } from '../../../lib/storage.module.js';
import { expectCause, expectGood, expectNoSecret, failedStep, tell, URL_SECRET } from '../../doctor/diagnosed.js';
import { credentials, endpoint, gatewayPid, makeBucket, otherCredentials, region, type Bucket } from '../s3/ceph.js';
import { assertTools, clockOff, diagnoseIn, withoutRoute } from './doctor-process.js';
import { startStoreGate } from './store-gate.js';

const PAGES = 'https://app.example.com';
const NOWHERE = '192.0.2.1';
const SECRETS = [
  credentials.secretAccessKey,
  credentials.accessKeyId,
  otherCredentials.secretAccessKey,
  otherCredentials.accessKeyId,
  URL_SECRET,
  'wrong-secret-key-of-the-tests',
  'WRONGACCESSKEYOFTESTS',
];

let bucket: Bucket;
/** Of one test, besides the common one. */
const own: Bucket[] = [];
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  assertTools();
  bucket = await makeBucket();
});

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
  for (const one of own.splice(0)) await one.remove();
});

afterAll(async () => {
  await bucket.remove();
  tell(`S3 on Ceph: ${BROKEN.length} broken set-ups, ${GOOD.length} good ones`);
});

type S3Variables = Readonly<Record<string, string | undefined>>;

/** As an app's environment names them. */
const variables = (more: S3Variables = {}): S3Variables => ({
  STORAGE_S3_BUCKET: bucket.name,
  STORAGE_S3_ENDPOINT: endpoint,
  STORAGE_S3_REGION: region,
  STORAGE_S3_DIALECT: 'ceph',
  STORAGE_S3_ACCESS_KEY: credentials.accessKeyId,
  STORAGE_S3_SECRET_KEY: credentials.secretAccessKey,
  ...more,
});

const diagnose = (env: S3Variables = {}, more: DiagnoseOptions = {}): Promise<Diagnosis> =>
  diagnoseStorage({ env: variables(env), ...more });

/**
 * As the second user, who may do in the bucket what a policy says. What follows `!` is denied, for rights that the user
 * has to objects of its own.
 */
async function asOther(...actions: string[]): Promise<Diagnosis> {
  const Resource = [`arn:aws:s3:::${bucket.name}`, `arn:aws:s3:::${bucket.name}/*`];
  const Principal = { AWS: ['arn:aws:iam:::user/second'] };
  const denied = actions.filter((action) => action.startsWith('!')).map((action) => action.slice(1));
  const allowed = actions.filter((action) => !action.startsWith('!'));
  const Statement = [
    { Effect: 'Allow', Principal, Action: allowed, Resource },
    ...(denied.length === 0 ? [] : [{ Effect: 'Deny', Principal, Action: denied, Resource }]),
  ];
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await bucket.client.send(new PutBucketPolicyCommand({ Bucket: bucket.name, Policy }));
  const { accessKeyId, secretAccessKey } = otherCredentials;
  return diagnose({ STORAGE_S3_ACCESS_KEY: accessKeyId, STORAGE_S3_SECRET_KEY: secretAccessKey });
}

async function ownBucket(): Promise<Bucket> {
  const made = await makeBucket();
  own.push(made);
  return made;
}

async function withCors(rule: Partial<CORSRule>): Promise<Diagnosis> {
  const CORSRules = [{ AllowedOrigins: [PAGES], AllowedMethods: ['PUT', 'GET'], AllowedHeaders: ['*'], ...rule }];
  const { client, name } = await ownBucket();
  await client.send(new PutBucketCorsCommand({ Bucket: name, CORSConfiguration: { CORSRules } }));
  return diagnose({ STORAGE_S3_BUCKET: name }, { origin: PAGES });
}

async function freedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => void sockets.add(socket));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes connections, and never says a word. */
const silent = async () => listening(net.createServer());

const website = async () =>
  listening(createServer((_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>No</h1>')));

async function gate(): Promise<string> {
  const { endpoint: address, close } = await startStoreGate(endpoint, { region: 'eu-central-1' });
  ends.push(close);
  return address;
}

/**
 * The store behind TLS, asked by a process that trusts the certificate.
 *
 * @param name that the certificate holds
 * @param made when it was made; it is good for a day
 * @param settings of TLS besides
 */
async function overTls(name: string, made = '+0d', settings: TlsOptions = {}): Promise<Diagnosis> {
  const folder = await fs.mkdtemp(join(tmpdir(), 'doctor-tls-'));
  ends.push(() => fs.rm(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=store', '-addext', `subjectAltName=${name}`, '-days', '1', '-nodes'];
  const req = ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', ...subject, '-keyout', key, '-out', cert];
  execFileSync('faketime', ['-f', made, ...req], { stdio: 'ignore' });
  const tls = { ...settings, key: await fs.readFile(key), cert: await fs.readFile(cert) };
  const { endpoint: STORAGE_S3_ENDPOINT, close } = await startStoreGate(endpoint, { tls });
  ends.push(close);
  return diagnoseIn({ env: { NODE_EXTRA_CA_CERTS: cert } }, { env: variables({ STORAGE_S3_ENDPOINT }) });
}

/** Objects and unfinished uploads of the doctor, in every bucket of the test. */
async function leftovers(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const one of [bucket, ...own]) {
    const { objects } = await one.backend().list({ prefix: '.storage-doctor-', limit: 100 });
    found.push(...objects.map(({ key }) => key));
    found.push(...(await one.openUploads()).map(({ Key }) => `${Key} (unfinished)`));
  }
  return found;
}

/** [what is broken, step, cause, diagnosis] */
const BROKEN: readonly (readonly [string, string, RegExp, () => Promise<Diagnosis>])[] = [
  [
    'a wrong access key',
    'access',
    /does not know the access key/,
    () => diagnose({ STORAGE_S3_ACCESS_KEY: 'WRONGACCESSKEYOFTESTS' }),
  ],
  [
    'a wrong secret key',
    'access',
    /secret key is not the one of this access key/,
    () => diagnose({ STORAGE_S3_SECRET_KEY: 'wrong-secret-key-of-the-tests' }),
  ],
  [
    'no credentials at all',
    'access',
    /No credentials were found/,
    () =>
      diagnoseIn(
        { env: { HOME: '/nonexistent' } },
        { env: variables({ STORAGE_S3_ACCESS_KEY: undefined, STORAGE_S3_SECRET_KEY: undefined }) },
      ),
  ],
  [
    'no such bucket',
    'access',
    /There is no bucket "no-such-bucket-here" at http/,
    () => diagnose({ STORAGE_S3_BUCKET: 'no-such-bucket-here' }),
  ],
  [
    'a bucket of another region',
    'access',
    /in another region, eu-central-1: requests are signed for us-east-1/,
    async () => diagnose({ STORAGE_S3_ENDPOINT: await gate() }),
  ],
  [
    'an endpoint that names the bucket',
    'access',
    /names the bucket already/,
    () => diagnose({ STORAGE_S3_ENDPOINT: `${endpoint}/${bucket.name}` }),
  ],
  [
    'a clock ahead by an hour',
    'clock',
    /clock of this machine is 3,(?:600|599|601) s ahead of the store's/,
    () => diagnoseIn(clockOff('+1h'), { env: variables() }),
  ],
  [
    'a clock behind by an hour',
    'clock',
    /clock of this machine is 3,(?:600|599|601) s behind the store's/,
    () => diagnoseIn(clockOff('-1h'), { env: variables() }),
  ],
  [
    'no route',
    'reach',
    /no route from this machine to 192\.0\.2\.1/,
    () => diagnoseIn(withoutRoute(NOWHERE), { env: variables({ STORAGE_S3_ENDPOINT: `http://${NOWHERE}` }) }),
  ],
  [
    'no name server',
    'reach',
    /No name server answers for the host name of store\.example\.com/,
    () => diagnoseIn(withoutRoute(NOWHERE), { env: variables({ STORAGE_S3_ENDPOINT: 'http://store.example.com' }) }),
  ],
  [
    'a certificate for another name',
    'reach',
    /certificate that answers for 127\.0\.0\.1:\d+ is one for other names/,
    () => overTls('DNS:store.example.com'),
  ],
  [
    'a certificate that has expired',
    'reach',
    /certificate of 127\.0\.0\.1:\d+ is not valid at the time/,
    () => overTls('IP:127.0.0.1', '-10d'),
  ],
  [
    'a refused connection',
    'reach',
    /Nothing listens at http:\/\/127\.0\.0\.1:\d+: the connection was refused/,
    async () => diagnose({ STORAGE_S3_ENDPOINT: `http://127.0.0.1:${await freedPort()}` }),
  ],
  [
    'TLS to a plain port',
    'reach',
    /speaks plain HTTP, and was spoken to in TLS/,
    () => diagnose({ STORAGE_S3_ENDPOINT: endpoint.replace('http:', 'https:') }),
  ],
  [
    'a store behind TLS without a common cipher',
    'reach',
    /agree on no TLS version, cipher or client certificate \(.*handshake failure\)/,
    () => overTls('IP:127.0.0.1', '+0d', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }),
  ],
  [
    'a website in place of the store',
    'access',
    /is no S3 service, or its path is another one \(status 404\)/,
    async () => diagnose({ STORAGE_S3_ENDPOINT: await website() }),
  ],
  [
    'a bucket in the host name of a store that wants none',
    'reach',
    /takes no bucket in the host name/,
    () => diagnose({ STORAGE_S3_ENDPOINT: endpoint.replace('127.0.0.1', 'localhost'), STORAGE_S3_PATH_STYLE: 'false' }),
  ],
  [
    'a gateway that hangs',
    'reach',
    /no answer from http:\/\/127\.0\.0\.1:\d+ within 1 seconds/,
    async () => {
      process.kill(gatewayPid, 'SIGSTOP');
      try {
        return await diagnose({}, { timeout: 1 });
      } finally {
        process.kill(gatewayPid, 'SIGCONT');
      }
    },
  ],
  [
    'a bucket of another account',
    'write',
    /lets them neither list nor write in the bucket/,
    async () => {
      const { name } = await ownBucket();
      const { accessKeyId: STORAGE_S3_ACCESS_KEY, secretAccessKey: STORAGE_S3_SECRET_KEY } = otherCredentials;
      return diagnose({ STORAGE_S3_BUCKET: name, STORAGE_S3_ACCESS_KEY, STORAGE_S3_SECRET_KEY });
    },
  ],
  ['no right to write', 'write', /lack a right: s3:PutObject/, () => asOther('s3:ListBucket', 's3:GetObject')],
  [
    'no right to read',
    'read',
    /lack a right: s3:GetObject/,
    () => asOther('s3:ListBucket', 's3:PutObject', 's3:DeleteObject', '!s3:GetObject'),
  ],
  [
    'no right to list',
    'list',
    /lack a right: s3:ListBucket/,
    () => asOther('s3:GetObject', 's3:PutObject', 's3:DeleteObject'),
  ],
  [
    'links that live longer than S3 allows',
    'url',
    /live for 2592000 seconds, and the store signs for at most 604800/,
    () => diagnose({ STORAGE_URL_EXPIRATION: '2592000', STORAGE_MAX_URL_EXPIRATION: '2592000' }),
  ],
  [
    'a public address of objects that are not public',
    'url',
    /refuses the link that was made for it/,
    () => diagnose({ STORAGE_S3_PUBLIC_URL: `${endpoint}/${bucket.name}` }),
  ],
  [
    'a public address that leads nowhere',
    'url',
    /Links lead nowhere\. Nothing listens/,
    async () => diagnose({ STORAGE_S3_PUBLIC_URL: `http://127.0.0.1:${await freedPort()}` }),
  ],
  [
    'a base URL that takes connections and never answers',
    'url',
    /Links lead nowhere\. There was no answer from http:\/\/127\.0\.0\.1:\d+ within 2 seconds/,
    async () => {
      const STORAGE_BASE_URL = `${await silent()}/files`;
      return diagnose({ STORAGE_S3_URLS: 'app', STORAGE_URL_SECRET: URL_SECRET, STORAGE_BASE_URL }, { timeout: 2 });
    },
  ],
  [
    'a base URL that leads nowhere',
    'url',
    /Links lead nowhere\. Nothing listens/,
    async () => {
      const STORAGE_BASE_URL = `http://127.0.0.1:${await freedPort()}/files`;
      return diagnose({ STORAGE_S3_URLS: 'app', STORAGE_URL_SECRET: URL_SECRET, STORAGE_BASE_URL });
    },
  ],
  ['no CORS rule', 'cors', /no CORS rule that lets pages of https:\/\/app/, () => diagnose({}, { origin: PAGES })],
  [
    'a CORS rule for other pages',
    'cors',
    /no CORS rule that lets pages of https:\/\/app/,
    () => withCors({ AllowedOrigins: ['https://other.example.com'] }),
  ],
  [
    'a CORS rule without the method',
    'cors',
    /allow GET from https:\/\/app\.example\.com, but not PUT/,
    () => withCors({ AllowedMethods: ['GET'] }),
  ],
  [
    'a CORS rule without the headers',
    'cors',
    /but not its headers: content-type/,
    () => withCors({ AllowedHeaders: ['x-other'] }),
  ],
];

describe('a broken set-up of S3', () => {
  it.each(BROKEN)('%s: fails at %s and says %s', async (_, id, cause, broken) => {
    const diagnosis = await broken();
    expectCause(diagnosis, id, cause);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftovers()).toEqual([]);
  });

  it('without the right to delete says what it had to leave', async () => {
    const diagnosis = await asOther('s3:ListBucket', 's3:GetObject', 's3:PutObject');
    expectCause(diagnosis, 'delete', /lack a right: s3:DeleteObject/);
    const left = await leftovers();
    expect(left).toHaveLength(2);
    expect(failedStep(diagnosis).detail).toBe(`left behind: ${left.join(', ')}`);
    for (const key of left) await bucket.backend().delete(key as never);
  });
});

describe('a gateway that stores later than its step waits', () => {
  async function late(milliseconds: number): Promise<Diagnosis> {
    const made = await ownBucket();
    const { endpoint: STORAGE_S3_ENDPOINT, close } = await startStoreGate(endpoint, { late: milliseconds });
    ends.push(close);
    const diagnosis = await diagnose({ STORAGE_S3_ENDPOINT, STORAGE_S3_BUCKET: made.name }, { timeout: 1.2 });
    expectCause(diagnosis, 'write', /no answer from http:\/\/127\.0\.0\.1:\d+ within 1\.2 seconds/);
    return diagnosis;
  }

  it('has nothing left of what comes in meanwhile', async () => {
    const diagnosis = await late(1400);
    expect(diagnosis.steps.at(-1)).toMatchObject({ id: 'delete', outcome: 'passed', detail: 'nothing is left' });
    await sleep(500);
    expect(await leftovers()).toEqual([]);
  });

  it('is said where it takes longer than anybody waits, with the key', async () => {
    const diagnosis = await late(3000);
    await sleep(2500);
    const left = await leftovers();
    expect(left).toEqual([expect.stringMatching(/^\.storage-doctor-[0-9a-f]{32}\/check\.bin$/)]);
    expect(diagnosis.steps.at(-1)).toMatchObject({ outcome: 'warned', detail: `may be left: ${left[0]}` });
  });
});

const OBJECT_STEPS = ['write', 'read', 'range', 'list', 'url', 'upload-url'];
const STEPS = ['settings', 'backend', 'reach', 'clock', 'access', ...OBJECT_STEPS];

/** An app that serves the bucket by its own routes. @returns base URL of the routes */
async function appOnBucket(): Promise<string> {
  const env = variables({ STORAGE_S3_URLS: 'app', STORAGE_URL_SECRET: URL_SECRET });
  const module = await Test.createTestingModule({ imports: [StorageModule.forRoot({ env })] }).compile();
  const app = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  ends.push(() => app.close());
  return `${await app.getUrl()}/files`;
}

/** [what is good, steps that pass, diagnosis] */
const GOOD: readonly (readonly [string, readonly string[], () => Promise<Diagnosis>])[] = [
  ['with path style', [...STEPS, 'delete'], () => diagnose({ STORAGE_S3_PATH_STYLE: 'true' })],
  ['with a CORS rule', [...STEPS, 'cors', 'delete'], () => withCors({})],
  ['known by its protocol alone', [...STEPS, 'delete'], () => diagnose({ STORAGE_S3_DIALECT: undefined })],
  [
    'in its region',
    [...STEPS, 'delete'],
    async () => diagnose({ STORAGE_S3_ENDPOINT: await gate(), STORAGE_S3_REGION: 'eu-central-1' }),
  ],
  ['over TLS', [...STEPS, 'delete'], () => overTls('IP:127.0.0.1')],
  ['with a clock off by 20 seconds', [...STEPS, 'delete'], () => diagnoseIn(clockOff('+20s'), { env: variables() })],
  [
    'behind the routes of an app',
    [...STEPS, 'delete'],
    async () =>
      diagnose({ STORAGE_S3_URLS: 'app', STORAGE_URL_SECRET: URL_SECRET, STORAGE_BASE_URL: await appOnBucket() }),
  ],
  [
    'of a user with no more rights than needed',
    [...STEPS, 'delete'],
    () => asOther('s3:ListBucket', 's3:GetObject', 's3:PutObject', 's3:DeleteObject'),
  ],
  [
    'that is read-only',
    ['settings', 'backend', 'reach', 'clock', 'access', 'read', 'range', 'list', 'url'],
    async () => {
      const made = await ownBucket();
      const options: DiagnoseOptions = { env: variables({ STORAGE_S3_BUCKET: made.name }) };
      const backend = made.backend();
      const body = (async function* () {
        yield Buffer.alloc(5000, 'what was there before');
      })();
      const facts = { contentType: 'text/plain', metadata: {} };
      await (await backend.stage('report.txt' as never, body, facts)).commit();
      const diagnosis = await diagnoseStorage({ ...options, readOnly: true });
      expect((await backend.list({ prefix: '', limit: 10 })).objects).toHaveLength(1);
      return diagnosis;
    },
  ],
];

describe('a good set-up of S3', () => {
  it.each(GOOD)('%s passes %j', async (_, passed, good) => {
    const diagnosis = await good();
    expectGood(diagnosis, passed);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftovers()).toEqual([]);
  });
});
