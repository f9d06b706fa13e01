/** The S3 backend without a store: settings, and the requests that are really sent to each service. */
import { createHash, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { S3Backend, type S3BackendOptions } from '../../lib/backends/s3/index.js';
import { resolveSettings } from '../../lib/backends/s3/s3.settings.js';
import { StorageService } from '../../lib/index.js';
import { MIB, startService, WAYS, type Sent, type Service } from './s3-rig.js';

let service: Service;
let port: number;
let sent: Sent[];

beforeAll(async () => {
  service = await startService();
  ({ port, sent } = service);
});

afterAll(() => service.close());

const SERVICES = [
  ['aws', 's3.eu-west-1.amazonaws.com', 'eu-west-1', 'virtual', 'x-amz-checksum-crc32', 'x-amz-checksum-crc32', true],
  ['digitalocean', 'nyc3.digitaloceanspaces.com', 'nyc3', 'virtual', 'content-md5', 'content-md5', true],
  ['wasabi', 's3.eu-central-1.wasabisys.com', 'eu-central-1', 'path', 'content-md5', 'content-md5', true],
  ['backblaze', 's3.us-west-000.backblazeb2.com', 'us-west-000', 'virtual', 'content-md5', 'content-md5', false],
  ['minio', 'minio.example.com', 'us-east-1', 'path', 'x-amz-checksum-crc32', 'content-md5', true],
  ['cloudflare', `${'a'.repeat(32)}.r2.cloudflarestorage.com`, 'auto', 'path', 'content-md5', 'content-md5', false],
  ['ceph', 'rgw.example.com', 'us-east-1', 'path', 'x-amz-content-sha256', 'content-md5', true],
  ['generic', 'files.example.com', 'us-east-1', 'path', 'content-md5', 'content-md5', true],
] as const;

describe.each(WAYS)('dialects, %s', (way, settings) => {
  const backend = (options: Partial<S3BackendOptions>) => service.backend({ ...settings, ...options });

  it.each(SERVICES)('%s at %s', async (name, host, region, style, checksum, deleteDigest, post) => {
    const options = name === 'ceph' ? { dialect: name } : {};
    const store = backend({ endpoint: `http://${host}:${port}`, partSize: 5 * MIB, ...options });
    const storage = new StorageService(store);
    sent.length = 0;
    await storage.put('a/b ü.txt', 'hello', { url: false, metadata: { owner_id: 'x' } });
    await storage.put('large', Buffer.alloc(11 * MIB), { url: false });
    await storage.deleteMany(['a', 'b']);
    const [small, begin, ...rest] = sent;
    const path = style === 'path' ? '/bucket/a/b%20%C3%BC.txt' : '/a/b%20%C3%BC.txt';
    expect(small!.path.split('?')[0]).toBe(path);
    // The SDK numbers what it sends.
    expect('amz-sdk-invocation-id' in small!.headers).toBe(way === 'through the SDK');
    expect(small!.host).toBe(style === 'path' ? host : `bucket.${host}`);
    expect(small!.body.toString()).toBe('hello');
    expect(small!.headers.authorization).toContain(`/${region}/s3/aws4_request`);
    expect(small!.headers['transfer-encoding']).toBeUndefined();
    expect(small!.headers['content-encoding']).toBeUndefined();
    expect(small!.headers['content-length']).toBe('5');
    const unsigned = small!.headers['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD';
    expect(unsigned).toBe(checksum !== 'x-amz-content-sha256');
    expect(small!.headers[name === 'aws' ? 'x-amz-meta-owner_id' : 'x-amz-meta-owner-x5f-id']).toBe('x');
    const parts = rest.filter(({ path: where }) => where.includes('partNumber='));
    // Equal parts but for the last, which Cloudflare R2 demands.
    expect(parts.map(({ body }) => body.length).sort()).toEqual([MIB, 5 * MIB, 5 * MIB]);
    for (const one of [small!, ...parts]) expect(one.headers[checksum]).toMatch(/^\S+$/);
    if (checksum !== 'x-amz-checksum-crc32') expect(JSON.stringify(sent)).not.toContain('x-amz-checksum');
    for (const one of [small!, begin!]) expect(one.headers['x-amz-acl']).toBeUndefined();
    const bulk = sent.at(-1)!;
    expect([bulk.method, bulk.headers[deleteDigest] !== undefined]).toEqual(['POST', true]);
    for (const { headers, body } of [small!, ...parts, bulk]) {
      const md5 = headers['content-md5'];
      if (md5 !== undefined) expect(md5).toBe(createHash('md5').update(body).digest('base64'));
    }
    if (deleteDigest === 'content-md5') expect(bulk.headers['x-amz-checksum-crc32']).toBeUndefined();
    expect(store.capabilities.getUploadUrl.includes('maxSize')).toBe(post);
    const upload = storage.getUploadUrl('x', { maxSize: 10 });
    if (post) await expect(upload).resolves.toMatchObject({ method: 'POST' });
    else await expect(upload).rejects.toMatchObject({ code: 'not-supported' });
    await store.close();
  });

  it('have an endpoint of their own for a region', () => {
    const endpointOf = (dialect: S3BackendOptions['dialect'], region?: string) =>
      resolveSettings({ bucket: 'b', dialect, region }).endpoint;
    expect(endpointOf('digitalocean', 'fra1')).toBe('https://fra1.digitaloceanspaces.com');
    expect(endpointOf('wasabi')).toBe('https://s3.us-east-1.wasabisys.com');
    expect(endpointOf('backblaze', 'us-west-000')).toBe('https://s3.us-west-000.backblazeb2.com');
    expect(endpointOf('aws', 'eu-west-1')).toBeUndefined();
  });

  it('send conditions as the service compares them', async () => {
    sent.length = 0;
    const bytes = Buffer.from('x');
    for (const [dialect, expected] of [
      ['aws', '"tag"'],
      ['ceph', 'tag'],
    ] as const) {
      const store = backend({ dialect, endpoint: `http://s3.example.com:${port}`, region: 'us-east-1' });
      await new StorageService(store).put('k', bytes, { ifMatch: 'tag', url: false });
      expect(sent.at(-1)!.headers['if-match']).toBe(expected);
      await store.close();
    }
    const spaces = new StorageService(backend({ endpoint: `http://nyc3.digitaloceanspaces.com:${port}` }));
    const before = sent.length;
    await expect(spaces.put('k', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'not-supported' });
    expect(sent.length).toBe(before);
  });

  it('send the condition of a large body when its upload is completed, where the service holds it there', async () => {
    const host = `${'a'.repeat(32)}.r2.cloudflarestorage.com`;
    const store = backend({ endpoint: `http://${host}:${port}`, partSize: 5 * MIB });
    sent.length = 0;
    await new StorageService(store).put('k', Buffer.alloc(6 * MIB), { ifNoneMatch: '*', url: false });
    const conditional = sent.filter(({ headers }) => headers['if-none-match'] !== undefined);
    expect(conditional.map(({ method, path }) => `${method} ${path}`)).toEqual([
      expect.stringMatching(/^POST \/bucket\/k\?uploadId=/),
    ]);
    await store.close();
    const spaces = backend({ endpoint: `http://nyc3.digitaloceanspaces.com:${port}`, partSize: 5 * MIB });
    await expect(
      new StorageService(spaces).put('k', Buffer.alloc(6 * MIB), { ifNoneMatch: '*', url: false }),
    ).rejects.toMatchObject({ code: 'not-supported' });
    await spaces.close();
  });

  it('send encryption, storage class, tags and an ACL where the storage has them', async () => {
    const store = backend({
      dialect: 'aws',
      endpoint: `http://s3.eu-west-1.amazonaws.com:${port}`,
      encryption: 'aws:kms',
      kmsKeyId: 'key-1',
      storageClass: 'STANDARD_IA',
      tags: { team: 'a b' },
      acl: 'bucket-owner-full-control',
    });
    const headers = {
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-tagging': 'team=a%20b',
      'x-amz-acl': 'bucket-owner-full-control',
    };
    const storage = new StorageService(store);
    await storage.put('k', 'x', { url: false });
    expect(sent.at(-1)!.headers).toMatchObject(headers);
    expect((await storage.getUploadUrl('k', { contentType: 'a/b' })).headers).toMatchObject(headers);
    await store.close();
  });
});

describe('settings', () => {
  it.each([
    [{ bucket: '' }, 'needs a bucket'],
    [{ endpoint: 'ftp://x' }, 'endpoint must be an address'],
    [{ endpoint: 'https://user:pw@x.example' }, 'must not hold a user name'],
    [{ dialect: 'azure' as 'aws' }, 'dialect must be one of aws,'],
    [{ dialect: 'minio' as const }, 'needs an endpoint'],
    [{ partSize: 1024 }, 'partSize must be a whole number from 5242880'],
    [{ via: 'proxy' as 'app' }, 'via must be'],
    [{ dialect: 'backblaze' as const, region: 'us-west-000', tags: { a: 'b' } }, 'knows no tags'],
    [{ kmsKeyId: 'k' }, 'kmsKeyId needs an encryption'],
    [
      { endpoint: `https://${'a'.repeat(32)}.eu.r2.cloudflarestorage.com`, encryption: 'AES256' as const },
      'cloudflare takes no wishes about encryption',
    ],
  ])('%j is a configuration error', (options, message) => {
    const make = () => new S3Backend({ bucket: 'b', ...options });
    expect(make).toThrow(expect.objectContaining({ code: 'configuration', message: expect.stringContaining(message) }));
  });

  it('via: "app" leaves the URLs to the app', () => {
    const { capabilities } = new S3Backend({ bucket: 'b', via: 'app' });
    expect([capabilities.getUrl, capabilities.getUploadUrl]).toEqual([[], []]);
  });
});

describe('CloudFront', () => {
  /**
   * As CloudFront checks a URL with a canned policy:
   * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html
   */
  function isSignedBy(publicKey: KeyObject, url: URL): boolean {
    const { searchParams } = url;
    const condition = { DateLessThan: { 'AWS:EpochTime': Number(searchParams.get('Expires')) } };
    const policy = JSON.stringify({ Statement: [{ Resource: url.origin + url.pathname, Condition: condition }] });
    const signature = searchParams
      .get('Signature')!
      .replace(/[-_~]/g, (char) => ({ '-': '+', _: '=', '~': '/' })[char as '-' | '_' | '~']);
    return verify('RSA-SHA1', Buffer.from(policy), publicKey, Buffer.from(signature, 'base64'));
  }

  it.each([
    ['an RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['an ECDSA', () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ])('signs URLs of the distribution with %s key, and leaves overrides to the bucket', async (_kind, makeKeys) => {
    const { privateKey, publicKey } = makeKeys();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const cloudFront = { url: 'https://cdn.example.com/files/', keyPairId: 'KID', privateKey: pem };
    const store = service.backend({ dialect: 'aws', region: 'eu-west-1', cloudFront });
    const storage = new StorageService(store);
    const url = new URL(await storage.getUrl('a b/ü+.txt', { mustExist: false, expiresIn: 60 }));
    expect(url.origin + url.pathname).toBe('https://cdn.example.com/files/a%20b/%C3%BC%2B.txt');
    expect(url.searchParams.get('Key-Pair-Id')).toBe('KID');
    const left = Number(url.searchParams.get('Expires')) - Date.now() / 1000;
    expect(left).toBeGreaterThan(55);
    expect(left).toBeLessThanOrEqual(60);
    expect(isSignedBy(publicKey, url)).toBe(true);
    for (const changed of [url.href.replace('a%20b', 'other'), url.href.replace(/Expires=\d/, 'Expires=9')]) {
      expect(isSignedBy(publicKey, new URL(changed))).toBe(false);
    }
    const download = new URL(await storage.getUrl('a b/ü+.txt', { mustExist: false, download: true }));
    expect(download.hostname).toBe('bucket.s3.eu-west-1.amazonaws.com');
    await store.close();
  });
});

// The last one: nothing after it finds the package again.
describe('the SDK', () => {
  it('a missing package says how to install it', async () => {
    jest.resetModules();
    jest.unstable_mockModule('@aws-sdk/client-s3', () => {
      throw Object.assign(new Error("Cannot find package '@aws-sdk/client-s3'"), { code: 'ERR_MODULE_NOT_FOUND' });
    });
    const fresh = await import('../../lib/backends/s3/index.js');
    await expect(fresh.createS3Backend({ bucket: 'b' })).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining(
        'Install @aws-sdk/client-s3 to use the s3 backend: npm install @aws-sdk/client-s3',
      ),
    });
  });
});
