#!/usr/bin/env node
// Runs the Google Cloud Storage suites: installs and starts firebase-tools' emulator as the judge of the project's own
// server, runs jest, stops it, and says what was run.
//   node scripts/test-gcs.mjs [jest arguments]
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './servers/gcs-install.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gcs-suites-'));
const report = join(folder, 'report.json');

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
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=test/real/gcs/jest.config.mjs',
      '--json',
      `--outputFile=${report}`,
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, GCS_FIREBASE: origin } },
  );
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
  return new Promise((resolve) => jest.once('exit', (code) => resolve(code ?? 1)));
}

let code = 1;
let firebase;
try {
  install();
  firebase = await startFirebase();
  code = await runJest(firebase.origin);
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
  console.log('Google Cloud Storage, against its contract server (judged by firebase-tools):');
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
  // A run that checked nothing, or left something out, is no success.
  if (numPassedTests === 0 || numPendingTests > 0) code = 1;
} finally {
  firebase?.child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
