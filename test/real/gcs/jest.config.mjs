/** Jest over the suites of Google Cloud Storage, which scripts/test-gcs.mjs runs beside firebase-tools. */
import base from '../../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../../..',
  testMatch: ['<rootDir>/test/real/gcs/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/live.spec.ts'],
  // The script that runs them says what was counted.
  reporters: ['default'],
  testTimeout: 120_000,
  // They measure memory and speed: side by side they would measure each other.
  maxWorkers: 1,
};
