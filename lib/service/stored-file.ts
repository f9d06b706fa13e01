/** A stored object as apps see it. */
import type { ImageTransform, ObjectInfo, ObjectMetadata, StagedInfo } from '../contract/index.js';

/** How to make a URL for reading. */
export interface GetUrlOptions {
  /** Seconds. Default STORAGE_URL_EXPIRATION (3,600). */
  readonly expiresIn?: number;
  /** True: browsers save the file, under the key's last segment or the given name. Default false: they show it. */
  readonly download?: boolean | string;
  /** Content-Type of the answer in place of the stored one. */
  readonly contentType?: string;
  /** The image changed on its way out: size, crop, format, quality. NotSupportedError where the store cannot. */
  readonly transform?: ImageTransform;
  /** False skips the look whether the file is there. Default true on getUrl(key); a file's own getUrl() never looks. */
  readonly mustExist?: boolean;
  readonly signal?: AbortSignal;
}

/** Makes the URLs of a file. */
export type UrlMaker = (key: string, options?: GetUrlOptions) => Promise<string>;

/** What is known of a file before and after it is published. */
export abstract class FileFacts {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly metadata: ObjectMetadata;
  readonly cacheControl: string | undefined;
  readonly contentDisposition: string | undefined;
  /** A signed URL with the default expiry, where one was made: by put() unless `url: false`. */
  readonly url: string | undefined;
  readonly #makeUrl: UrlMaker;

  constructor(info: StagedInfo, makeUrl: UrlMaker, url?: string) {
    this.key = info.key;
    this.size = info.size;
    this.contentType = info.contentType;
    // What an app does to it must change nothing that a driver keeps.
    this.metadata = { ...info.metadata };
    this.cacheControl = info.cacheControl;
    this.contentDisposition = info.contentDisposition;
    this.url = url;
    this.#makeUrl = makeUrl;
  }

  /** A signed URL for this key; does not look whether the file is (still) there. */
  getUrl(options: Omit<GetUrlOptions, 'mustExist'> = {}): Promise<string> {
    return this.#makeUrl(this.key, { ...options, mustExist: false });
  }
}

/** The facts of a stored file that serialise; the date as ISO 8601. */
export interface StoredFileJson {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly etag: string;
  readonly lastModified: string;
  readonly metadata: ObjectMetadata;
  readonly url?: string;
}

/**
 * A stored object: facts of one version, and URLs for it.
 *
 * @publicApi
 */
export class StoredFile extends FileFacts {
  /** Opaque version token, for `ifMatch`. */
  readonly etag: string;
  readonly lastModified: Date;

  constructor(info: ObjectInfo, makeUrl: UrlMaker, url?: string) {
    super(info, makeUrl, url);
    this.etag = info.etag;
    this.lastModified = new Date(info.lastModified);
  }

  /** What JSON.stringify() shows. */
  toJSON(): StoredFileJson {
    return {
      key: this.key,
      size: this.size,
      contentType: this.contentType,
      etag: this.etag,
      lastModified: this.lastModified.toISOString(),
      metadata: this.metadata,
      ...(this.url !== undefined && { url: this.url }),
    };
  }
}
