#!/usr/bin/env node
// Runs the suites of the command line against real stores.
//   node scripts/test-cli.mjs [jest arguments]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cephIsInstalled, INSTALL_COMMAND } from './servers/ceph.mjs';
import { jestOnCeph } from './servers/jest-on-ceph.mjs';

const tools = fileURLToPath(new URL('servers/cli-tools.sh', import.meta.url));
if (!cephIsInstalled() || spawnSync(tools, ['check']).status !== 0) {
  console.error(`The suite of the command line did not run: a server is missing. Install it with: ${INSTALL_COMMAND}`);
  process.exit(1);
}
await jestOnCeph('test/real/cli/jest.config.mjs');
