/** The local backend. */
export { fsck } from './fsck.js';
export type { FsckFinding, FsckFindingKind, FsckOptions, FsckReport } from './fsck.js';
export { LocalBackend } from './local.backend.js';
export type { LocalBackendOptions } from './local.options.js';
export type { SweepReport } from './temp-files.js';
