/** FakeStorage: an app's tests can put it in place of the real storage, and its assertions say what is there. */
import { describe, expect, it } from '@jest/globals';
import { ConsoleLogger, Controller, Get, Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { AlreadyExistsError, QuotaExceededError, StorageUnavailableError } from '../../lib/contract/index.js';
import { getStorageToken } from '../../lib/storage.constants.js';
import { StorageModule } from '../../lib/storage.module.js';
import { StorageService } from '../../lib/storage.service.js';
import { FakeStorage } from '../../lib/testing/index.js';

const full = () => new QuotaExceededError({ operation: 'put', backend: 'fake' });

describe('FakeStorage as a storage', () => {
  it('is a StorageService that checks and stores as the real one does', async () => {
    const storage = new FakeStorage();
    expect(storage).toBeInstanceOf(StorageService);
    await storage.put('a.txt', 'one', { metadata: { v: 1 } });
    await expect(storage.put('a.txt', 'two', { ifNoneMatch: '*' })).rejects.toBeInstanceOf(AlreadyExistsError);
    await expect(storage.put('../x', 'x')).rejects.toMatchObject({ code: 'invalid-key' });
    await expect(storage.get('missing')).rejects.toMatchObject({ code: 'not-found', backend: 'memory' });
    expect((await storage.get('a.txt')).toString()).toBe('one');
    expect(await storage.copy('a.txt', 'b.txt')).toMatchObject({ key: 'b.txt', metadata: { v: '1' } });
    expect(await storage.move('b.txt', 'c.txt')).toMatchObject({ key: 'c.txt' });
    expect(await storage.listKeys()).toEqual(['a.txt', 'c.txt']);
    await storage.checkHealth({ write: true });
  });

  it('gives the same URL to the same question', async () => {
    const storage = new FakeStorage({ urlExpiration: 60 });
    const file = await storage.put('folder/a b.txt', 'x');
    expect(file.url).toBe('https://fake-storage.invalid/folder/a%20b.txt?expiresIn=60');
    expect(await storage.getUrl('folder/a b.txt', { expiresIn: 5, download: 'é.txt' })).toBe(
      'https://fake-storage.invalid/folder/a%20b.txt?expiresIn=5&disposition=attachment&filename=%C3%A9.txt',
    );
    await expect(storage.getUrl('missing')).rejects.toMatchObject({ code: 'not-found' });
    const upload = await storage.getUploadUrl('u', { contentType: 'image/png', size: 3, metadata: { a: 'b' } });
    expect(upload).toMatchObject({
      method: 'PUT',
      url: 'https://fake-storage.invalid/u?upload=1&expiresIn=60&contentType=image%2Fpng&size=3&metadata=%7B%22a%22%3A%22b%22%7D',
      headers: { 'Content-Type': 'image/png' },
    });
  });

  it('holds to a limit of bytes', async () => {
    const storage = new FakeStorage({ maxBytes: 5 });
    await storage.put('a', '12345');
    await expect(storage.put('b', '1')).rejects.toBeInstanceOf(QuotaExceededError);
  });
});

describe('assertions of FakeStorage', () => {
  it('pass on what is true', async () => {
    const storage = await new FakeStorage().seed({
      'a.txt': 'text',
      'b/1': Buffer.from([1, 2]),
      'b/2': { body: 'x', contentType: 'image/png', metadata: { v: 1 } },
    });
    await storage.assertExists('a.txt');
    await storage.assertExists('a.txt', 'text');
    await storage.assertExists('b/1', new Uint8Array([1, 2]));
    await storage.assertMissing('c');
    await storage.assertCount('b/', 2);
    await storage.assertCount('', 3);
    expect(await storage.files('b/')).toEqual([
      { key: 'b/1', bytes: Buffer.from([1, 2]), contentType: 'application/octet-stream', metadata: {} },
      { key: 'b/2', bytes: Buffer.from('x'), contentType: 'image/png', metadata: { v: '1' } },
    ]);
    await storage.clear();
    await storage.assertEmpty();
  });

  it('name what is there instead', async () => {
    const storage = new FakeStorage();
    await expect(storage.assertExists('a')).rejects.toThrow('"a" must exist. The storage is empty.');
    await storage.seed({ 'b/c.txt': 'hello', 'd.png': Buffer.from([0xff, 0]) });
    await expect(storage.assertExists('a')).rejects.toThrow(
      '"a" must exist. The storage holds:\n  "b/c.txt" (5 bytes, text/plain)\n  "d.png" (2 bytes, image/png)',
    );
    await expect(storage.assertExists('b/c.txt', 'bye')).rejects.toThrow(
      '"b/c.txt" must hold 3 bytes "bye", but holds 5 bytes "hello"',
    );
    await expect(storage.assertMissing('d.png')).rejects.toThrow('"d.png" must not exist, but holds 2 bytes ff00');
    await expect(storage.assertCount('b/', 2)).rejects.toThrow(
      'under "b/" there must be 2 files, but there are 1. The storage holds:\n  "b/c.txt" (5 bytes, text/plain)',
    );
    await expect(storage.assertCount('x', 1)).rejects.toThrow(/there are 0\. The storage holds:\n {2}"b\/c\.txt"/);
    await expect(storage.assertEmpty()).rejects.toThrow('the storage must be empty. The storage holds:\n  "b/c.txt"');
    await expect(storage.assertEmpty()).rejects.toMatchObject({ code: 'ERR_ASSERTION', actual: ['b/c.txt', 'd.png'] });
  });
});

describe('failures on demand', () => {
  it('meet the next such operation, once, in their order', async () => {
    const storage = new FakeStorage();
    const [first, second] = [full(), full()];
    storage.failNext('put', first).failNext('put', second);
    await expect(storage.put('a', 'x')).rejects.toBe(first);
    await expect(storage.put('a', 'x')).rejects.toBe(second);
    await storage.put('a', 'x');
    storage.assertFailuresUsed();
  });

  it('fail a commit after the body was taken in, and leave nothing of it', async () => {
    const storage = new FakeStorage({ maxBytes: 10 });
    const staged = await storage.stage('a', '1234567890');
    storage.failNext('commit', full());
    await expect(staged.commit()).rejects.toBeInstanceOf(QuotaExceededError);
    await storage.assertEmpty();
    await storage.put('b', '1234567890');
  });

  it('may wait for one key, under a scope too, and spare assertions and seeds', async () => {
    const storage = new FakeStorage();
    const error = new StorageUnavailableError({ operation: 'get', backend: 'fake' });
    storage
      .failNext('get', error, { key: 'users/7/a' })
      .failNext('list', error)
      .failNext('delete', error, { key: 'b' });
    await storage.seed({ 'users/7/a': 'x', b: 'y', c: 'z' });
    await storage.assertExists('users/7/a', 'x');
    await storage.get('b');
    await expect(storage.scope('users/7').get('a')).rejects.toBe(error);
    await expect(storage.listKeys()).rejects.toBe(error);
    expect(await storage.deleteMany(['b', 'c'])).toEqual({ deleted: ['c'], failed: [{ key: 'b', error }] });
    storage.assertFailuresUsed();
  });

  it('that were never met are told', () => {
    const storage = new FakeStorage().failNext('copy', full(), { key: 'a' });
    expect(() => storage.assertFailuresUsed()).toThrow(
      /never met:\n {2}copy of "a": put on fake: the store has no room/,
    );
  });

  it.each(['getMetadata', 'copy', 'move', 'getUrl', 'getUploadUrl', 'checkHealth'] as const)(
    'reach %s',
    async (what) => {
      const storage = await new FakeStorage().seed({ a: 'x' });
      const error = full();
      storage.failNext(what, error);
      const work = {
        getMetadata: () => storage.exists('a'),
        copy: () => storage.copy('a', 'b'),
        move: () => storage.move('a', 'b'),
        getUrl: () => storage.getUrl('a'),
        getUploadUrl: () => storage.getUploadUrl('a'),
        checkHealth: () => storage.checkHealth(),
      }[what];
      await expect(work()).rejects.toBe(error);
      await storage.assertExists('a', 'x');
      await storage.assertCount('', 1);
    },
  );
});

@Injectable()
class Reports {
  constructor(@Inject(StorageService) private readonly storage: StorageService) {}

  async write(): Promise<string | undefined> {
    return (await this.storage.put('reports/1.txt', 'report')).url;
  }
}

@Controller()
class ReportsController {
  constructor(@Inject(Reports) private readonly reports: Reports) {}

  @Get()
  read(): Promise<string | undefined> {
    return this.reports.write();
  }
}

@Module({
  imports: [StorageModule.forRoot({ backend: 'memory' })],
  controllers: [ReportsController],
  providers: [Reports],
})
class ReportsModule {}

describe('FakeStorage in an app', () => {
  it('takes the place of the real storage', async () => {
    const storage = new FakeStorage();
    const testing = await Test.createTestingModule({ imports: [ReportsModule] })
      .overrideProvider(getStorageToken())
      .useValue(storage)
      .setLogger(new ConsoleLogger({ logLevels: [] }))
      .compile();
    const app = await testing.createNestApplication().init();
    try {
      expect(app.get(StorageService)).toBe(storage);
      const url = await app.get(ReportsController).read();
      expect(url).toBe('https://fake-storage.invalid/reports/1.txt?expiresIn=3600');
      await storage.assertExists('reports/1.txt', 'report');
      storage.failNext('put', full());
      await expect(app.get(ReportsController).read()).rejects.toBeInstanceOf(QuotaExceededError);
    } finally {
      await app.close();
    }
  });
});
