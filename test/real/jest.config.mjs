/** Jest over the suites that need real servers: the default command leaves them out. */
import base from '../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/real/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 120_000,
  // One gateway serves all: suites side by side would only wait for each other.
  maxWorkers: 1,
};
