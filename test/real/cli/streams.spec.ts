/** The command line on a real gateway: 200 MB through put and get in bounded memory, an interrupted put, a copy. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ended, lines, Place, type Ran } from '../../cli/cli-process.js';
import { credentials, endpoint, makeBucket, MIB, region, type Bucket } from '../s3/ceph.js';

const LARGE = 200 * MIB;
// Node with the SDK is about 100 MiB; parts under way come to 40 more. The file would be 200 on top.
const MOST_RESIDENT = 230 * MIB;

let place: Place;
let bucket: Bucket;
let env: Record<string, string>;

beforeAll(async () => {
  place = await Place.make();
  bucket = await makeBucket();
  env = {
    STORAGE_CLOUD_BACKEND: 's3',
    STORAGE_CLOUD_S3_BUCKET: bucket.name,
    STORAGE_CLOUD_S3_ENDPOINT: endpoint,
    STORAGE_CLOUD_S3_REGION: region,
    STORAGE_CLOUD_S3_ACCESS_KEY: credentials.accessKeyId,
    STORAGE_CLOUD_S3_SECRET_KEY: credentials.secretAccessKey,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  await pipeline(Readable.from(chunks(LARGE)), createWriteStream(join(place.folder, 'large.bin')));
});
afterAll(async () => {
  await bucket.remove();
  await place.remove();
});

function* chunks(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; sent += MIB) yield Buffer.alloc(MIB, sent / MIB);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Runs it, and looks at the most memory it ever had, as the kernel counts it. */
async function measured(args: string[], input?: Readable): Promise<Ran & { readonly peak: number }> {
  const child = place.start(args, env);
  let peak = 0;
  const watch = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
  }, 10);
  const result = ended(child);
  if (input) await pipeline(input, child.stdin);
  const ran = await result.finally(() => clearInterval(watch));
  return { ...ran, peak };
}

describe.each(['default', 'cloud'])('200 MB in and out of the storage %s', (storage) => {
  it('stay in bounded memory, as a file and as a stream of unknown length', async () => {
    const options = ['--storage', storage];
    const ways = {
      put: await measured(['put', 'large.bin', 'file.bin', ...options]),
      putStream: await measured(['put', '-', 'stream.bin', ...options], Readable.from(chunks(LARGE))),
      get: await measured(['get', 'file.bin', `${storage}-file.bin`, ...options]),
      getStream: await measured(['get', 'stream.bin', `${storage}-stream.bin`, ...options]),
    };
    for (const [name, { code, err }] of Object.entries(ways)) expect([name, code, err]).toEqual([name, 0, '']);
    const expected = await sha256(join(place.folder, 'large.bin'));
    for (const name of ['file', 'stream']) {
      expect(await sha256(join(place.folder, `${storage}-${name}.bin`))).toBe(expected);
    }
    const told = Object.entries(ways).map(([name, { peak }]) => `${name} ${Math.round(peak / MIB)} MiB`);
    process.stderr.write(`most resident memory on ${storage}: ${told.join(', ')}\n`);
    for (const { peak } of Object.values(ways)) {
      // A watcher that never looked would see none.
      expect(peak).toBeGreaterThan(20 * MIB);
      expect(peak).toBeLessThan(MOST_RESIDENT);
    }
  });
});

