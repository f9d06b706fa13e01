/** The doctor on Google Cloud Storage and Cloudinary, on their contract servers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { diagnoseStorage, type DiagnoseOptions, type Diagnosis } from '../../../lib/doctor/index.js';
import { expectCause, expectGood, expectNoSecret, tell } from '../../doctor/diagnosed.js';
import { startCloudinaryServer, type CloudinaryServer } from '../../servers/cloudinary/server.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';
import { speakHttp } from '../cloudinary/targets.js';
import { BUCKET, startServer } from '../gcs/gcs.js';
import { machineAuth } from '../gcs/machine-auth.js';
import { assertTools, clockOff, diagnoseIn } from './doctor-process.js';

let gcs: GcsContractServer;
let cloudinary: CloudinaryServer;

beforeAll(async () => {
  assertTools();
  speakHttp();
  [gcs, cloudinary] = await Promise.all([startServer(), startCloudinaryServer()]);
  // Where Google's library looks for the identity of the machine it runs on.
  process.env['GCE_METADATA_HOST'] = new URL(gcs.origin).host;
});

afterAll(async () => {
  delete process.env['GCE_METADATA_HOST'];
  await Promise.all([gcs.stop(), cloudinary.close()]);
  tell(`clouds: ${BROKEN.length} broken set-ups, 2 good ones`);
});

const onGcs = (more: DiagnoseOptions['gcs'] = {}): DiagnoseOptions => ({
  env: {},
  backend: 'gcs',
  gcs: { bucket: BUCKET, endpoint: gcs.origin, credentials: { ...gcs.key }, retry: { maxRetries: 0 }, ...more },
});

const onCloudinary = (more: DiagnoseOptions['cloudinary'] = {}): DiagnoseOptions => {
  const { cloudName, apiKey, apiSecret } = cloudinary.account.settings;
  const { apiUrl, deliveryUrl } = cloudinary;
  return { env: {}, backend: 'cloudinary', cloudinary: { cloudName, apiKey, apiSecret, apiUrl, deliveryUrl, ...more } };
};

/** The SDK decides between http and https by this variable alone. */
const cloudinaryProcess = () => ({ CLOUDINARY_URL: cloudinary.cloudinaryUrl });

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** On a machine of Google's, which has no key of its own. */
async function onMachine(): Promise<DiagnoseOptions> {
  return onGcs({ credentials: undefined, auth: await machineAuth(gcs) });
}

/** [what is broken, step, cause, diagnosis] */
const BROKEN: readonly (readonly [string, string, RegExp, () => Promise<Diagnosis>])[] = [
  [
    'GCS: a key of another account',
    'access',
    /token endpoint refuses the service account key/,
    () => diagnoseStorage(onGcs({ credentials: { ...gcs.key, private_key: otherKey() } })),
  ],
  [
    'GCS: no such bucket',
    'access',
    /There is no bucket "no-such-bucket"/,
    () => diagnoseStorage(onGcs({ bucket: 'no-such-bucket' })),
  ],
  [
    'GCS: a key file that is not there',
    'access',
    /file of the service account key is not there/,
    () => diagnoseStorage(onGcs({ credentials: undefined, keyFile: '/nonexistent/key.json' })),
  ],
  [
    'GCS: an endpoint at which nothing listens',
    'reach',
    /Nothing listens at http:\/\/127\.0\.0\.1:9/,
    () => diagnoseStorage(onGcs({ endpoint: 'http://127.0.0.1:9' })),
  ],
  [
    'GCS: a clock behind by an hour',
    'clock',
    /clock of this machine is 3,(?:600|599|601) s behind/,
    () => diagnoseIn(clockOff('-1h'), onGcs()),
  ],
  [
    'GCS: a machine whose account may not sign',
    'url',
    /IAM service refuses to sign for the service account/,
    async () => {
      gcs.faults.next(/:signBlob/, { status: 403, reason: 'forbidden' });
      return diagnoseStorage(await onMachine());
    },
  ],
  [
    'GCS: links that live longer than Google allows',
    'url',
    /live for 2592000 seconds, and the store signs for at most 604800/,
    () => diagnoseStorage({ ...onGcs(), urls: { expiresIn: 2_592_000, maxExpiresIn: 2_592_000 } }),
  ],
  [
    'Cloudinary: a wrong secret',
    'access',
    /API secret is not the one of this API key/,
    () => diagnoseStorage(onCloudinary({ apiSecret: 'wrong-secret-of-the-tests' })),
  ],
  [
    'Cloudinary: a wrong key',
    'access',
    /does not know the API key/,
    () => diagnoseStorage(onCloudinary({ apiKey: '999999999999999' })),
  ],
  [
    'Cloudinary: another cloud',
    'access',
    /of another cloud than the one named/,
    () => diagnoseStorage(onCloudinary({ cloudName: 'other-cloud' })),
  ],
  [
    'Cloudinary: a clock behind by two hours',
    'clock',
    /clock of this machine is 7,(?:200|199|201) s behind/,
    () => {
      const { under, env } = clockOff('-2h');
      return diagnoseIn({ under, env: { ...env, ...cloudinaryProcess() } }, onCloudinary());
    },
  ],
  [
    'Cloudinary: upload links that live longer than it allows',
    'upload-url',
    /live for 86400 seconds, and the store signs for at most 3600/,
    () => diagnoseStorage({ ...onCloudinary(), urls: { expiresIn: 86_400 } }),
  ],
];

let secrets: readonly string[];

beforeEach(() => {
  const { apiKey, apiSecret } = cloudinary.account.settings;
  const lines = gcs.key.private_key.split('\n').filter((line) => line.length > 30);
  secrets = [apiKey, apiSecret, 'wrong-secret-of-the-tests', '999999999999999', ...lines];
});

function expectNothingLeft(): void {
  expect(gcs.names(BUCKET)).toEqual([]);
  expect(cloudinary.account.assets.size).toBe(0);
}

describe('a broken set-up', () => {
  it.each(BROKEN)('%s: fails at %s and says %s', async (_, id, cause, broken) => {
    const diagnosis = await broken();
    expectCause(diagnosis, id, cause);
    expectNoSecret(diagnosis, secrets);
    expectNothingLeft();
  });
});

const STEPS = [
  'settings',
  'backend',
  'reach',
  'clock',
  'access',
  'write',
  'read',
  'range',
  'list',
  'url',
  'upload-url',
];

describe('a good set-up', () => {
  it('of GCS passes', async () => {
    const diagnosis = await diagnoseStorage(onGcs());
    expectGood(diagnosis, [...STEPS, 'delete']);
    expectNoSecret(diagnosis, secrets);
    expectNothingLeft();
  });

  it('of Cloudinary passes', async () => {
    const diagnosis = await diagnoseStorage(onCloudinary());
    expectGood(diagnosis, [...STEPS, 'delete']);
    expectNoSecret(diagnosis, secrets);
    expectNothingLeft();
  });
});
