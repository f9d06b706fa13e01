export { type BodyChecks, CheckedBody, type StorageBody } from './body.js';
export { byteSize, type ByteSize } from './byte-size.js';
export * from './checksum.js';
export type { StorageScopeContext } from './current-request.js';
export * from './storage-options.js';
export * from './stored-file.js';
export { TRACED_OPERATIONS, type StorageTraceMessage, type TracedOperation } from './tracing.js';
export type { MetadataInput } from './write-options.js';
export * from './storage.registry.js';
