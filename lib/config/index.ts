/** Needs @nestjs/config; nothing else of lib imports this file. */
export { detectBackend, type Detection } from './detect.js';
export {
  BACKEND_KINDS,
  environmentSchema,
  readEnvironment,
  type BackendKind,
  type EnvironmentSource,
  type StorageEnvironment,
  type VariableName,
} from './environment.js';
export type { StorageOptions, StorageUrlOptions } from './options.js';
export { storageConfig, storageOptionsFrom } from './storage.config.js';
