#!/usr/bin/env node
// Runs the S3 suites against Ceph's object gateway.
//   node scripts/test-s3.mjs [jest arguments]
import { cephIsInstalled, INSTALL_COMMAND } from './servers/ceph.mjs';
import { jestOnCeph } from './servers/jest-on-ceph.mjs';

if (!cephIsInstalled()) {
  console.error(`The S3 suite did not run: Ceph is not installed. Install it with: ${INSTALL_COMMAND}`);
  process.exit(1);
}
await jestOnCeph('test/real/s3/jest.config.mjs');
