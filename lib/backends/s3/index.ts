/** `nestjs-storage/s3`: the S3 backend and its options. */
export * from './s3.backend.js';
export * from './s3.options.js';
export { S3_DIALECTS, type S3DialectName } from './s3.dialects.js';
export { DEFAULT_PART_BUFFER_BYTES, partBuffers, type PartBuffers } from './part-buffers.js';
