/** Jest over ES modules: ts-jest compiles, `tsc --noEmit` (npm run typecheck) checks the types. */
import { availableParallelism } from 'node:os';

/** Suites that are slow or need servers, a browser or root: each has a script of its own (`npm run test:<suite>`). */
const SLOW = ['real', 'browser', 'pack', 'memory', 'reliability'];

/** Set by scripts/test-suite.mjs. */
const suite = process.env.TEST_SUITE;

export default {
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${suite ?? '**'}/**/*.spec.ts`],
  testPathIgnorePatterns: ['/node_modules/', ...(suite ? [] : SLOW.map((name) => `<rootDir>/test/${name}/`))],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/sample/dist/'],
  globalSetup: '<rootDir>/test/support/build-library.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-storage$': '<rootDir>/lib/index.ts',
    '^nestjs-storage/(s3|gcs|cloudinary)$': '<rootDir>/lib/backends/$1/index.ts',
    '^nestjs-storage/(.*)$': '<rootDir>/lib/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true }] },
  reporters: [
    'default',
    ...(suite ? [] : ['<rootDir>/scripts/servers-reporter.mjs', '<rootDir>/scripts/platform-reporter.mjs']),
    ['<rootDir>/scripts/count-reporter.mjs', { name: suite ?? process.env.TEST_RUN ?? 'default' }],
  ],
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts'],
  // One more than there are cores: files that wait (for expiries, for processes) leave their core to others.
  maxWorkers: availableParallelism() + 1,
  testTimeout: 30_000,
};
