/** Jest over the suites of the command line, for which scripts/test-cli.mjs starts Ceph's object gateway. */
import base from '../../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../../..',
  testMatch: ['<rootDir>/test/real/cli/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  reporters: [
    'default',
    '<rootDir>/test/real/cli/doctor-figures.mjs',
    ['<rootDir>/scripts/count-reporter.mjs', { name: 'command line' }],
  ],
  testTimeout: 120_000,
  // One gateway serves all: suites side by side would only wait for each other.
  maxWorkers: 1,
};
