#!/usr/bin/env node
// Runs the S3 suites against Ceph's object gateway: starts it, runs jest, which ends with a line that counts what ran,
// and stops it.
//   node scripts/test-s3.mjs [jest arguments]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cephIsInstalled, INSTALL_COMMAND, startCeph } from './servers/ceph.mjs';

if (!cephIsInstalled()) {
  console.error(`The S3 suite did not run: Ceph is not installed. Install it with: ${INSTALL_COMMAND}`);
  process.exit(1);
}

const { settings, stop } = startCeph();
try {
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=test/real/s3/jest.config.mjs',
      ...process.argv.slice(2),
    ],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...settings },
    },
  );
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
  const [code] = await once(jest, 'exit');
  process.exitCode = code ?? 1;
} finally {
  stop();
}
