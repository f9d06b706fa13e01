/** The local backend. */
export { LocalBackend } from './local.backend.js';
export type { LocalBackendOptions } from './local.options.js';
export type { SweepReport } from './temp-files.js';
