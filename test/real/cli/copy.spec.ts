/** Copies of 5,000 objects between the disk and a real gateway, killed twice on the way, through the command line. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LocalBackend } from '../../../lib/backends/local/index.js';
import { StorageService } from '../../../lib/storage.service.js';
import { builtLibrary } from '../../support/build-library.mjs';
import { credentials, endpoint, makeBucket, MIB, region, type Bucket } from '../s3/ceph.js';
import { countingProxy, type CountingProxy } from './counting-proxy.js';

const COUNT = 5_000;
/** Bytes of memory that a copy may take, whatever it copies. */
const MOST_MEMORY = 200 * 1000 * 1000;
/** Milliseconds for one of the two figures. */
const LONG = 540_000;

let root: string;
let bucket: Bucket;
let proxy: CountingProxy;
let environment: NodeJS.ProcessEnv;

const local = (folder: string) =>
  new StorageService(new LocalBackend({ root: join(root, folder), durability: 'rename', metadataGrace: 0 }));
const remote = () => new StorageService(bucket.backend());

/** A storage of so many objects, each with bytes, type and metadata of its own; some of them large. */
async function fill(storage: StorageService): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let n = next++; n < COUNT; n = next++) {
      const size = n % 1000 === 0 ? 12 * MIB : n % 100 === 0 ? 300_000 : n % 250 === 1 ? 0 : 4_000 + (n % 997) * 16;
      await storage.put(`folder ${n % 50}/größe-${n}.${n % 2 ? 'txt' : 'bin'}`, randomBytes(size), {
        url: false,
        ...(n % 3 === 0 && { contentType: 'application/x-own; v=1' }),
        metadata: { number: n, title: `Ünïcode ${n} 🎉` },
        ...(n % 7 === 0 && { cacheControl: 'max-age=7', contentDisposition: 'inline; filename="a.txt"' }),
      });
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
}

/** Everything that can be read of every object, its bytes as a digest. */
async function facts(storage: StorageService): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  const keys = await storage.listKeys('', { limit: COUNT * 2 });
  const work = async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      const { file, body } = await storage.open(key);
      const hash = createHash('sha256');
      for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk);
      const { size, contentType, metadata, cacheControl, contentDisposition } = file;
      const sorted = Object.entries(metadata).sort();
      all.set(key, JSON.stringify([size, contentType, sorted, cacheControl, contentDisposition, hash.digest('hex')]));
    }
  };
  await Promise.all(Array.from({ length: 16 }, work));
  return all;
}

interface CopyProcess {
  readonly child: ChildProcess;
  /** The most memory that the process had so far, in bytes. */
  peak(): Promise<number>;
  finished(): Promise<{ readonly code: number; readonly summary: Record<string, unknown> }>;
}

function startCopy(from: string, to: string, journal: string, ...more: readonly string[]): CopyProcess {
  const main = new URL('cli/main.js', builtLibrary).pathname;
  const args = [main, 'copy', '--from', from, '--to', to, '--journal', journal, '--json', ...more];
  const child = spawn(process.execPath, args, { env: environment, cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, complaint] = [text(child.stdout), text(child.stderr)];
  const exit = once(child, 'exit');
  let most = 0;
  return {
    child,
    peak: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
      most = Math.max(most, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024);
      return most;
    },
    finished: async () => {
      const [code] = (await exit) as [number];
      const told = await output;
      if (told === '') throw new Error(`the copy ended with ${code}: ${await complaint}`);
      return { code, summary: JSON.parse(told) as Record<string, unknown> };
    },
  };
}

async function confirmedIn(journal: string): Promise<string[]> {
  const lines = (await readFile(journal, 'utf8').catch(() => '')).split('\n').slice(1, -1);
  return lines.map((line) => (JSON.parse(line) as { key: string }).key);
}

/** Kills the process once so many objects are confirmed. @returns the keys that are confirmed then */
async function killAt(count: number, copy: CopyProcess, journal: string): Promise<string[]> {
  for (;;) {
    await copy.peak();
    if ((await confirmedIn(journal)).length >= count) break;
    if (copy.child.exitCode !== null) throw new Error('the copy ended before it could be killed');
    await sleep(50);
  }
  copy.child.kill('SIGKILL');
  if (copy.child.signalCode === null) await once(copy.child, 'exit');
  return confirmedIn(journal);
}

/** How often a key had been sent when it was first seen to be confirmed: a later kill must not hide what came between. */
function note(before: Map<string, number>, confirmed: readonly string[], counts: ReadonlyMap<string, number>): void {
  for (const key of confirmed) if (!before.has(key)) before.set(key, counts.get(key) ?? 0);
}

/** Runs a copy to its end, and looks at its memory all the way. */
async function measured(copy: CopyProcess) {
  const watch = setInterval(() => void copy.peak(), 50);
  try {
    return { ...(await copy.finished()), peak: await copy.peak() };
  } finally {
    clearInterval(watch);
  }
}

