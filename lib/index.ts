/** The public face. No vendor SDK and no optional peer stands behind it. */
export * from './contract/index.js';
export * from './service/index.js';
export * from './storage.service.js';
export * from './wrappers/index.js';
export * from './backends/memory/memory.backend.js';
