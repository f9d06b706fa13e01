/** What the target cannot hold is told before the first byte, all of it at once. */
import { describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { S3Backend } from '../../lib/backends/s3/index.js';
import { GcsBackend } from '../../lib/backends/gcs/index.js';
import { PermissionDeniedError, type StorageKey } from '../../lib/contract/index.js';
import { CopyRefusedError } from '../../lib/copy/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { ReadOnlyBackend } from '../../lib/wrappers/index.js';
import { contents, copied, failure, localStorage, memoryStorage, watched, WatchedBackend } from './rig.js';

const long = 'x'.repeat(300);

async function refusal(options: Parameters<typeof copied>[0]): Promise<CopyRefusedError> {
  const error = await failure(copied(options));
  expect(error).toBeInstanceOf(CopyRefusedError);
  return error as CopyRefusedError;
}

describe('a copy that the target cannot hold', () => {
  it('is refused with every problem at once, and nothing is staged', async () => {
    const from = memoryStorage();
    const { backend } = watched({ maxKeyBytes: 40, maxSegmentBytes: 20, maxMetadataBytes: 30, emptyObjects: false });
    const to = new StorageService(backend, { strictKeys: true, maxFileSize: 100 });
    await from.put('fine.txt', 'x', { url: false });
    await from.put(`${'deep/'.repeat(8)}a`, 'x', { url: false });
    await from.put('a-segment-that-is-longer', 'x', { url: false });
    await from.put('not strict', 'x', { url: false });
    await from.put('empty', '', { url: false });
    await from.put('big', Buffer.alloc(101), { url: false });
    await from.put('meta', 'x', { url: false, metadata: { name: 'y'.repeat(30) } });
    const error = await refusal({ from, to });
    const told = Object.fromEntries(error.problems.map((problem) => [problem.key, problem.error.code]));
    expect(told).toEqual({
      [`${'deep/'.repeat(8)}a`]: 'invalid-key',
      'a-segment-that-is-longer': 'invalid-key',
      'not strict': 'invalid-key',
      empty: 'not-supported',
      big: 'file-too-large',
      meta: 'invalid-options',
    });
    expect(error.problemCount).toBe(6);
    expect(error.message).toContain('cannot hold 6 of the objects, and nothing was written');
    expect(backend.stages).toEqual([]);
    const { summary } = await copied({ from, to, dryRun: true });
    expect(summary).toMatchObject({ ok: false, problemCount: 6, copied: { objects: 7 } });
    expect(backend.stages).toEqual([]);
  });

  it('copies the rest when told to, and counts the others as failed', async () => {
    const from = memoryStorage();
    await from.put('fine', 'x', { url: false });
    await from.put(long, 'x', { url: false });
    const to = await localStorage();
    const { summary, objects } = await copied({ from, to, skipUnholdable: true });
    expect(summary).toMatchObject({ ok: false, copied: { objects: 1 }, failed: { objects: 1 }, problemCount: 1 });
    expect(objects[long]).toMatchObject({ outcome: 'failed', error: { code: 'invalid-key' } });
    expect(Object.keys(await contents(to))).toEqual(['fine']);
  });

  it('names the first hundred of many', async () => {
    const from = memoryStorage();
    for (let n = 0; n < 150; n++) await from.put(`${long}/${n}`, 'x', { url: false });
    const error = await refusal({ from, to: await localStorage() });
    expect([error.problems.length, error.problemCount]).toEqual([100, 150]);
  });

  it('has keys that are file and folder at once, however far apart in order, or beside what is there already', async () => {
    const from = memoryStorage();
    for (const key of ['a', 'a b', 'a!/x', 'a-c', 'a/b', 'a/b/c', 'a0', 'there/x', 'fine/1', 'fine/2', 'ab/x']) {
      await from.put(key, 'x', { url: false });
    }
    const to = await localStorage();
    await to.put('there', 'y', { url: false });
    await to.put('lonely', 'y', { url: false });
    const error = await refusal({ from, to });
    expect(error.problems.map(({ key }) => key)).toEqual(['a/b', 'a/b/c', 'there/x']);
    expect(error.problems.every((problem) => problem.error.code === 'key-conflict')).toBe(true);
    expect(Object.keys(await contents(to))).toEqual(['lonely', 'there']);
    // A store without folders holds them.
    expect((await copied({ from, to: memoryStorage() })).summary).toMatchObject({ ok: true });
  });

  it('is not asked about objects that are there already and confirmed, nor in a read-only target about any', async () => {
    const from = memoryStorage();
    for (let n = 0; n < 10; n++) await from.put(`k${n}`, 'x', { url: false });
    const to = new StorageService(new ReadOnlyBackend(new MemoryBackend()));
    expect(await failure(copied({ from, to }))).toBeInstanceOf(PermissionDeniedError);
  });
});

describe('what drivers say of an object without being written to', () => {
  const refused = (storage: StorageService, key: string, options: Parameters<StorageService['assertStorable']>[1]) => {
    try {
      storage.assertStorable(key, options);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return undefined;
  };

  it('is what S3 refuses: metadata as it is encoded there, sizes, and conditions by the kind of write', () => {
    const s3 = (dialect: 'aws' | 'ceph') =>
      new StorageService(
        new S3Backend({ bucket: 'bucket', endpoint: 'http://localhost:1', region: 'r', dialect, credentials: keys }),
      );
    const keys = { accessKeyId: 'a', secretAccessKey: 'b' };
    const [aws, ceph] = [s3('aws'), s3('ceph')];
    expect(refused(aws, 'k', { metadata: { n: 'x'.repeat(2047) } })).toBeUndefined();
    expect(refused(aws, 'k', { metadata: { n: 'x'.repeat(2048) } })).toBe('invalid-options');
    // Each of them takes four bytes of UTF-8 and more in a header.
    expect(refused(aws, 'k', { metadata: { n: '🎉'.repeat(400) } })).toBe('invalid-options');
    expect(refused(aws, 'k', { size: 6 * 1024 ** 4 })).toBe('file-too-large');
    const large = 100 * 1024 ** 2;
    expect(refused(ceph, 'k', { size: 1, ifNoneMatch: '*' })).toBeUndefined();
    expect(refused(ceph, 'k', { size: large, ifNoneMatch: '*' })).toBe('not-supported');
    expect(refused(aws, 'k', { size: large, ifNoneMatch: '*' })).toBeUndefined();
  });

  it('is what Google Cloud Storage and the disk refuse, in a scope too', async () => {
    const gcs = new StorageService(new GcsBackend({ bucket: 'bucket-1', anonymous: true }));
    expect(refused(gcs, 'k', { metadata: { n: 'x'.repeat(8192) } })).toBe('invalid-options');
    expect(refused(gcs, '.well-known/acme-challenge/x', {})).toBe('invalid-key');
    expect(refused(gcs.scope('.well-known'), 'acme-challenge/x', {})).toBe('invalid-key');
    const local = await localStorage();
    expect(refused(local, long, {})).toBe('invalid-key');
    expect(refused(local, 'k', { metadata: { n: 'x'.repeat(5000) }, size: 5 })).toBeUndefined();
  });

  it('tells where each of them keeps its objects', async () => {
    const local = await localStorage();
    expect(local.location).toBe(`file://${local.root}/`);
    expect(local.scope('a/b').scope('c').location).toBe(`file://${local.root}/a/b/c/`);
    const s3 = new S3Backend({ bucket: 'files', endpoint: 'https://s3.example.com:9000', region: 'r' });
    expect(s3.location).toBe('s3://s3.example.com:9000/files/');
    expect(new GcsBackend({ bucket: 'files', anonymous: true }).location).toBe('gs://files/');
    expect(memoryStorage().location).toBeUndefined();
  });
});

describe('metadata of the source', () => {
  it('is looked at beforehand only where the target has a limit for it', async () => {
    const stats: string[] = [];
    class Counted extends WatchedBackend {
      override stat(key: StorageKey) {
        stats.push(key);
        return super.stat(key);
      }
    }
    const from = new StorageService(new Counted(new MemoryBackend(), { maxMetadataBytes: 100 }));
    await from.put('a', 'x', { url: false });
    await copied({ from, to: watched({}).storage });
    await copied({ from, to: watched({ maxMetadataBytes: 100 }).storage });
    expect(stats).toEqual([]);
    await copied({ from, to: watched({ maxMetadataBytes: 99 }).storage });
    expect(stats).toEqual(['a']);
  });
});
