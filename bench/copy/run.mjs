#!/usr/bin/env node
// Copies of many small objects and a few large ones between the disk and a gateway: the command line of this library
// beside rclone on the same job, in turns, each as a process from its start to its end; once more with the gateway 20 ms
// away. Ends with an error where a promised ratio does not hold.
//   node bench/copy/run.mjs [rounds] [objects]
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import buildLibrary, { builtLibrary } from '../../test/support/build-library.mjs';
import { cephIsInstalled, INSTALL_COMMAND, startCeph } from '../../scripts/servers/ceph.mjs';

const rounds = Number(process.argv[2] ?? 3);
const count = Number(process.argv[3] ?? 5000);
const CONCURRENCY = 16;
/** Milliseconds to a gateway that is some way off, as a store in the same part of the world is. */
const FAR = 20;
/** Over a line without any delay the one thread of JavaScript is what counts (docs/decisions/0172). */
const DOWN_WITHOUT_DELAY = 0.5;
/** There and back is one job; the compilers of Node 20 take a tenth more for it. */
const BOTH_WAYS = Number.parseInt(process.versions.node, 10) >= 24 ? 1 : 0.85;
const MIB = 1024 * 1024;

if (!cephIsInstalled() || spawnSync('rclone', ['version']).status !== 0) {
  console.error(`Ceph or rclone is not installed. Install them with: ${INSTALL_COMMAND}`);
  process.exit(1);
}
await buildLibrary();

// Memory where there is such a place: file systems on disk make a file the slower the more were deleted before.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'copy-bench-'));
const { settings, stop } = startCeph({ storeBytes: 12 * 1024 * MIB });
const { S3_TEST_ENDPOINT, S3_TEST_REGION, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY } = settings;

