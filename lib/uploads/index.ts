/** Uploads over HTTP, published as `nestjs-storage/uploads`: apps without HTTP load none of it. */
export { isActiveType } from './accepted-types.js';
export { sniffType, SNIFFED_BYTES } from './sniff-type.js';
export { StagedFile, type StagedFileJson } from './staged-file.js';
export * from './storage-file.interceptor.js';
export type {
  StorageUploadOptions,
  StorageUploadOptionsFactory,
  UploadCandidate,
  UploadLimits,
} from './upload-options.js';
