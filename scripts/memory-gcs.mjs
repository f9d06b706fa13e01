#!/usr/bin/env node
// Streams 1 GiB into the Google Cloud Storage driver and out again, in a process of its own beside the contract server,
// and fails when that process's resident memory grows by 64 MiB and one chunk or more.
//   npm run build && node scripts/memory-gcs.mjs [MiB]
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MIB = 1024 * 1024;
const CHUNK = 8 * MIB;
const BUCKET = 'memory-bucket';
const root = fileURLToPath(new URL('..', import.meta.url));
const [, self, size = '1024', role] = process.argv;

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

async function client() {
  const { GcsBackend } = await import(join(root, 'dist/backends/gcs/index.js'));
  const settings = JSON.parse(process.env.GCS_SETTINGS);
  const backend = new GcsBackend({ bucket: BUCKET, chunkSize: CHUNK, ...settings });
  const options = { contentType: 'application/octet-stream', metadata: {} };
  const bytes = Number(size) * MIB;
  // Loads the SDK and warms the path, which is not what is measured.
  await (await backend.stage('warm', body(4 * CHUNK, createHash('md5')), options)).commit();
  const written = createHash('md5');
  const up = await measured(async () => (await backend.stage('big', body(bytes, written), options)).commit());
  const read = createHash('md5');
  const down = await measured(async () => {
    for await (const chunk of (await backend.open('big')).body) read.update(chunk);
  });
  await backend.close();
  const same = written.digest('hex') === read.digest('hex');
  for (const [name, { grown, seconds }] of Object.entries({ up, down })) {
    console.log(`${name}: ${size} MiB, ${(size / seconds).toFixed(0)} MiB/s, resident +${grown.toFixed(0)} MiB`);
  }
  const limit = 64 + CHUNK / MIB;
  const bounded = up.grown < limit && down.grown < limit;
  console.log(`${same ? 'the same bytes' : 'OTHER BYTES'}; limit ${limit} MiB: ${bounded ? 'kept' : 'BROKEN'}`);
  process.exit(same && bounded ? 0 : 1);
}

if (role === 'client') {
  await client();
} else {
  const { GcsContractServer } = await compiledServer();
  const server = await GcsContractServer.start({ buckets: [BUCKET] });
  const settings = { endpoint: server.origin, credentials: server.key };
  const child = fork(self, [size, 'client'], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, GCS_SETTINGS: JSON.stringify(settings) },
  });
  process.exitCode = await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  await server.stop();
}
