/** Credentials from where the SDK looks for them when the options name none. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { parseKey, StorageService } from '../../../lib/index.js';
import { credentials, makeBucket, type Bucket } from './ceph.js';

let bucket: Bucket;
let folder: string;
const environment = { ...process.env };

beforeAll(async () => {
  bucket = await makeBucket();
  folder = await mkdtemp(join(tmpdir(), 'aws-'));
});

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
  process.env['AWS_CONFIG_FILE'] = join(folder, 'no-config');
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(folder, 'no-credentials');
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
});

afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, environment);
});

afterAll(async () => {
  await bucket.remove();
  await rm(folder, { recursive: true });
});

it('a profile of the shared credentials file signs requests and URLs', async () => {
  const file = join(folder, 'credentials');
  const { accessKeyId, secretAccessKey } = credentials;
  const profile = (name: string, secret: string) =>
    `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secret}\n`;
  await writeFile(file, profile('default', 'wrong') + profile('uploads', secretAccessKey));
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = file;
  process.env['AWS_PROFILE'] = 'uploads';
  const storage = new StorageService(bucket.backend({ credentials: undefined }));
  await storage.put('profile', 'by profile', { url: false });
  expect(await (await fetch(await storage.getUrl('profile'))).text()).toBe('by profile');
});

it('temporary credentials of a container cap the life of URLs', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    response.setHeader('content-type', 'application/json').end(
      JSON.stringify({
        AccessKeyId: 'TEMPORARY',
        SecretAccessKey: 'secret',
        Token: 'session-token',
        Expiration: new Date(Date.now() + 1_800_000).toISOString(),
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  process.env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] = 'pod-token';
  const backend = bucket.backend({ credentials: undefined });
  const url = new URL(await backend.getUrl(parseKey('any'), { expiresIn: 7200 }));
  expect(asked).toEqual(['pod-token']);
  expect(url.searchParams.get('X-Amz-Credential')).toMatch(/^TEMPORARY\//);
  expect(url.searchParams.get('X-Amz-Security-Token')).toBe('session-token');
  const life = Number(url.searchParams.get('X-Amz-Expires'));
  expect(life).toBeGreaterThan(1700);
  expect(life).toBeLessThanOrEqual(1800);
  server.close();
});

it('no credentials anywhere is told as such, with advice', async () => {
  const storage = new StorageService(bucket.backend({ credentials: undefined }));
  await expect(storage.put('none', 'x', { url: false })).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringMatching(/no credentials were found.*AWS_ACCESS_KEY_ID/),
  });
});