describe('a put to the gateway', () => {
  it('that is interrupted stores nothing and leaves no part of an upload', async () => {
    const child = place.start(['put', '-', 'interrupted.bin', '--storage', 'cloud'], env);
    const result = ended(child);
    child.stdin.on('error', () => undefined);
    for (const chunk of chunks(32 * MIB)) child.stdin.write(chunk);
    for (let looks = 0; (await bucket.openUploads()).length === 0; looks++) {
      expect(looks).toBeLessThan(500);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    expect(await result).toMatchObject({ code: 130, out: '', err: 'Interrupted.\n' });
    expect(await bucket.openUploads()).toEqual([]);
    const { out } = await place.runProcess(['ls', '-r', '--json', '--storage', 'cloud'], { env });
    expect(lines<{ key: string }>(out).map(({ key }) => key)).not.toContain('interrupted.bin');
  });
});

describe('a copy to the gateway', () => {
  it('carries objects over with their types and metadata', async () => {
    await place.runProcess(['put', '-', 'copied/a.txt', '-m', 'author=ada'], { input: 'hello' });
    const args = ['copy', '--from', 'default', '--to', 'cloud', '--prefix', 'copied/', '--verify', '--json'];
    const { code, out, err } = await place.runProcess(args, { env });
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toMatchObject({ ok: true, copied: { objects: 1 }, verified: { objects: 1 } });
    const got = await place.runProcess(['get', 'copied/a.txt', 'a.txt', '--json', '-s', 'cloud'], { env });
    expect(JSON.parse(got.out)).toMatchObject({ contentType: 'text/plain', metadata: { author: 'ada' } });
    expect(await readdir(place.folder)).toContain('a.txt');
  });
});

describe('a copy from the gateway', () => {
  it('follows a change of metadata alone, which leaves the ETag, and mends with --verify --overwrite', async () => {
    const places = { ...env, STORAGE_BACK_BACKEND: 'local', STORAGE_BACK_BASE_PATH: join(place.folder, 'back') };
    const put = (author: string, storage: string) =>
      place.runProcess(['put', '-', 'meta/a.txt', '-m', `author=${author}`, '-s', storage], {
        env: places,
        input: 'x',
      });
    const copy = async (from: string, to: string, ...more: string[]) => {
      const args = ['copy', '--from', from, '--to', to, '--prefix', 'meta/', '--json', ...more];
      const { out } = await place.runProcess(args, { env: places });
      return JSON.parse(out) as Record<string, unknown>;
    };
    const author = async (storage: string) => {
      const { out } = await place.runProcess(['get', 'meta/a.txt', 'meta.txt', '-f', '--json', '-s', storage], {
        env: places,
      });
      return (JSON.parse(out) as { metadata: object }).metadata;
    };
    await put('ada', 'cloud');
    expect(await copy('cloud', 'back')).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect(await copy('cloud', 'back')).toMatchObject({ ok: true, skipped: { objects: 1 } });
    // The gateway's headers tell whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await put('grace', 'cloud');
    expect(await copy('cloud', 'back')).toMatchObject({ ok: true, copied: { objects: 1 } });
    expect(await author('back')).toEqual({ author: 'grace' });
    // The other way, in the target: found by verify alone.
    expect(await copy('back', 'cloud')).toMatchObject({ ok: true, skipped: { objects: 1 } });
    await put('mallory', 'cloud');
    expect(await copy('back', 'cloud')).toMatchObject({ ok: true, skipped: { objects: 1 } });
    expect(await copy('back', 'cloud', '--verify')).toMatchObject({ ok: false, differed: { objects: 1 } });
    expect(await copy('back', 'cloud')).toMatchObject({ ok: false, differed: { objects: 1 } });
    expect(await copy('back', 'cloud', '--verify', '--overwrite')).toMatchObject({
      ok: true,
      verified: { objects: 1 },
    });
    expect(await author('cloud')).toEqual({ author: 'grace' });
  });
});

describe('a copy of a bucket with names that are no keys here', () => {
  it('tells how many it passed over', async () => {
    for (const Key of ['odd/a//b', 'odd/folder/', 'odd/plain']) {
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: 'x' }));
    }
    const odd = { ...env, STORAGE_ODD_BACKEND: 'local', STORAGE_ODD_BASE_PATH: join(place.folder, 'odd') };
    const args = ['copy', '--from', 'cloud', '--to', 'odd', '--prefix', 'odd/'];
    const { code, out, err } = await place.runProcess(args, { env: odd });
    expect([code, out]).toEqual([0, expect.stringMatching(/^copied +1 object /m)]);
    expect(err).toContain('Passed over: 2 objects of the source');
    const json = await place.runProcess([...args, '--json'], { env: odd });
    expect(JSON.parse(json.out)).toMatchObject({ ok: true, passedOver: 2 });
  });
});

describe('a wrong secret', () => {
  it('ends with 1 and the reason, and is not told', async () => {
    const wrong = { ...env, STORAGE_CLOUD_S3_SECRET_KEY: 'not-the-secret-of-this-key' };
    const { code, err } = await place.runProcess(['ls', '-s', 'cloud', '--verbose'], { env: wrong });
    expect(code).toBe(1);
    expect(err).toMatch(/^error: list .*on s3: /);
    expect(err).not.toContain('not-the-secret-of-this-key');
    expect(err).not.toMatch(/^\s+at /m);
  });
});
