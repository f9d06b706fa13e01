/** Jest over ES modules: ts-jest compiles, `tsc --noEmit` (npm run typecheck) checks the types. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.spec.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/real/',
    '<rootDir>/test/browser/',
    '<rootDir>/test/pack/',
    '<rootDir>/test/memory/',
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/sample/dist/'],
  globalSetup: '<rootDir>/test/support/build-library.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^nestjs-storage$': '<rootDir>/lib/index.ts',
    '^nestjs-storage/s3$': '<rootDir>/lib/backends/s3/index.ts',
    '^nestjs-storage/(.*)$': '<rootDir>/lib/$1/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: { '^.+\\.ts$': ['ts-jest', { useESM: true }] },
  reporters: [
    'default',
    '<rootDir>/scripts/servers-reporter.mjs',
    ['<rootDir>/scripts/count-reporter.mjs', { name: 'default' }],
  ],
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts'],
  testTimeout: 30_000,
};