/** Runs a copy that is killed twice, and once more to its end. */
async function copyKilledTwice(from: string, to: string, journal: string, atKill: (confirmed: string[]) => void) {
  const peaks: number[] = [];
  for (const share of [0.2, 0.6]) {
    const copy = startCopy(from, to, journal);
    atKill(await killAt(COUNT * share, copy, journal));
    peaks.push(await copy.peak());
  }
  const { code, summary, peak } = await measured(startCopy(from, to, journal));
  return { code, summary, peak: Math.max(...peaks, peak) };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'copy-cli-'));
  bucket = await makeBucket();
  proxy = await countingProxy(endpoint, bucket.name);
  environment = {
    PATH: process.env.PATH,
    HOME: root,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    STORAGE_DISK_BACKEND: 'local',
    STORAGE_DISK_BASE_PATH: join(root, 'disk'),
    STORAGE_BACK_BACKEND: 'local',
    STORAGE_BACK_BASE_PATH: join(root, 'back'),
    STORAGE_CLOUD_BACKEND: 's3',
    STORAGE_CLOUD_S3_BUCKET: bucket.name,
    STORAGE_CLOUD_S3_ENDPOINT: proxy.endpoint,
    STORAGE_CLOUD_S3_REGION: region,
    STORAGE_CLOUD_S3_ACCESS_KEY: credentials.accessKeyId,
    STORAGE_CLOUD_S3_SECRET_KEY: credentials.secretAccessKey,
    STORAGE_CLOUD_S3_DIALECT: 'ceph',
  };
});

afterAll(async () => {
  await proxy?.close();
  await bucket?.remove();
  if (root) await rm(root, { recursive: true, force: true });
});

describe(`a copy of ${COUNT} objects that is killed twice`, () => {
  let expected: Map<string, string>;

  it(
    'from the disk to the gateway: all there, equal, none sent twice, in bounded memory',
    async () => {
      const disk = local('disk');
      await fill(disk);
      expected = await facts(disk);
      expect(expected.size).toBe(COUNT);
      const journal = join(root, 'up.jsonl');
      const before = new Map<string, number>();
      const { code, summary, peak } = await copyKilledTwice('disk', 'cloud', journal, (confirmed) => {
        note(before, confirmed, proxy.writes);
      });
      expect([code, summary]).toEqual([0, expect.objectContaining({ ok: true })]);
      expect(before.size).toBeGreaterThanOrEqual(COUNT * 0.6);
      // What was confirmed before a kill was written once by then, and nothing was written again after it.
      for (const [key, count] of before) expect([key, count, proxy.writes.get(key)]).toEqual([key, 1, 1]);
      // Nor was anything else: what was stored without its line was compared.
      expect([...proxy.writes.values()].reduce((sum, count) => sum + count, 0)).toBe(COUNT);
      expect(await facts(remote())).toEqual(expected);
      expect(peak).toBeLessThan(MOST_MEMORY);
      console.log(`disk to gateway: peak of resident memory ${Math.round(peak / 1e6)} MB`);
      await disk.close();
    },
    LONG,
  );

  it(
    'and back from the gateway to the disk',
    async () => {
      proxy.reads.clear();
      const journal = join(root, 'down.jsonl');
      const before = new Map<string, number>();
      const { code, summary, peak } = await copyKilledTwice('cloud', 'back', journal, (confirmed) => {
        note(before, confirmed, proxy.reads);
      });
      expect([code, summary]).toEqual([0, expect.objectContaining({ ok: true })]);
      expect(before.size).toBeGreaterThanOrEqual(COUNT * 0.6);
      // What was confirmed before a kill was not even read again.
      for (const [key, count] of before) expect([key, proxy.reads.get(key)]).toEqual([key, count]);
      const keys = await confirmedIn(journal);
      expect([keys.length, new Set(keys).size]).toEqual([COUNT, COUNT]);
      const back = local('back');
      expect(await facts(back)).toEqual(expected);
      expect(peak).toBeLessThan(MOST_MEMORY);
      console.log(`gateway to disk: peak of resident memory ${Math.round(peak / 1e6)} MB`);
      await back.close();
    },
    LONG,
  );

  it(
    'is verified byte by byte in bounded memory, and a flipped byte found and mended',
    async () => {
      const verify = (...more: string[]) => startCopy('disk', 'cloud', join(root, 'up.jsonl'), '--verify', ...more);
      const { code, summary, peak } = await measured(verify());
      expect(peak).toBeLessThan(MOST_MEMORY);
      console.log(`verified on both sides: peak of resident memory ${Math.round(peak / 1e6)} MB`);
      expect([code, summary]).toEqual([
        0,
        expect.objectContaining({ ok: true, verified: expect.objectContaining({ objects: COUNT }) }),
      ]);
      const key = [...expected.keys()][17]!;
      const cloud = remote();
      const { contentType, metadata, cacheControl, contentDisposition } = await cloud.getMetadata(key);
      const bytes = await cloud.get(key);
      bytes[0]! ^= 1;
      await cloud.put(key, bytes, { url: false, contentType, metadata, cacheControl, contentDisposition });
      const again = await verify().finished();
      expect(again.code).toBe(1);
      expect(again.summary).toMatchObject({ ok: false, differences: [{ key, differences: ['bytes'] }] });
      const mended = await verify('--overwrite').finished();
      expect([mended.code, mended.summary]).toMatchObject([0, { ok: true, copied: { objects: 1 } }]);
    },
    LONG,
  );
});
