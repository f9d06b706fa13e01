export * from './body.js';
export * from './checksum.js';
export * from './storage-options.js';
export * from './stored-file.js';
export type { MetadataInput } from './write-options.js';
export * from './storage.registry.js';
