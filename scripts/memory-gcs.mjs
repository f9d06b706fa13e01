#!/usr/bin/env node
// Streams 1 GiB into the Google Cloud Storage driver and out again, each way in a fresh process beside the contract
// server, and fails when the process's resident memory grows by 64 MiB and one chunk or more. It counts from a first
// call that moves no bytes: the driver and its SDK are loaded then, and no chunk has been held yet.
//   node scripts/memory-gcs.mjs [MiB]
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import buildLibrary, { builtLibrary } from '../test/support/build-library.mjs';

const MIB = 1024 * 1024;
const CHUNK = 8 * MIB;
const LIMIT = 64 + CHUNK / MIB;
const BUCKET = 'memory-bucket';
const root = fileURLToPath(new URL('..', import.meta.url));
const [, self, size = '1024', way] = process.argv;

/** Compiles the contract server's files to where they find their packages. */
async function compiledServer() {
  const { default: ts } = await import('typescript');
  const from = join(root, 'test/servers/gcs');
  const to = join(root, 'node_modules/.cache/nestjs-storage/gcs-server');
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  writeFileSync(join(to, 'package.json'), '{ "type": "module" }\n');
  for (const name of readdirSync(from)) {
    const { outputText } = ts.transpileModule(readFileSync(join(from, name), 'utf8'), {
      compilerOptions: { target: 'ES2023', module: 'ESNext' },
    });
    writeFileSync(join(to, name.replace(/\.ts$/, '.js')), outputText);
  }
  return import(join(to, 'gcs-contract-server.js'));
}

async function* body(bytes, hash) {
  const piece = Buffer.alloc(64 * 1024);
  for (let at = 0; at < bytes; at += piece.length) {
    const fresh = Buffer.from(piece);
    fresh.writeDoubleLE(at, 0);
    hash.update(fresh);
    yield fresh;
  }
}

async function measured(work) {
  globalThis.gc();
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
  const started = performance.now();
  await work();
  clearInterval(timer);
  return { grown: (most - before) / MIB, seconds: (performance.now() - started) / 1000 };
}

const WAYS = {
  up: async (backend, hash) => {
    const options = { contentType: 'application/octet-stream', metadata: {} };
    await (await backend.stage('big', body(Number(size) * MIB, hash), options)).commit();
  },
  down: async (backend, hash) => {
    for await (const chunk of (await backend.open('big')).body) hash.update(chunk);
  },
};

/** In a process of its own: one way, told to the parent. */
async function client() {
  const { GcsBackend } = await import(new URL('backends/gcs/index.js', builtLibrary).href);
  const backend = new GcsBackend({ bucket: BUCKET, chunkSize: CHUNK, ...JSON.parse(process.env.GCS_SETTINGS) });
  await backend.list({ prefix: '', limit: 1 });
  const hash = createHash('md5');
  const { grown, seconds } = await measured(() => WAYS[way](backend, hash));
  await backend.close();
  process.send({ grown, seconds, md5: hash.digest('hex') });
}

function ran(direction, settings) {
  const child = fork(self, [size, direction], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, GCS_SETTINGS: JSON.stringify(settings) },
  });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the process of the way ${direction} ended with ${code}`)));
  });
}

if (way) {
  await client();
  process.disconnect();
} else {
  await buildLibrary();
  const { GcsContractServer } = await compiledServer();
  const server = await GcsContractServer.start({ buckets: [BUCKET] });
  const settings = { endpoint: server.origin, credentials: server.key };
  try {
    const found = [];
    for (const direction of Object.keys(WAYS)) {
      const one = await ran(direction, settings);
      found.push(one);
      const rate = (Number(size) / one.seconds).toFixed(0);
      console.log(`${direction}: ${size} MiB, ${rate} MiB/s, resident +${one.grown.toFixed(0)} MiB`);
    }
    const same = new Set(found.map(({ md5 }) => md5)).size === 1;
    const bounded = found.every(({ grown }) => grown < LIMIT);
    console.log(`${same ? 'the same bytes' : 'OTHER BYTES'}; limit ${LIMIT} MiB: ${bounded ? 'kept' : 'BROKEN'}`);
    if (!same || !bounded) process.exitCode = 1;
  } finally {
    await server.stop();
  }
}
