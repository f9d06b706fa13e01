/** Where the services that speak S3 differ from it: hosts, copies in parts, sweeps, conditions on what is gone. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { S3DialectName } from '../../lib/backends/s3/index.js';
import { dialectOf } from '../../lib/backends/s3/s3.dialects.js';
import { resolveSettings } from '../../lib/backends/s3/s3.settings.js';
import { StorageService } from '../../lib/index.js';
import { failure, MIB, startService, type Answer, type Sent, type Service } from './s3-rig.js';

const ACCOUNT = 'a'.repeat(32);

describe('hosts', () => {
  it.each([
    ['https://s3.wasabisys.com', 'wasabi', 'us-east-1', true],
    ['https://s3.ap-southeast-2.wasabisys.com', 'wasabi', 'ap-southeast-2', true],
    ['https://s3.nl-1.wasabisys.com', 'wasabi', 'eu-central-1', true],
    ['https://s3.uk-2.wasabisys.com', 'wasabi', 'eu-west-3', true],
    ['https://s3.it-1.wasabisys.com', 'wasabi', 'eu-south-1', true],
    // Another product, with other software behind it.
    ['https://s3.us-east-1-dell-obs.wasabisys.com:9021', 'generic', 'us-east-1', true],
    ['http://minio:9000', 'minio', 'us-east-1', true],
    ['http://minio.storage.svc.cluster.local:9000', 'minio', 'us-east-1', true],
    ['https://play.min.io', 'minio', 'us-east-1', true],
    ['https://dominion.example.com', 'generic', 'us-east-1', true],
    [`https://${ACCOUNT}.r2.cloudflarestorage.com`, 'cloudflare', 'auto', true],
    [`https://${ACCOUNT}.eu.r2.cloudflarestorage.com`, 'cloudflare', 'auto', true],
    [`https://${ACCOUNT}.fedramp.r2.cloudflarestorage.com`, 'cloudflare', 'auto', true],
    [`https://${ACCOUNT}.us.r2.cloudflarestorage.com`, 'cloudflare', 'auto', true],
    ['https://s3.eu-central-003.backblazeb2.com', 'backblaze', 'eu-central-003', false],
    ['https://atl1.digitaloceanspaces.com', 'digitalocean', 'atl1', false],
    // The CDN before a Space takes no writes.
    ['https://files.nyc3.cdn.digitaloceanspaces.com', 'generic', 'us-east-1', true],
  ] as const)('%s is %s in %s', (endpoint, name, region, pathStyle) => {
    expect(dialectOf(endpoint).dialect.name).toBe(name);
    expect(resolveSettings({ bucket: 'b', endpoint })).toMatchObject({ region, pathStyle });
  });

  it('of Wasabi are those of their region however they are written', async () => {
    const service = await startService();
    const storage = new StorageService(service.backend({ endpoint: `http://s3.de-1.wasabisys.com:${service.port}` }));
    await storage.put('k', 'x', { url: false });
    const [{ host, path, headers }] = service.sent as [Sent];
    expect([host, path.split('?')[0]]).toEqual(['s3.de-1.wasabisys.com', '/bucket/k']);
    expect(headers.authorization).toContain('/eu-central-2/s3/aws4_request');
    await service.close();
  });
});

describe('requests', () => {
  let service: Service;
  let answer: (request: Sent) => Answer | undefined;

  beforeEach(async () => {
    answer = () => undefined;
    service = await startService((request) => answer(request));
  });

  afterEach(() => service.close());

  function storageOn(dialect: S3DialectName, partConcurrency = 1) {
    const endpoint = `http://s3.example.com:${service.port}`;
    return service.backend({ dialect, endpoint, region: 'us-east-1', copyLimit: 5 * MIB, partConcurrency });
  }

  const isPartCopy = ({ path, headers }: Sent) => path.includes('partNumber=') && 'x-amz-copy-source' in headers;

  /** An object of two copied parts, whose ETag at each look is the next of these. */
  function sourceWith(...etags: string[]): (request: Sent) => Answer | undefined {
    let looks = 0;
    return (request) => {
      if (request.method === 'HEAD' && request.path.includes('source')) {
        const etag = `"${etags[Math.min(looks++, etags.length - 1)]}"`;
        return { headers: { etag, 'content-length': String(6 * MIB) } };
      }
      return isPartCopy(request) ? { body: '<CopyPartResult><ETag>"p"</ETag></CopyPartResult>' } : undefined;
    };
  }

  it.each(['aws', 'minio', 'backblaze', 'ceph'] as const)('a copy in parts on %s names the version', async (name) => {
    answer = sourceWith('v1');
    await new StorageService(storageOn(name)).copy('source', 'target');
    const parts = service.sent.filter(isPartCopy);
    const version = name === 'ceph' ? 'v1' : '"v1"';
    expect(parts.map(({ headers }) => headers['x-amz-copy-source-if-match'])).toEqual([version, version]);
    expect(service.sent.filter(({ method, path }) => method === 'HEAD' && path.includes('source'))).toHaveLength(1);
  });

  it('a copy in parts on R2, which knows no condition there, looks at the source again before it is published', async () => {
    answer = sourceWith('v1', 'v2', 'v2', 'v2');
    await new StorageService(storageOn('cloudflare')).copy('source', 'target');
    const parts = service.sent.filter(isPartCopy);
    expect(parts.map(({ headers }) => headers['x-amz-copy-source-if-match'])).toEqual(Array(4).fill(undefined));
    // What was copied of two versions is thrown away, and copied anew.
    const steps = service.sent.flatMap((request) => {
      const { method, path } = request;
      if (isPartCopy(request)) return ['part'];
      if (path.includes('source')) return ['look'];
      if (method === 'DELETE') return ['abort'];
      if (method === 'POST') return [path.includes('uploads') ? 'begin' : 'complete'];
      return [];
    });
    const copied = ['look', 'begin', 'part', 'part', 'look'];
    expect(steps).toEqual([...copied, 'abort', ...copied, 'complete']);
  });

  it.each([
    ['aws', 'a/'],
    ['minio', ''],
  ] as const)('a sweep below a prefix on %s lists by %j and aborts below the prefix', async (name, listed) => {
    const upload = (key: string) =>
      `<Upload><Key>${key}</Key><UploadId>${key}-id</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>`;
    answer = ({ method }) =>
      method === 'GET'
        ? { body: `<ListMultipartUploadsResult>${upload('a/1')}${upload('b/2')}</ListMultipartUploadsResult>` }
        : undefined;
    const swept = await storageOn(name).sweepUploads({ prefix: 'a/' });
    expect(swept).toEqual({ aborted: 1, kept: 0, failed: [] });
    const [list, ...aborts] = service.sent;
    expect(new URL(list!.path, 'http://s3').searchParams.get('prefix')).toBe(listed);
    expect(aborts.map(({ method, path }) => [method, path.includes('a/1')])).toEqual([['DELETE', true]]);
  });

  it('a missing object is not the version that a write asked for, though the answer be 404', async () => {
    answer = ({ method }) => (['PUT', 'GET'].includes(method) ? failure(404, 'NoSuchKey') : undefined);
    const storage = new StorageService(storageOn('minio'));
    const put = storage.put('gone', 'x', { ifMatch: 'v1', url: false });
    await expect(put).rejects.toMatchObject({ code: 'precondition-failed', operation: 'put', key: 'gone' });
    const get = storage.get('gone');
    await expect(get).rejects.toMatchObject({ code: 'not-found', operation: 'get' });
  });
});
