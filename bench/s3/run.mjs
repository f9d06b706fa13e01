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

if (!cephIsInstalled()) {
  console.error(`Ceph is not installed. Install it with: ${INSTALL_COMMAND}`);
  process.exit(1);
}
await buildLibrary();
const { settings, stop } = startCeph({ storeBytes: 8192 * MIB });
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

function compare(name, direction, mib, [mine, theirs], least) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    runs.push([transfer(mine, direction, mib), transfer(theirs, direction, mib)]);
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
  return { mine: rss(0), theirs: rss(1) };
}

try {
  await makeBucket();
  const signing = node('signing.mjs');
  process.stdout.write(signing.stdout);
  promise('signing: at least 10 times the bare presigner', signing.status === 0);
  const memory = compare('upload of 512 MiB', 'up', 512, ['ours', 'lib-storage'], 1.5);
  compare('upload of 512 MiB', 'up', 512, ['ours', 'lib-storage-tuned'], 1);
  promise(`upload: no more memory (${inMib(memory.mine)} and ${inMib(memory.theirs)})`, memory.mine <= memory.theirs);
  compare('download of 512 MiB', 'down', 512, ['ours', 'bare'], 0.95);
  for (const direction of ['up', 'down']) {
    const { growth, seconds } = transfer('service', direction, 1024);
    promise(
      `1 GiB ${direction} through StorageService in ${seconds.toFixed(1)} s grew memory by ${inMib(growth)}`,
      growth <= BUDGET + 64 * MIB,
    );
  }
} finally {
  stop();
}
