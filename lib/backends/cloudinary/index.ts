/** Published as `nestjs-storage/cloudinary`. */
export { CloudinaryBackend } from './cloudinary.backend.js';
export { parseCloudinaryUrl } from './cloudinary-options.js';
export type {
  CloudinaryBackendOptions,
  CloudinaryCredentials,
  CloudinaryResourceType,
  ResourceTypeRule,
} from './cloudinary-options.js';
