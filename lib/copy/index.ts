/** Copies between storages: `nestjs-storage/copy`. */
export * from './copy-errors.js';
export * from './copy-options.js';
export * from './copy-storage.js';
