/** For those who write backends, and for apps' own tests. */
export type {
  ConformanceCase,
  ConformanceHarness,
  ConformanceSettings,
  ConformanceTarget,
} from './conformance/harness.js';
export { conformanceCases, registerConformance, type ConformanceRunner } from './conformance/suite.js';
export type { FakeOperation } from './fake/fake.backend.js';
export { FakeStorage, type FakeFile, type FakeSeed, type FakeStorageOptions } from './fake/fake-storage.js';
