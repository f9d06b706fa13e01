/** The public face. No vendor SDK and no optional peer stands behind it. */
export * from './backends/local/index.js';
export * from './backends/memory/memory.backend.js';
export type { BackendKind, EnvironmentSource } from './config/environment.js';
export type { StorageOptions, StorageUrlOptions } from './config/options.js';
export * from './contract/index.js';
export * from './create-storage.js';
export * from './decorators/index.js';
export * from './http/index.js';
export * from './service/index.js';
export * from './storage.constants.js';
export * from './storage.module-options.js';
export * from './storage.module.js';
export * from './storage.service.js';
export * from './wrappers/index.js';
