/** What holds where neither an option nor a variable says anything: the settings and the schema's texts are made of it. */

/** By the variable that changes it. */
export const DEFAULTS = {
  STORAGE_BASE_PATH: '/data/uploads',
  STORAGE_DURABILITY: 'full',
  /** Seconds. */
  STORAGE_URL_EXPIRATION: 3600,
  /** Seconds: 7 days. */
  STORAGE_MAX_URL_EXPIRATION: 604_800,
  STORAGE_STRICT_KEYS: false,
  STORAGE_S3_URLS: 'store',
  STORAGE_CLOUDINARY_FOLDER: 'files',
  STORAGE_CLOUDINARY_RESOURCE_TYPE: 'raw',
  STORAGE_CLOUDINARY_LASTING_TRANSFORM_URLS: false,
} as const;

/** The folder of the files on a Railway volume. */
export const VOLUME_FOLDER = 'uploads';
