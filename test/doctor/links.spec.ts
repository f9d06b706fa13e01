/** The doctor on links: who is named where nothing comes back, and which setting leads there. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import net from 'node:net';
import { diagnoseStorage, type DiagnoseOptions, type Diagnosis } from '../../lib/doctor/index.js';
import { expectCause, expectGood, failedStep } from './diagnosed.js';
import { folder, freedPort, listening, local, putAway, s3, urls } from './set-ups.js';
import { SmallS3, type Before } from './small-s3.js';

afterEach(putAway);

/** A server that takes connections and never says a word. */
const silent = async () => `http://${await listening(net.createServer())}`;

async function onS3(own: DiagnoseOptions['s3'], before?: Before, more?: DiagnoseOptions): Promise<Diagnosis> {
  const set = s3(`http://${await listening(new SmallS3(before).server)}`, { timeout: 1, ...more });
  return diagnoseStorage({ ...set, s3: { ...set.s3, ...own } });
}

function expectAsked(diagnosis: Diagnosis, id: string, origin: string, setting: string): void {
  const { detail, advice } = failedStep(diagnosis);
  expectCause(diagnosis, id, new RegExp(origin.replaceAll('.', '\\.')));
  expect(detail).toBe(origin);
  expect(advice).toContain(setting);
}

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

it('the store of these tests is a good one', async () => {
  expectGood(await onS3({}), [...STEPS, 'delete']);
});

describe('where a link leads and nobody answers', () => {
  it('the base URL of the app is named, not the store', async () => {
    const origin = await silent();
    const diagnosis = await diagnoseStorage(
      await local({ local: { root: await folder() }, urls: { ...urls, baseUrl: `${origin}/files` }, timeout: 0.5 }),
    );
    expectCause(
      diagnosis,
      'url',
      /^Links lead nowhere\. There was no answer from http:\/\/127\.0\.0\.1:\d+ within 0\.5 s/,
    );
    expectAsked(diagnosis, 'url', origin, 'STORAGE_BASE_URL');
  });

  it('the public address of a bucket is named', async () => {
    const origin = await silent();
    const diagnosis = await onS3(undefined, undefined, {
      env: { STORAGE_S3_PUBLIC_URL: `${origin}/files` },
    });
    expectCause(diagnosis, 'url', /^Links lead nowhere\. There was no answer/);
    expectAsked(diagnosis, 'url', origin, 'STORAGE_S3_PUBLIC_URL');
  });

  it('an answer that stops in its middle is told as one of that place', async () => {
    const stalling = createServer((_, response) => response.writeHead(200, { 'content-length': '1024' }).write('half'));
    const origin = `http://${await listening(stalling)}`;
    const diagnosis = await onS3({ publicUrl: origin });
    expectCause(diagnosis, 'url', /^There was no answer from/);
    expectAsked(diagnosis, 'url', origin, 's3.publicUrl');
  });

  it('the store is named where its own upload links and preflights hang', async () => {
    const upload = await onS3({}, ({ method, url }) => method === 'PUT' && url!.includes('X-Amz-Signature'));
    expectCause(upload, 'upload-url', /^Links lead nowhere\. There was no answer/);
    expect(failedStep(upload).advice).toContain('STORAGE_S3_ENDPOINT');
    const preflight = await onS3({}, ({ method }) => method === 'OPTIONS', { origin: 'https://app.example.com' });
    expectCause(preflight, 'cors', /^There was no answer from http:\/\/127/);
  });
});

describe('where a link leads astray', () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  it.each(['STORAGE_S3_PUBLIC_URL', 's3.publicUrl', 's3.cloudFront.url'])('%s is to be corrected', async (setting) => {
    const origin = `http://${await freedPort()}`;
    const cloudFront = { url: origin, keyPairId: 'K123', privateKey: pem };
    const set: Readonly<Record<string, () => Promise<Diagnosis>>> = {
      STORAGE_S3_PUBLIC_URL: () => onS3({}, undefined, { env: { STORAGE_S3_PUBLIC_URL: origin } }),
      's3.publicUrl': () => onS3({ publicUrl: origin }),
      's3.cloudFront.url': () => onS3({ cloudFront }),
    };
    const diagnosis = await set[setting]!();
    expectCause(diagnosis, 'url', /^Links lead nowhere\. Nothing listens/);
    expectAsked(diagnosis, 'url', origin, `correct host and port in ${setting}`);
  });

  it('to another bucket, the public address is to be corrected', async () => {
    const origin = `http://${await listening(new SmallS3().server)}`;
    const diagnosis = await onS3({ publicUrl: `${origin}/other` });
    expectCause(diagnosis, 'url', /does not find the object there/);
    expectAsked(diagnosis, 'url', origin, 'Correct s3.publicUrl: it leads to another bucket');
  });

  it('at the address of the store itself, the public one is still told from what the bucket signs', async () => {
    const answer: Before = ({ url }) => url!.includes('/nothing/');
    const server = new SmallS3(answer);
    const origin = `http://${await listening(server.server)}`;
    const options = s3(origin, { timeout: 1 });
    const diagnosis = await diagnoseStorage({ ...options, s3: { ...options.s3, publicUrl: `${origin}/nothing` } });
    expectAsked(diagnosis, 'url', origin, 's3.publicUrl');
  });
});
