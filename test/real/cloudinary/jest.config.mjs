/** Jest for the Cloudinary backend: the real SDK against the contract server, or against an account (live.spec.ts). */
import base from '../../../jest.config.mjs';

export default {
  ...base,
  rootDir: '../../..',
  testMatch: ['<rootDir>/test/real/cloudinary/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', 'live\\.spec\\.ts$'],
  reporters: ['default', ['<rootDir>/scripts/count-reporter.mjs', { name: 'cloudinary' }]],
};
