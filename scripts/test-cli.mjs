#!/usr/bin/env node
// Runs the suites of the command line against real stores: starts Ceph's object gateway, runs jest, which ends with a
// line that counts what ran, and stops it.
//   node scripts/test-cli.mjs [jest arguments]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cephIsInstalled, INSTALL_COMMAND, startCeph } from './servers/ceph.mjs';

const tools = fileURLToPath(new URL('servers/cli-tools.sh', import.meta.url));
if (!cephIsInstalled() || spawnSync(tools, ['check']).status !== 0) {
  console.error(`The suite of the command line did not run: a server is missing. Install it with: ${INSTALL_COMMAND}`);
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
      '--config=test/real/cli/jest.config.mjs',
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
