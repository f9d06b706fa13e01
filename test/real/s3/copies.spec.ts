/** What a copy takes along is the same, whether it takes one request or many. */
import { randomBytes } from 'node:crypto';
import { GetObjectTaggingCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { StorageService } from '../../../lib/index.js';
import { makeBucket, MIB, type Bucket } from './ceph.js';

let bucket: Bucket;

beforeAll(async () => {
  bucket = await makeBucket();
});

afterAll(() => bucket.remove());

async function tagsOf(Key: string): Promise<Record<string, string>> {
  const { TagSet = [] } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: bucket.name, Key }));
  return Object.fromEntries(TagSet.map(({ Key: name = '', Value = '' }) => [name, Value]));
}

it.each([
  ['in one request', 256 * MIB],
  ['in parts', 5 * MIB],
])('a copy %s keeps the bytes, facts and tags of its source', async (way, copyLimit) => {
  const bytes = randomBytes(6 * MIB);
  const Key = `from/${way}`;
  const facts = { ContentType: 'text/plain', ContentEncoding: 'gzip', ContentLanguage: 'de', Metadata: { a: 'b' } };
  const input = { Bucket: bucket.name, Key, Body: bytes, ...facts, Tagging: 'team=a%20b&cost%2Bcentre=1%3D2' };
  await bucket.client.send(new PutObjectCommand(input));
  const storage = new StorageService(bucket.backend({ copyLimit, tags: { team: 'of the storage' } }));
  const copied = await storage.copy(Key, `to/${way}`);
  expect(copied.etag.includes('-')).toBe(way === 'in parts');
  const head = await bucket.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: copied.key }));
  const { ContentType, ContentEncoding, ContentLanguage, Metadata } = head;
  const { 'nestjs-storage-write': _mark, ...metadata } = Metadata!;
  expect({ ContentType, ContentEncoding, ContentLanguage, Metadata: metadata }).toEqual(facts);
  expect(await tagsOf(copied.key)).toEqual({ team: 'a b', 'cost+centre': '1=2' });
  expect((await storage.get(copied.key)).equals(bytes)).toBe(true);
});

it('a copy of an object without tags has none', async () => {
  const storage = new StorageService(bucket.backend({ copyLimit: 5 * MIB, tags: { team: 'of the storage' } }));
  const Body = randomBytes(6 * MIB);
  await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: 'untagged', Body }));
  await storage.copy('untagged', 'untagged too');
  expect(await tagsOf('untagged too')).toEqual({});
});
