/** Jest over the suites that need Ceph's object gateway, which scripts/test-s3.mjs starts. */
import base from '../../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../../..',
  testMatch: ['<rootDir>/test/real/s3/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  reporters: ['default', ['<rootDir>/scripts/count-reporter.mjs', { name: 'S3 on Ceph' }]],
  testTimeout: 120_000,
  // One gateway serves all: suites side by side would only wait for each other.
  maxWorkers: 1,
};
