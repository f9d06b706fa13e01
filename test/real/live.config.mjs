/** Jest for scripts/live-conformance.mjs: the suite against a live service, patiently. */
import base from '../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/real/*/live.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  reporters: ['default', ['<rootDir>/scripts/count-reporter.mjs', { name: 'live' }]],
  testTimeout: 300_000,
  maxWorkers: 1,
};