const client = new S3Client({
  endpoint: S3_TEST_ENDPOINT,
  region: S3_TEST_REGION,
  credentials: { accessKeyId: S3_TEST_ACCESS_KEY, secretAccessKey: S3_TEST_SECRET_KEY },
  forcePathStyle: true,
});
let buckets = 0;
async function freshBucket() {
  const name = `copy-bench-${++buckets}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  return name;
}

/** @returns bytes */
function fill(root) {
  let bytes = 0;
  for (let n = 0; n < count; n++) {
    const at = join(root, `folder-${n % 50}`);
    if (n < 50) mkdirSync(at, { recursive: true });
    const size = n % 500 === 499 ? 12 * MIB : n % 50 === 49 ? 256 * 1024 : 16 * 1024;
    writeFileSync(join(at, `file-${n}.bin`), randomBytes(size));
    bytes += size;
  }
  return bytes;
}

/** Runs a program to its end. @returns seconds of the clock */
async function timed(command, args, env) {
  const started = performance.now();
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return (performance.now() - started) / 1000;
}

// A bundle of certificates that the environment names is no business of a plain connection, and rclone stops at it.
const { AWS_CA_BUNDLE: _bundle, ...rest } = process.env;
const environment = { ...rest, ...settings, RCLONE_CONFIG: '/dev/null' };

const remote = (bucket, endpoint) =>
  `:s3,provider=Ceph,env_auth=false,access_key_id=${S3_TEST_ACCESS_KEY},secret_access_key=${S3_TEST_SECRET_KEY},endpoint="${endpoint}":${bucket}`;

function ours(direction, bucket, root, durability, endpoint = S3_TEST_ENDPOINT) {
  const env = {
    ...environment,
    STORAGE_DISK_BACKEND: 'local',
    STORAGE_DISK_BASE_PATH: root,
    STORAGE_DISK_DURABILITY: durability,
    STORAGE_CLOUD_BACKEND: 's3',
    STORAGE_CLOUD_S3_BUCKET: bucket,
    STORAGE_CLOUD_S3_ENDPOINT: endpoint,
    STORAGE_CLOUD_S3_REGION: S3_TEST_REGION,
    STORAGE_CLOUD_S3_ACCESS_KEY: S3_TEST_ACCESS_KEY,
    STORAGE_CLOUD_S3_SECRET_KEY: S3_TEST_SECRET_KEY,
    STORAGE_CLOUD_S3_DIALECT: 'ceph',
  };
  const [from, to] = direction === 'up' ? ['disk', 'cloud'] : ['cloud', 'disk'];
  const main = new URL('cli/main.js', builtLibrary).pathname;
  const journal = join(folder, `journal-${++journals}.jsonl`);
  const args = [main, 'copy', '--from', from, '--to', to, '--journal', journal, '--json'];
  return timed(process.execPath, [...args, '--concurrency', String(CONCURRENCY)], env);
}
let journals = 0;

function rclone(direction, bucket, root, transfers, endpoint = S3_TEST_ENDPOINT) {
  const there = remote(bucket, endpoint);
  const [from, to] = direction === 'up' ? [root, there] : [there, root];
  return timed('rclone', ['copy', ...(transfers ? ['--transfers', String(transfers)] : []), from, to], environment);
}

/** Both ways once, to the gateway as it is seen from afar. @param full a bucket that has everything */
async function farAway(full, source, fresh) {
  const script = fileURLToPath(new URL('far-line.mjs', import.meta.url));
  const args = [script, new URL(S3_TEST_ENDPOINT).host, String(FAR)];
  const line = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = await once(line.stdout, 'data');
    const endpoint = `http://127.0.0.1:${String(port).trim()}`;
    const up = {
      ours: await ours('up', await freshBucket(), source, 'rename', endpoint),
      rclone: await rclone('up', await freshBucket(), source, undefined, endpoint),
      rcloneEqual: await rclone('up', await freshBucket(), source, CONCURRENCY, endpoint),
    };
    const down = {
      ours: await ours('down', full, fresh(), 'rename', endpoint),
      rclone: await rclone('down', full, fresh(), undefined, endpoint),
      rcloneEqual: await rclone('down', full, fresh(), CONCURRENCY, endpoint),
    };
    return { up, down };
  } finally {
    line.kill();
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** The seconds of both ways, round by round. */
function thereAndBack(up, down) {
  return up.map((there, round) =>
    Object.fromEntries(['ours', 'rclone', 'rcloneEqual'].map((who) => [who, there[who] + down[round][who]])),
  );
}

function report(bytes, runs, name, least) {
  const mine = median(runs.map((run) => run.ours));
  const ratio = (other) => median(runs.map((run) => run[other] / run.ours));
  const speed = (seconds) => `${Math.round(bytes / MIB / seconds)} MiB/s`;
  console.log(`${name}: ${mine.toFixed(1)} s (${speed(mine)})`);
  for (const other of ['rclone', 'rcloneEqual', 'full']) {
    if (runs[0][other] === undefined) continue;
    const title = {
      rclone: 'rclone',
      rcloneEqual: `rclone --transfers ${CONCURRENCY}`,
      full: 'ours, synced to the disk',
    };
    console.log(
      `  ${title[other]}: ${median(runs.map((run) => run[other])).toFixed(1)} s, ratio ${ratio(other).toFixed(2)}`,
    );
  }
  const holds = ratio('rclone') >= least;
  console.log(
    `${holds ? 'holds  ' : 'BROKEN '} ${name}: ${ratio('rclone').toFixed(2)} times the speed of rclone (at least ${least})`,
  );
  if (!holds) process.exitCode = 1;
}

try {
  const source = join(folder, 'source');
  const bytes = fill(source);
  console.log(
    `Node ${process.version}, ${count} objects, ${Math.round(bytes / MIB)} MiB, ${rounds} rounds; ${readFileSync('/proc/loadavg', 'utf8').trim()}`,
  );
  const [up, down] = [[], []];
  const target = join(folder, 'target');
  const fresh = () => {
    rmSync(target, { recursive: true, force: true });
    return target;
  };
  let full;
  for (let round = 0; round < rounds; round++) {
    full = await freshBucket();
    up.push({
      ours: await ours('up', full, source, 'rename'),
      rclone: await rclone('up', await freshBucket(), source),
      rcloneEqual: await rclone('up', await freshBucket(), source, CONCURRENCY),
    });
    down.push({
      ours: await ours('down', full, fresh(), 'rename'),
      rclone: await rclone('down', full, fresh()),
      rcloneEqual: await rclone('down', full, fresh(), CONCURRENCY),
      full: await ours('down', full, fresh(), 'full'),
    });
  }
  const far = await farAway(full, source, fresh);
  report(bytes, up, 'disk to gateway', 1);
  report(bytes, down, 'gateway to disk', DOWN_WITHOUT_DELAY);
  report(2 * bytes, thereAndBack(up, down), 'both ways', BOTH_WAYS);
  report(bytes, [far.up], `disk to a gateway ${FAR} ms away`, 1);
  report(bytes, [far.down], `a gateway ${FAR} ms away to disk`, 1);
} finally {
  client.destroy();
  stop();
  rmSync(folder, { recursive: true, force: true });
}
