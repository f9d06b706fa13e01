/**
 * Runs the quick suite on other versions of Node: `node scripts/test-nodes.mjs 22 24 [-- jest options]`. Each version
 * comes from npm; the packages are those that are installed. Ends with a line of counts for each.
 */
import { spawn } from 'node:child_process';

const args = process.argv.slice(2);
const split = args.includes('--') ? args.indexOf('--') : args.length;
const versions = args.slice(0, split);
const options = args.slice(split + 1);

if (versions.length === 0 || !versions.every((version) => /^\d+$/.test(version))) {
  console.error('usage: node scripts/test-nodes.mjs <major version>... [-- jest options]');
  process.exit(2);
}

const jest = new URL('../node_modules/jest/bin/jest.js', import.meta.url).pathname;

/** Resolves with the exit code of the run. */
function runOn(version) {
  console.log(`\n== the quick suite on Node ${version}`);
  const node = ['node', '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...options];
  const child = spawn('npx', ['-y', '-p', `node@${version}`, ...node], {
    stdio: 'inherit',
    env: { ...process.env, TEST_RUN: `node ${version}` },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}

for (const version of versions) {
  if ((await runOn(version)) !== 0) process.exitCode = 1;
}
