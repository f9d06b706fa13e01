/** Endpoints that are named past the options: the service behind them is told by its host, or nothing is sent. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createS3Backend, S3Backend, type S3BackendOptions } from '../../lib/backends/s3/index.js';
import { dialectOf } from '../../lib/backends/s3/s3.dialects.js';
import { StorageService } from '../../lib/index.js';

const SPACES = 'https://nyc3.digitaloceanspaces.com';
const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' };
const environment = { ...process.env };

let folder: string;
let server: Server;
let local: string;
let came: string[];
let backends: S3Backend[];

beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  folder = await mkdtemp(join(tmpdir(), 'aws-'));
  process.env['AWS_CONFIG_FILE'] = join(folder, 'config');
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(folder, 'credentials');
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  came = [];
  backends = [];
  server = createServer(({ headers }, response) => {
    came.push(headers.authorization ?? '');
    response.setHeader('etag', '"e"').end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, environment);
  await Promise.all(backends.map((backend) => backend.close()));
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

/** Each way to name an endpoint without the option for it. */
const WAYS: Readonly<Record<string, (endpoint: string) => Promise<Partial<S3BackendOptions>> | object>> = {
  AWS_ENDPOINT_URL_S3: (endpoint) => {
    process.env['AWS_ENDPOINT_URL_S3'] = endpoint;
    return {};
  },
  AWS_ENDPOINT_URL: (endpoint) => {
    process.env['AWS_ENDPOINT_URL'] = endpoint;
    return {};
  },
  'a profile': async (endpoint) => {
    await writeFile(join(folder, 'config'), `[profile other]\nendpoint_url = ${endpoint}\n`);
    process.env['AWS_PROFILE'] = 'other';
    return {};
  },
  clientConfig: (endpoint) => ({ clientConfig: { endpoint } }),
  'a client': (endpoint) => ({ client: new S3Client({ endpoint, region: 'us-east-1', credentials }) }),
};

const create = async (options: Partial<S3BackendOptions>) => {
  const backend = await createS3Backend({ bucket: 'bucket', credentials, ...options });
  backends.push(backend);
  return backend;
};

const createOnly = (backend: S3Backend) => new StorageService(backend).put('k', 'x', { ifNoneMatch: '*', url: false });

it.each(Object.keys(WAYS))('%s tells the service, whose missing conditions are refused', async (way) => {
  const backend = await create(await WAYS[way]!(SPACES));
  expect(backend.capabilities.createOnly).toEqual([]);
  await expect(createOnly(backend)).rejects.toMatchObject({ code: 'not-supported' });
});

it.each(Object.keys(WAYS))('%s that was not looked at stops every request before it is sent', async (way) => {
  const backend = new S3Backend({ bucket: 'bucket', credentials, region: 'us-east-1', ...(await WAYS[way]!(local)) });
  backends.push(backend);
  const refused = { code: 'configuration', message: expect.stringMatching(/127\.0\.0\.1.*dialect: "generic"/) };
  await expect(createOnly(backend)).rejects.toMatchObject(refused);
  await expect(backend.connect()).rejects.toMatchObject(refused);
  expect(came).toEqual([]);
});

it.each(Object.keys(WAYS))('%s is used as it is where the dialect is named', async (way) => {
  const options = await WAYS[way]!(local);
  const backend = await create({ dialect: 'minio', region: 'us-east-1', ...options });
  await createOnly(backend);
  expect(came).toHaveLength(1);
});

it('an endpoint of the environment takes its region from there too', async () => {
  process.env['AWS_ENDPOINT_URL'] = local;
  process.env['AWS_REGION'] = 'garage';
  await new StorageService(await create({})).put('k', 'x', { url: false });
  expect(came).toEqual([expect.stringContaining('/garage/s3/aws4_request')]);
});

it('AWS of which nobody names a region is asked in us-east-1', async () => {
  const backend = await create({ dialect: 'aws', clientConfig: { endpoint: local, forcePathStyle: true } });
  await new StorageService(backend).put('k', 'x', { url: false });
  expect(came).toEqual([expect.stringContaining('/us-east-1/s3/aws4_request')]);
});

it('without any endpoint it is AWS', async () => {
  const backend = await create({ region: 'eu-west-1' });
  expect(backend.capabilities.createOnly).toEqual(['single', 'multipart', 'copy']);
});

it('endpoints inside a network of AWS are those of AWS', () => {
  const { dialect, region } = dialectOf('https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com');
  expect([dialect.name, region]).toEqual(['aws', 'us-east-1']);
});
