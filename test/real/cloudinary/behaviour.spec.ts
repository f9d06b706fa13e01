/** What the suite of the contract does not ask: chunks, faults, the CDN, secrets, images, transformed URLs. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { assertSigns, loadCloudinarySdk } from '../../../lib/backends/cloudinary/cloudinary-sdk.js';
import {
  parseCloudinaryUrl,
  CloudinaryBackend,
  type CloudinaryBackendOptions,
} from '../../../lib/backends/cloudinary/index.js';
import type { SignedUpload, StorageKey } from '../../../lib/contract/index.js';
import type { StoredFile } from '../../../lib/service/index.js';
import { StorageService } from '../../../lib/storage.service.js';
import { MemoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import type { AccountSettings } from '../../servers/cloudinary/account.js';
import { startGround, type Ground } from './targets.js';

const MIB = 1024 * 1024;
const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(100, 7)]);
const JPG = Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(100, 9)]);
const MP4 = Buffer.concat([Buffer.from('0000001866747970', 'hex'), Buffer.alloc(100, 3)]);

const open: Ground[] = [];

async function ground(options: Partial<CloudinaryBackendOptions> = {}, settings: Partial<AccountSettings> = {}) {
  const made = await startGround({ chunkBytes: 5 * MIB, ...options }, settings);
  open.push(made);
  return { ...made, storage: new StorageService(made.backend) };
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

const uploads = ({ server }: Ground) => server.seen.filter(({ path }) => path.endsWith('/upload'));
const isUpload = ({ path }: { path: string }) => path.endsWith('/upload');

describe('uploads in chunks', () => {
  it('hold no more than a chunk and what comes next, and show nothing before the commit', async () => {
    const at = await ground();
    let produced = 0;
    let furthest = 0;
    const body = async function* () {
      for (let count = 0; count < 41; count++) {
        const sent = uploads(at).reduce((sum, { bytes }) => sum + bytes, 0);
        furthest = Math.max(furthest, produced - sent);
        produced += MIB / 2;
        yield Buffer.alloc(MIB / 2, count);
      }
    };
    const staged = await at.storage.stage('big.bin', body());
    expect(uploads(at)).toHaveLength(4);
    expect(await at.storage.exists('big.bin')).toBe(false);
    expect(await at.storage.listKeys()).toEqual([]);
    const file = await staged.commit();
    expect(uploads(at)).toHaveLength(5);
    expect(file.size).toBe(20.5 * MIB);
    expect(furthest).toBeLessThanOrEqual(5.5 * MIB);
    const back = await at.storage.get('big.bin');
    for (let count = 0; count < 41; count++) expect(back[(count * MIB) / 2]).toBe(count);
  });

  it('of exactly a number of chunks end with a full one', async () => {
    const at = await ground();
    await at.storage.put('two.bin', Buffer.alloc(10 * MIB, 1), { url: false });
    await at.storage.put('one.bin', Buffer.alloc(5 * MIB, 2), { url: false });
    expect(uploads(at)).toHaveLength(3);
    expect((await at.storage.getMetadata('two.bin')).size).toBe(10 * MIB);
    expect((await at.storage.getMetadata('one.bin')).size).toBe(5 * MIB);
  });

  it('that are aborted send no more, keep the old file and let the connection go', async () => {
    const at = await ground();
    await at.storage.put('kept.bin', 'old', { url: false });
    const staged = await at.storage.stage('kept.bin', Buffer.alloc(11 * MIB));
    await staged.abort();
    const stop = new AbortController();
    const body = async function* () {
      for (let count = 0; ; count++) {
        if (count === 12) stop.abort();
        yield Buffer.alloc(MIB);
      }
    };
    const put = at.storage.put('kept.bin', body(), { signal: stop.signal, url: false });
    await expect(put).rejects.toMatchObject({ code: 'aborted', operation: 'put' });
    expect((await at.storage.get('kept.bin')).toString()).toBe('old');
    await sleep(50);
    expect(at.server.answering()).toBe(0);
  });

  it('that a silent server holds up end with the signal at once', async () => {
    const at = await ground();
    at.server.fail({ match: isUpload, how: 'silent' });
    const started = Date.now();
    const put = at.storage.put('a', Buffer.alloc(6 * MIB), { signal: AbortSignal.timeout(200), url: false });
    await expect(put).rejects.toMatchObject({ code: 'aborted' });
    expect(Date.now() - started).toBeLessThan(2000);
    await sleep(50);
    expect(at.server.answering()).toBe(0);
  });

  it('over the limit of the plan are too large, and leave the old file', async () => {
    const at = await ground({}, { maxFileBytes: 6 * MIB });
    await at.storage.put('a', 'old', { url: false });
    const put = at.storage.put('a', Buffer.alloc(7 * MIB), { url: false });
    await expect(put).rejects.toMatchObject({ code: 'file-too-large', clientMessage: 'The file is too large.' });
    expect((await at.storage.get('a')).toString()).toBe('old');
  });
});

describe('a commit', () => {
  it('whose answer is lost is settled by a look: it was done', async () => {
    const at = await ground();
    at.server.fail({ match: isUpload, how: 'unanswered' });
    const file = await at.storage.put('a', 'new', { url: false });
    expect((await at.storage.getMetadata('a')).etag).toBe(file.etag);
  });

  it.each(['unheard', 500, 503] as const)('that fails (%s) is told, and the old file stays', async (how) => {
    const at = await ground({ timeout: 1 });
    await at.storage.put('a', 'old', { url: false });
    at.server.fail({ match: isUpload, how });
    await expect(at.storage.put('a', 'new', { url: false })).rejects.toMatchObject({ code: 'unavailable', key: 'a' });
    expect((await at.storage.get('a')).toString()).toBe('old');
  });

  it.each([
    ['its answer is lost', { how: 'late', ms: 400 }, 5],
    ['a time-out', { how: 'slow', ms: 600 }, 0.5],
  ] as const)('that is carried out only after %s is waited for', async (_when, fault, timeout) => {
    const at = await ground({ timeout });
    at.server.fail({ match: isUpload, ...fault });
    const file = await at.storage.put('a', 'new', { url: false });
    expect((await at.storage.getMetadata('a')).etag).toBe(file.etag);
  });

  it.each([7, 6 * MIB])('of %i bytes that is called off while its last part is under way is done', async (bytes) => {
    const at = await ground();
    const stop = new AbortController();
    const staged = await at.storage.stage('a', Buffer.alloc(bytes), { signal: stop.signal });
    at.server.fail({ match: isUpload, how: 'slow', ms: 300 });
    const committed = staged.commit();
    await sleep(100);
    expect(at.server.answering()).toBe(1);
    stop.abort();
    const file = await committed;
    expect((await at.storage.getMetadata('a')).etag).toBe(file.etag);
  });

  it('that was called off before it began publishes nothing', async () => {
    const at = await ground();
    const stop = new AbortController();
    const staged = await at.storage.stage('a', 'body', { signal: stop.signal });
    stop.abort();
    await expect(staged.commit()).rejects.toMatchObject({ code: 'aborted', key: 'a' });
    expect(at.server.seen).toEqual([]);
  });

  it('of which nothing is ever heard says that the file may still appear, after some looks', async () => {
    const at = await ground({ timeout: 0.3 });
    at.server.fail({ match: isUpload, how: 'silent' });
    const started = Date.now();
    const put = at.storage.put('a', 'body', { signal: AbortSignal.timeout(100), url: false });
    await expect(put).rejects.toMatchObject({ code: 'timeout', message: /did not say.*may still appear: look for it/ });
    expect(Date.now() - started).toBeLessThan(2000);
    expect(at.server.seen.filter(({ path }) => path.includes('/resources/'))).toHaveLength(6);
  });

  it('that cannot be sent at all is told at once', async () => {
    const at = await ground();
    const staged = await at.storage.stage('a', 'body');
    await at.server.close();
    const started = Date.now();
    await expect(staged.commit()).rejects.toMatchObject({ code: 'unavailable', key: 'a' });
    expect(Date.now() - started).toBeLessThan(1000);
  });
});

describe('reads', () => {
  it('are of the newest version although the CDN still holds an older one', async () => {
    const at = await ground();
    await at.storage.put('a.txt', 'first', { url: false });
    const fixed = at.server.deliveryUrl;
    expect((await at.storage.get('a.txt')).toString()).toBe('first');
    const { path } = at.server.seen.findLast((seen) => seen.path.startsWith('/res/'))!;
    await at.storage.put('a.txt', 'second', { url: false });
    expect((await at.storage.get('a.txt')).toString()).toBe('second');
    const stale = await fetch(new URL(path, fixed));
    expect(await stale.text()).toBe('first');
    await at.storage.delete('a.txt');
    await expect(at.storage.get('a.txt')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('that break off are destroyed with an error, never ended', async () => {
    const at = await ground();
    await at.storage.put('a', Buffer.alloc(MIB, 1), { url: false });
    at.server.fail({ match: ({ path }) => path.startsWith('/res/'), how: 'cut' });
    await expect(at.storage.get('a')).rejects.toMatchObject({ code: 'unavailable', operation: 'get', key: 'a' });
  });

  it('that the caller stops end as aborted, also half-way', async () => {
    const at = await ground();
    await at.storage.put('a', Buffer.alloc(8 * MIB, 1), { url: false });
    const stop = new AbortController();
    const { body } = await at.backend.open('a' as StorageKey, { signal: stop.signal });
    const reading = (async () => {
      for await (const chunk of body) if (chunk) stop.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'aborted', operation: 'get', key: 'a' });
    await sleep(50);
    expect(at.server.answering()).toBe(0);
  });

  it('of a lost connection to the Admin API are tried once more', async () => {
    const at = await ground();
    await at.storage.put('a', 'x', { url: false });
    at.server.fail({ match: ({ path }) => path.includes('/resources/'), how: 'unheard' });
    expect((await at.storage.getMetadata('a')).size).toBe(1);
  });

  it.each(['cut', 'mangled'] as const)('of an answer of the Admin API that is %s are tried once more', async (how) => {
    const at = await ground();
    await at.storage.put('a', 'x', { url: false });
    const match = ({ path }: { path: string }) => path.includes('/resources/');
    at.server.fail({ match, how });
    expect((await at.storage.getMetadata('a')).size).toBe(1);
    at.server.fail({ match, how });
    expect(await at.storage.listKeys()).toEqual(['a']);
    for (let count = 0; count < 2; count++) at.server.fail({ match, how });
    await expect(at.storage.getMetadata('a')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('end when the Admin API falls silent within an answer', async () => {
    const at = await ground({ timeout: 0.3 });
    await at.storage.put('a', 'x', { url: false });
    at.server.fail({ match: ({ path }) => path.includes('/resources/'), how: 'stalled' });
    const started = Date.now();
    await expect(at.storage.getMetadata('a')).rejects.toMatchObject({ code: 'timeout' });
    expect(Date.now() - started).toBeLessThan(2000);
  });

  it('end when nothing is answered: with a time-out of their own', async () => {
    const at = await ground({ timeout: 0.3 });
    await at.storage.put('a', 'x', { url: false });
    for (const part of ['/resources/', '/res/']) {
      at.server.fail({ match: ({ path }) => path.includes(part), how: 'silent' });
      const started = Date.now();
      await expect(at.storage.get('a')).rejects.toMatchObject({ code: 'timeout' });
      expect(Date.now() - started).toBeLessThan(2000);
    }
    await sleep(50);
    expect(at.server.answering()).toBe(0);
  });

  it('say that the hourly limit is used up', async () => {
    const at = await ground({}, { adminLimit: 1 });
    await at.storage.exists('a');
    await expect(at.storage.exists('a')).rejects.toMatchObject({ code: 'unavailable', message: /hourly limit/ });
  });

  it('give idle connections back', async () => {
    const at = await ground();
    await at.storage.put('a', 'x', { url: false });
    await at.storage.get('a');
    expect(at.server.connections.size).toBeGreaterThan(0);
    await at.backend.close();
    await sleep(50);
    expect(at.server.connections.size).toBe(0);
  });
});

describe('answers that arrive split within a character', () => {
  const isAnswer = ({ path }: { path: string }) => path.includes('/resources/');

  it('change nothing of the metadata', async () => {
    const at = await ground();
    const metadata = { title: '公司 naïve 😀', plain: 'report', mixed: 'ça va 100%' };
    await at.storage.put('a.txt', 'x', { metadata, url: false });
    for (let count = 0; count < 2; count++) at.server.fail({ match: isAnswer, how: 'split' });
    expect((await at.storage.getMetadata('a.txt')).metadata).toEqual(metadata);
    const { file, body } = await at.storage.open('a.txt');
    body.destroy();
    expect(file.metadata).toEqual(metadata);
  });

  it('change no key of a listing, and no kind of an error', async () => {
    const at = await ground();
    await at.storage.put('公司/報告.txt', 'x', { url: false });
    const theirs = { resourceType: 'raw', type: 'authenticated', bytes: Buffer.from('x'), format: undefined };
    at.server.account.store({ ...theirs, publicId: 'files/公司', context: new Map([['title', '公司']]) }, false);
    at.server.fail({ match: isAnswer, how: 'split' });
    expect(await at.storage.listKeys()).toEqual(['公司/報告.txt']);
    at.server.fail({ match: isAnswer, how: 'split' });
    await expect(at.storage.getMetadata('存在しない')).rejects.toMatchObject({ code: 'not-found', key: '存在しない' });
  });
});

describe('secrets', () => {
  it('are in no error, however it came about', async () => {
    const secret = 'Wr0ng-Secret_of-the-account';
    const at = await ground({ apiSecret: secret, authTokenKey: 'abcdef123456' });
    const right = await ground();
    const body = () => Buffer.from('x');
    const failures: Promise<unknown>[] = [
      at.storage.put('a', body(), { url: false }),
      at.storage.get('a'),
      at.storage.delete('a'),
      at.storage.move('a', 'b'),
      at.storage.copy('a', 'b'),
      at.storage.listKeys(),
      at.storage.checkHealth({ write: true }),
    ];
    for (const how of [400, 401, 403, 409, 418, 500, 'unheard', 'unheard'] as const) {
      const { apiKey, apiSecret } = right.server.account.settings;
      const message = `said ${apiKey}:${apiSecret} and ${Buffer.from(`${apiKey}:${apiSecret}`).toString('base64')}`;
      right.server.fail({ match: ({ path }) => path.includes('/resources/'), how, message });
    }
    for (let count = 0; count < 7; count++) failures.push(right.storage.getMetadata('a'));
    const settled = await Promise.allSettled(failures);
    expect(settled.map(({ status }) => status)).toEqual(failures.map(() => 'rejected'));
    for (const result of settled) {
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toHaveProperty('code');
      const all = inspect(reason, { depth: 20, showHidden: true, getters: true });
      const { apiKey, apiSecret } = right.server.account.settings;
      for (const hidden of [
        secret,
        apiSecret,
        apiKey,
        'abcdef123456',
        Buffer.from(`${apiKey}:`).toString('base64').slice(0, 16),
      ]) {
        expect(all).not.toContain(hidden);
      }
    }
  });

  it('of a wrong configuration are not shown either', () => {
    for (const url of [
      'https://key:topsecret@cloud',
      'cloudinary://key@cloud',
      'cloudinary://:topsecret@',
      'topsecret',
    ]) {
      const error = (() => {
        try {
          return parseCloudinaryUrl(url);
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toMatchObject({ code: 'configuration' });
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('topsecret');
    }
    const wrong = { cloudName: 'c-l', apiKey: 'k', apiSecret: 's', apiUrl: 'cloudinary://k:topsecret@c' };
    expect(() => new CloudinaryBackend(wrong)).toThrow(/apiUrl is not an http\(s\) URL/);
  });
});

describe('the configuration', () => {
  it('is read from a CLOUDINARY_URL as the SDK reads it', () => {
    expect(parseCloudinaryUrl('cloudinary://123:a-b_c%2Fd@my-cloud')).toEqual({
      cloudName: 'my-cloud',
      apiKey: '123',
      apiSecret: 'a-b_c/d',
    });
    expect(
      parseCloudinaryUrl('cloudinary://1:2@c/acme-res.cloudinary.com?upload_prefix=https://api-eu.cloudinary.com'),
    ).toEqual({
      cloudName: 'c',
      apiKey: '1',
      apiSecret: '2',
      apiUrl: 'https://api-eu.cloudinary.com',
      deliveryUrl: 'https://acme-res.cloudinary.com',
    });
  });

  it.each([
    [{ apiSecret: '' }, /apiSecret is missing/],
    [{ folder: 'v12' }, /folder/],
    [{ folder: '/a' }, /folder/],
    [{ folder: 'a_b' }, /folder/],
    [{ chunkBytes: MIB }, /chunkBytes/],
    [{ timeout: 0 }, /timeout/],
    [{ authTokenKey: 'xyz' }, /authTokenKey/],
    [{ cloudName: 'a/b' }, /cloudName/],
  ])('that is wrong is told: %j', (wrong, reason) => {
    expect(() => new CloudinaryBackend({ cloudName: 'cloud', apiKey: 'k', apiSecret: 's', ...wrong })).toThrow(reason);
  });

  it('is refused where an old SDK would sign in another way', () => {
    const old = { utils: { sign_request: () => ({ signature: 'f'.repeat(40), api_key: 'key' }) } };
    expect(() => assertSigns(old, 'sha1')).not.toThrow();
    expect(() => assertSigns(old, 'sha256')).toThrow(/npm install cloudinary@\^2\.7/);
  });

  it('without the package says what to install', async () => {
    const missing = () =>
      Promise.reject(Object.assign(new Error("Cannot find package 'cloudinary'"), { code: 'ERR_MODULE_NOT_FOUND' }));
    await expect(loadCloudinarySdk(missing)).rejects.toMatchObject({
      code: 'configuration',
      message: /npm install cloudinary@\^2/,
    });
    const broken = () => Promise.reject(new TypeError('Invalid URL: cloudinary://k:topsecret@'));
    const error: unknown = await loadCloudinarySdk(broken).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'configuration' });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('topsecret');
  });
});

describe('images and videos as their own', () => {
  const auto = { resourceType: 'auto', lastingTransformUrls: true } as const;

  it('are kept, found, listed, moved and deleted by their keys alone', async () => {
    const at = await ground(auto);
    const files = {
      'a.jpg': JPG,
      'a.png': PNG,
      'clips/a.mp4': MP4,
      'a.txt': Buffer.from('text'),
      a: Buffer.from('none'),
    };
    for (const [key, bytes] of Object.entries(files))
      await at.storage.put(key, bytes, { metadata: { of: key }, url: false });
    const kinds = [...at.server.account.assets.keys()].map((name) => name.split('/')[0]).sort();
    expect(kinds).toEqual(['image', 'image', 'raw', 'raw', 'video']);
    for (const [key, bytes] of Object.entries(files)) {
      const { file, body } = await at.storage.open(key);
      expect(await buffer(body)).toEqual(bytes);
      expect(file.metadata).toEqual({ of: key });
      expect((await at.storage.get(key, { range: { start: 1, end: 2 } })).length).toBe(2);
    }
    expect((await at.storage.listKeys()).sort()).toEqual(Object.keys(files).sort());
    expect((await at.storage.listKeys('a.')).sort()).toEqual(['a.jpg', 'a.png', 'a.txt']);
    for (const key of ['a.jpg', 'clips/a.mp4', 'a.txt']) {
      const answer = await fetch(await at.storage.getUrl(key));
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(files[key as keyof typeof files]);
    }
    const page = await at.storage.listPage({ delimiter: '/', limit: 3 });
    expect([...page.files.map(({ key }) => key), ...page.prefixes]).toEqual(['a', 'a.jpg', 'a.png']);
    await at.storage.move('a.jpg', 'b.jpg');
    await at.storage.move('a.png', 'kept');
    expect((await at.storage.getMetadata('kept')).metadata).toEqual({ of: 'a.png' });
    const { deleted } = await at.storage.deleteMany(['b.jpg', 'clips/a.mp4', 'a', 'missing.png']);
    expect([...deleted].sort()).toEqual(['a', 'b.jpg', 'clips/a.mp4']);
    expect((await at.storage.listKeys()).sort()).toEqual(['a.txt', 'kept']);
  });

  it('have URLs of the format that was stored, whatever the extension says', async () => {
    const at = await ground({ resourceType: (type) => (type === 'text/plain' ? 'raw' : 'image') });
    for (const key of ['photo.jpg', 'photo.JPEG', 'no-extension', 'a.b/none']) {
      await at.storage.put(key, PNG);
      for (const url of [await at.storage.getUrl(key), await at.storage.getUrl(key, { mustExist: false })]) {
        const answer = await fetch(url);
        expect(answer.headers.get('content-type')).toBe('image/png');
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(PNG);
      }
    }
  });

  it('that are not there yet have URLs of the format that their extension says', async () => {
    const at = await ground(auto);
    const url = await at.storage.getUrl('later.jpeg', { mustExist: false });
    expect((await fetch(url)).status).toBe(404);
    await at.storage.put('later.jpeg', JPG, { url: false });
    expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(JPG);
  });

  it('that replace one of another format have a URL of their own, at no call of the Admin API', async () => {
    const at = await ground(auto);
    const first = await at.storage.stage('photo.jpg', PNG);
    await (await at.storage.stage('photo.jpg', JPG)).abort();
    await first.commit();
    const before = at.server.account.adminCalls;
    const { url } = await at.storage.put('photo.jpg', JPG);
    expect(at.server.account.adminCalls).toBe(before);
    expect(Buffer.from(await (await fetch(url!)).arrayBuffer())).toEqual(JPG);
    await at.storage.put('photo.jpg', PNG);
    expect(await at.storage.getUrl('photo.jpg')).toContain('format=png');
  });

  it('that move to another kind and fail are told as moved, not as copied', async () => {
    const at = await ground(auto);
    await at.storage.put('a.txt', 'text', { url: false });
    const move = at.storage.move('a.txt', 'a.png');
    await expect(move).rejects.toMatchObject({ code: 'unsupported-type', operation: 'move', key: 'a.png' });
    at.server.fail({ match: ({ path }) => path.startsWith('/res/'), how: 403 });
    await expect(at.storage.move('a.txt', 'a.png')).rejects.toMatchObject({ operation: 'move', key: 'a.txt' });
    expect((await at.storage.get('a.txt')).toString()).toBe('text');
  });

  it('must be what their key promises', async () => {
    const at = await ground(auto);
    await at.storage.put('a.png', PNG, { url: false });
    const put = at.storage.put('a.png', 'no image', { url: false });
    await expect(put).rejects.toMatchObject({ code: 'unsupported-type' });
    expect(await at.storage.get('a.png')).toEqual(PNG);
  });

  it('are changed by a signed URL, which grants nothing else', async () => {
    const at = await ground(auto);
    await at.storage.put('photos/a b.png', PNG, { url: false });
    const transform = { width: 200, height: 100, crop: 'fill', format: 'webp', quality: 80 } as const;
    const url = await at.storage.getUrl('photos/a b.png', { transform });
    expect(url).toMatch(
      /\/image\/authenticated\/s--[\w-]{8}--\/c_fill,f_webp,h_100,q_80,w_200\/v1\/files\/photos\/a_20b_2epng$/,
    );
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-derived-by')).toBe('c_fill,f_webp,h_100,q_80,w_200');
    expect((await fetch(url.replace('w_200', 'w_201'))).status).toBe(401);
    const narrow = await at.storage.getUrl('photos/a b.png', { transform: { width: 20 } });
    expect(narrow).toContain('/c_limit,w_20/');
    expect((await fetch(narrow)).status).toBe(200);
    const format = await at.storage.getUrl('photos/a b.png', { transform: { format: 'auto', quality: 'auto' } });
    expect(format).toContain('/f_auto,q_auto/');
    expect((await fetch(format)).status).toBe(200);
  });

  it('are changed until an expiry where the account has auth tokens', async () => {
    const at = await ground({ resourceType: 'auto', authTokenKey: '00112233ff99' });
    await at.storage.put('a.png', PNG, { url: false });
    const url = await at.storage.getUrl('a.png', { transform: { width: 10 }, expiresIn: 1 });
    expect(url).not.toContain('s--');
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(url.replace('w_10', 'w_11'))).status).toBe(401);
    await sleep(2100);
    expect((await fetch(url)).status).toBe(401);
  });

  it.each([
    [{ transform: { width: 0 } }, 'invalid-options'],
    [{ transform: { width: 1.5 } }, 'invalid-options'],
    [{ transform: { crop: 'fill' } }, 'invalid-options'],
    [{ transform: { width: 1, crop: 'x/../y' as 'fill' } }, 'invalid-options'],
    [{ transform: { format: 'l_text:x' as 'png' } }, 'invalid-options'],
    [{ transform: { quality: 101 } }, 'invalid-options'],
    [{ transform: { width: 1 }, download: true }, 'not-supported'],
  ] as const)('are not changed by %j', async (options, code) => {
    const at = await ground(auto);
    const url = at.storage.getUrl('a.png', { ...options, mustExist: false });
    await expect(url).rejects.toMatchObject({ code, operation: 'getUrl' });
  });

  it('are not changed where that is not possible: raw files, no token and no leave, other backends', async () => {
    const raw = await ground({ lastingTransformUrls: true });
    const plain = await ground({ resourceType: 'auto' });
    const memory = new StorageService(new MemoryBackend());
    const options = { transform: { width: 1 }, mustExist: false };
    for (const { storage } of [raw, plain, { storage: memory }]) {
      await expect(storage.getUrl('a.png', options)).rejects.toMatchObject({ code: 'not-supported' });
    }
    expect(raw.backend.capabilities.getUrl).not.toContain('transform');
    expect(plain.backend.capabilities.getUrl).not.toContain('transform');
    // Where some files can be, the others are told why they cannot.
    const mixed = await ground(auto);
    expect(mixed.backend.capabilities.getUrl).toContain('transform');
    const text = mixed.storage.getUrl('a.txt', options);
    await expect(text).rejects.toMatchObject({ code: 'not-supported', message: /kept as raw bytes/ });
  });
});

describe('the rest of the account', () => {
  it('is not seen: assets of others in the folder are adopted only under names that are keys', async () => {
    const at = await ground();
    const theirs = {
      resourceType: 'raw',
      type: 'authenticated',
      bytes: Buffer.from('theirs'),
      format: undefined,
      context: new Map(),
    };
    for (const publicId of ['files/report.pdf', 'files/_61', 'elsewhere/b', 'filesystem']) {
      at.server.account.store({ ...theirs, publicId }, false);
    }
    expect(await at.storage.listKeys()).toEqual(['report.pdf']);
    const { file, body } = await at.storage.open('report.pdf');
    expect((await buffer(body)).toString()).toBe('theirs');
    expect(file).toMatchObject({ contentType: 'application/pdf', metadata: {}, etag: /^v\d+-[0-9a-f]{32}$/ });
  });

  it('is left as it was by a health check that writes', async () => {
    const at = await ground();
    await at.storage.checkHealth();
    expect(at.server.seen.every(({ method }) => method === 'GET')).toBe(true);
    await at.storage.checkHealth({ write: true });
    expect(at.server.account.assets.size).toBe(0);
    at.server.fail({ match: isUpload, how: 'silent' });
    const stopped = at.storage.checkHealth({ write: true, signal: AbortSignal.timeout(200) });
    await expect(stopped).rejects.toMatchObject({ code: 'aborted', operation: 'checkHealth' });
    at.server.fail({ match: ({ path }) => path.startsWith('/res/'), how: 500 });
    await expect(at.storage.checkHealth({ write: true })).rejects.toMatchObject({ operation: 'checkHealth' });
    expect(at.server.account.assets.size).toBe(0);
  });
});

async function sendForm({ url, fields }: SignedUpload, bytes: string, changed: Record<string, string> = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...changed })) form.append(name, value);
  form.append('file', new Blob([bytes]), 'x');
  return (await fetch(url, { method: 'POST', body: form })).status;
}

describe('signed uploads', () => {
  it('are forms for at most an hour', async () => {
    const at = await ground();
    const asked = at.storage.getUploadUrl('a', { expiresIn: 3601 });
    await expect(asked).rejects.toMatchObject({ code: 'invalid-options' });
    const upload = await at.storage.getUploadUrl('a b.txt', { expiresIn: 60, metadata: { alt: 'a=b|c\\' } });
    expect(upload.method).toBe('POST');
    expect(await sendForm(upload, 'sent', { public_id: 'files/other' })).toBe(401);
    expect(await sendForm(upload, 'sent')).toBe(200);
    const file = await at.storage.getMetadata('a b.txt');
    expect(file).toMatchObject({ size: 4, contentType: 'text/plain', metadata: { alt: 'a=b|c\\' } });
  });

  it('of one second are versions of their own', async () => {
    const at = await ground();
    const upload = await at.storage.getUploadUrl('a.txt', { expiresIn: 60 });
    const version = () => at.server.account.get('raw', 'authenticated', 'files/a.txt').version;
    let first: StoredFile;
    do {
      expect(await sendForm(upload, 'first')).toBe(200);
      const opened = await at.storage.open('a.txt');
      expect((await buffer(opened.body)).toString()).toBe('first');
      first = opened.file;
      expect(await sendForm(upload, 'other')).toBe(200);
    } while (!first.etag.startsWith(`v${version()}`));
    const resources = () => at.server.seen.filter(({ path }) => path.includes('/resources/')).length;
    const before = resources();
    const { file, body } = await at.storage.open('a.txt');
    expect((await buffer(body)).toString()).toBe('other');
    expect(resources() - before).toBe(1);
    expect(file.etag).not.toBe(first.etag);
    const stale = at.storage.get('a.txt', { ifMatch: first.etag });
    await expect(stale).rejects.toMatchObject({ code: 'precondition-failed' });
  });

  it('are read by the etag that a listing tells', async () => {
    const at = await ground();
    const upload = await at.storage.getUploadUrl('a.txt', { expiresIn: 60 });
    expect(await sendForm(upload, 'sent')).toBe(200);
    const [listed] = (await at.storage.listPage()).files;
    const ifMatch = listed!.etag;
    expect(ifMatch).toMatch(/^v\d+$/);
    expect((await at.storage.get('a.txt', { ifMatch })).toString()).toBe('sent');
    await at.storage.put('a.txt', 'ours', { url: false });
    await expect(at.storage.get('a.txt', { ifMatch })).rejects.toMatchObject({ code: 'precondition-failed' });
  });
});
