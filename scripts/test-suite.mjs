/** Runs one of the slow suites: `node scripts/test-suite.mjs reliability [jest options]` runs test/reliability. */
import { spawn } from 'node:child_process';

const [suite, ...options] = process.argv.slice(2);
const jest = new URL('../node_modules/jest/bin/jest.js', import.meta.url).pathname;
const child = spawn(
  process.execPath,
  ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest, ...options],
  { stdio: 'inherit', env: { ...process.env, TEST_SUITE: suite } },
);
child.on('exit', (code, signal) => {
  process.exitCode = signal ? 1 : (code ?? 1);
});
