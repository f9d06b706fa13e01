/** Names that XML cannot hold, or that a service writes in its own way. */
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { StorageService } from '../../lib/index.js';
import { failure, startService, type Answer, type Sent, type Service } from './s3-rig.js';

let service: Service;
let answer: (request: Sent) => Answer | undefined;
let storage: StorageService;

beforeEach(async () => {
  answer = () => undefined;
  service = await startService((request) => answer(request));
  storage = new StorageService(service.backend({ endpoint: `http://files.example.com:${service.port}` }));
});

afterEach(() => service.close());

const listing = (inside: string) => () => ({ body: `<ListBucketResult>${inside}</ListBucketResult>` });
const content = (name: string) => `<Contents><Key>${name}</Key><Size>1</Size></Contents>`;

it('names in a listing are decoded where the service says that it encoded them', async () => {
  answer = listing(`<EncodingType>url</EncodingType>${content('a+b%2B%25')}`);
  expect(await storage.listKeys()).toEqual(['a b+%']);
});

it('names in a listing are taken as they are where the service does not say so', async () => {
  const folder = '<CommonPrefixes><Prefix>50%/</Prefix></CommonPrefixes>';
  answer = listing(content('a+b%2B') + content('100%') + folder);
  const page = await storage.listPage({ delimiter: '/' });
  expect([page.files.map(({ key }) => key), page.prefixes]).toEqual([['a+b%2B', '100%'], ['50%/']]);
});

it('a listing that cannot be decoded is a failure of the store', async () => {
  answer = listing(`<EncodingType>url</EncodingType>${content('%zz')}`);
  await expect(storage.listKeys()).rejects.toMatchObject({ code: 'unavailable', operation: 'list' });
});

it('keys that XML cannot hold are deleted one by one, and fail alone', async () => {
  const keys = ['plain', 'a\uFFFE', 'b\uFFFF', 'last'];
  answer = ({ method, path }) =>
    method === 'DELETE' && path.includes('b%EF%BF%BF') ? failure(403, 'AccessDenied') : undefined;
  const { deleted, failed } = await storage.deleteMany(keys);
  expect(deleted).toEqual(['plain', 'last', 'a\uFFFE']);
  expect(failed).toMatchObject([{ key: 'b\uFFFF', error: { code: 'permission-denied', key: 'b\uFFFF' } }]);
  const sent = service.sent.map(({ method, path }) => `${method} ${path.split('?')[0]}`).toSorted();
  expect(sent).toEqual(['DELETE /bucket/a%EF%BF%BE', 'DELETE /bucket/b%EF%BF%BF', 'POST /bucket/']);
  expect(service.sent[0]!.body.toString()).not.toMatch(/[\uFFFE\uFFFF]/);
});

it('an abort between keys that are deleted one by one ends the call', async () => {
  const controller = new AbortController();
  answer = () => void controller.abort();
  await expect(storage.deleteMany(['a\uFFFE'], { signal: controller.signal })).rejects.toMatchObject({
    code: 'aborted',
  });
});
