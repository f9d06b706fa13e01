#!/usr/bin/env node
// Runs the Google Cloud Storage suites: installs and starts firebase-tools' emulator as the judge of the project's own
// server, runs jest, stops it, and says what was run. Then it measures, in processes of their own: memory while 256 MiB go
// in and out, and signing beside the SDK. With arguments it only runs the tests that they name.
//   node scripts/test-gcs.mjs [jest arguments]
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './servers/gcs-install.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gcs-suites-'));
const report = join(folder, 'report.json');
const named = process.argv.slice(2);
const MEASURES = [
  ['scripts/memory-gcs.mjs', '256'],
  ['bench/gcs/signing.mjs', '10'],
];

/** @returns the judge's process and its address */
function startFirebase() {
  const child = spawn(process.execPath, [join(root, 'scripts/servers/gcs-firebase.mjs'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (text) => {
      printed += text;
      const origin = /GCS_FIREBASE=(\S+)/.exec(printed)?.[1];
      if (origin) resolve({ child, origin });
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`firebase-tools' server ended with ${code}`)));
  });
}

function runJest(origin) {
  return run(
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=test/real/gcs/jest.config.mjs',
      '--json',
      `--outputFile=${report}`,
      ...named,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, GCS_FIREBASE: origin } },
  );
}

let stopped = false;

/** Runs a program of Node's. @returns its exit code */
function run(program, options = {}) {
  const child = spawn(process.execPath, program, { cwd: root, stdio: 'inherit', ...options });
  const end = (signal) => {
    stopped = true;
    child.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, end);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

let code = 1;
let firebase;
try {
  install();
  firebase = await startFirebase();
  code = await runJest(firebase.origin);
  // Jest that could not even begin has said why.
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0 } = counts;
  console.log('Google Cloud Storage, against its contract server (judged by firebase-tools):');
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
  // A run that checked nothing, or left something out, is no success.
  if (numPassedTests === 0 || numPendingTests > 0) code = 1;
  for (const program of named.length > 0 ? [] : MEASURES) if (!stopped) code = (await run(program)) || code;
} finally {
  firebase?.child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
