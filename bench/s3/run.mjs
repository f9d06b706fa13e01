#!/usr/bin/env node
// The figures of the S3 backend, on a gateway of their own, as ratios to the SDK's own ways in the same run. Ends with
// an error where a promised ratio or bound does not hold.
//   node bench/s3/run.mjs [rounds]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import buildLibrary from '../../test/support/build-library.mjs';
import { cephIsInstalled, INSTALL_COMMAND, startCeph } from '../../scripts/servers/ceph.mjs';

const rounds = Number(process.argv[2] ?? 5);
const MIB = 1024 * 1024;
const BUDGET = 64 * MIB;
/** Rounds of one and the same program differ by more. */
const EQUAL = 0.9;
/** Where the gateway's own hashes take most of the two cores, no client can be much faster (docs/decisions/0066). */
const GATEWAY_BOUND = 1.25;

if (!cephIsInstalled()) {
  console.error(`Ceph is not installed. Install it with: ${INSTALL_COMMAND}`);
  process.exit(1);
}
await buildLibrary();
const { settings, stop } = startCeph({ storeBytes: 8192 * MIB, tls: true });
Object.assign(process.env, settings);
const { makeBucket, median } = await import('./setting.mjs');

function node(...args) {
  const [file, ...rest] = args;
  const path = fileURLToPath(new URL(file, import.meta.url));
  const done = spawnSync(process.execPath, [path, ...rest.map(String)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (done.status !== 0 && done.stdout === '') throw new Error(`${args.join(' ')} failed`);
  return done;
}

const transfer = (...args) => JSON.parse(node('transfer.mjs', ...args).stdout);

const inMib = (bytes) => `${Math.round(bytes / MIB)} MiB`;

function promise(text, holds) {
  console.log(`${holds ? 'holds  ' : 'BROKEN '} ${text}`);
  if (!holds) process.exitCode = 1;
}

/** In turns, so that what else the machine does hits both alike. */
function compare(name, direction, mib, [mine, theirs], least, ...args) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    runs.push([mine, theirs].map((engine) => transfer(engine, direction, mib, ...args)));
  }
  const speed = (index) => Math.round(mib / median(runs.map((run) => run[index].seconds)));
  const cpu = (index) => median(runs.map((run) => run[index].cpu)).toFixed(2);
  const rss = (index) => median(runs.map((run) => run[index].rss));
  const ratio = median(runs.map(([a, b]) => b.seconds / a.seconds));
  console.log(
    `${name}: ${speed(0)} MiB/s, ${cpu(0)} CPU s, ${inMib(rss(0))} resident; ` +
      `${theirs} ${speed(1)} MiB/s, ${cpu(1)} CPU s, ${inMib(rss(1))} resident`,
  );
  promise(`${name}: ${ratio.toFixed(2)} times the speed of ${theirs} (at least ${least})`, ratio >= least);
  if (direction === 'up') {
    promise(`${name}: no more memory (${inMib(rss(0))} and ${inMib(rss(1))})`, rss(0) <= rss(1));
  }
}

/** Over TLS, where neither side signs the payload, as with AWS itself. */
function overTls(work) {
  const { S3_TEST_ENDPOINT } = process.env;
  process.env.S3_TEST_ENDPOINT = settings.S3_TEST_TLS_ENDPOINT;
  process.env.NODE_EXTRA_CA_CERTS = settings.S3_TEST_TLS_CA;
  try {
    work();
  } finally {
    process.env.S3_TEST_ENDPOINT = S3_TEST_ENDPOINT;
    delete process.env.NODE_EXTRA_CA_CERTS;
  }
}

try {
  await makeBucket();
  const signing = node('signing.mjs');
  process.stdout.write(signing.stdout);
  promise('signing: at least 10 times the bare presigner', signing.status === 0);
  overTls(() => {
    const name = '1 GiB over TLS, both with CRC32';
    compare(`upload of ${name}`, 'up', 1024, ['ours', 'lib-storage'], 1.5, 'crc32');
    compare(`download of 1 GiB over TLS`, 'down', 1024, ['ours', 'bare'], EQUAL);
  });
  compare('upload of 1 GiB over plain http, ours with CRC32', 'up', 1024, ['ours', 'lib-storage'], 1.5, 'crc32');
  const signed = 'upload of 1 GiB over plain http, both with the SHA-256 that the gateway verifies';
  compare(signed, 'up', 1024, ['ours', 'lib-storage'], GATEWAY_BOUND);
  compare(signed, 'up', 1024, ['ours', 'lib-storage-tuned'], 1);
  compare('download of 1 GiB over plain http', 'down', 1024, ['ours', 'bare'], EQUAL);
  for (const direction of ['up', 'down']) {
    const { growth, seconds } = transfer('ours', direction, 1024);
    promise(
      `1 GiB ${direction} through StorageService in ${seconds.toFixed(1)} s grew memory by ${inMib(growth)}`,
      growth <= BUDGET + 64 * MIB,
    );
  }
} finally {
  stop();
}
