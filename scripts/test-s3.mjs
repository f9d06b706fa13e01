#!/usr/bin/env node
// Runs the S3 suites against Ceph's object gateway: starts it, runs jest, stops it, and says what was run.
//   node scripts/test-s3.mjs [jest arguments]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ceph = join(root, 'scripts/servers/ceph.sh');

if (spawnSync(ceph, ['check']).status !== 0) {
  console.error('The S3 suites did not run: Ceph is not installed. Install it with: npm run servers:install');
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), 'ceph-'));
const data = join(folder, 'c');
const report = join(folder, 'report.json');

function stop() {
  spawnSync(ceph, ['stop', data]);
  rmSync(folder, { recursive: true, force: true });
}

function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? 1 : code));
  });
}

const started = spawnSync(ceph, ['start', data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
if (started.status !== 0) {
  stop();
  process.exit(1);
}
const settings = Object.fromEntries(
  started.stdout
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

let code = 1;
try {
  code = await run(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=test/real/jest.config.mjs',
      '--testPathPatterns=test/real/s3/',
      '--json',
      `--outputFile=${report}`,
      ...process.argv.slice(2),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ...settings, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    },
  );
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const { numPassedTests, numFailedTests, numPendingTests, numTotalTestSuites } = result;
  console.log(
    `S3 against Ceph's object gateway: ${numPassedTests} passed, ${numFailedTests} failed, ` +
      `${numPendingTests} skipped in ${numTotalTestSuites} suites.`,
  );
  // A run that checked nothing is no success.
  if (numPassedTests === 0) code = 1;
} finally {
  stop();
}
process.exit(code);
