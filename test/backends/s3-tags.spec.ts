/** Tags of objects made of parts, which not every store takes when an upload begins. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { StorageService } from '../../lib/index.js';
import type { S3DialectName, S3Warning } from '../../lib/backends/s3/index.js';
import { failure, MIB, startService, type Answer, type Sent, type Service } from './s3-rig.js';

let service: Service;
let answer: (request: Sent) => Answer | undefined;
let warnings: S3Warning[];

beforeEach(async () => {
  answer = () => undefined;
  warnings = [];
  service = await startService((request) => answer(request));
});

afterEach(() => service.close());

const isTagging = ({ method, path }: Sent) => method === 'PUT' && path.includes('tagging');

async function putLarge(dialect: S3DialectName): Promise<void> {
  const backend = service.backend({
    dialect,
    endpoint: `http://s3.example.com:${service.port}`,
    region: 'us-east-1',
    partSize: 5 * MIB,
    tags: { team: 'a b' },
    onWarning: (warning) => warnings.push(warning),
  });
  await new StorageService(backend).put('large', Buffer.alloc(6 * MIB), { url: false });
}

it('are given when the upload begins', async () => {
  await putLarge('aws');
  expect(service.sent.filter(isTagging)).toEqual([]);
  expect(service.sent[0]!.headers['x-amz-tagging']).toBe('team=a%20b');
});

it('follow the object where the store ignores them at the beginning', async () => {
  await putLarge('ceph');
  const tagging = service.sent.findIndex(isTagging);
  expect(tagging).toBeGreaterThan(service.sent.findLastIndex(({ method }) => method === 'POST'));
  expect(service.sent[tagging]!.body.toString()).toContain('<Tag><Key>team</Key><Value>a b</Value></Tag>');
});

it('that cannot be set are a warning, since the object is there', async () => {
  answer = (request) => (isTagging(request) ? failure(403, 'AccessDenied') : undefined);
  await putLarge('ceph');
  expect(warnings).toMatchObject([{ key: 'large', cause: { code: 'permission-denied' } }]);
});
