/** What the contract says about objects: their facts, pages of them, ranges, bodies and conditions. */
import type { Readable } from 'node:stream';
import type { StorageKey } from './storage-key.js';

/** User metadata: keys `[a-z0-9_-]+`, values any Unicode text. */
export type ObjectMetadata = Readonly<Record<string, string>>;

/** What a listing knows of an object. */
export interface ObjectSummary {
  readonly key: StorageKey;
  /** Bytes. */
  readonly size: number;
  readonly lastModified: Date;
  /** Opaque version token: changes with every write, equal for equal versions. No quotes around it. */
  readonly etag: string;
}

/** Everything a store knows of an object but its bytes. All of one version. */
export interface ObjectInfo extends ObjectSummary {
  /** Media type as stored. */
  readonly contentType: string;
  readonly metadata: ObjectMetadata;
  /** `Cache-Control` as stored. */
  readonly cacheControl?: string;
  /** `Content-Disposition` as stored. */
  readonly contentDisposition?: string;
}

/** What is known of a staged object before it is published. */
export type StagedInfo = Omit<ObjectInfo, 'etag' | 'lastModified'>;

/**
 * Part of an object, in bytes. `end` is inclusive, as in HTTP (RFC 9110, 14.1.2) and in fs.createReadStream.
 * `suffix` means the last so many bytes.
 */
export type ByteRange =
  | { readonly start: number; readonly end?: number; readonly suffix?: never }
  | { readonly suffix: number; readonly start?: never; readonly end?: never };

/** The part that was really read: both ends inclusive, within the object. */
export interface ResolvedRange {
  readonly start: number;
  readonly end: number;
}

/** What a write may demand of the object that it replaces. */
export interface WriteConditions {
  /** `'*'`: only where the key is free (create only). Else AlreadyExistsError. */
  readonly ifNoneMatch?: '*';
  /** Only where the object has this etag. Else PreconditionFailedError. */
  readonly ifMatch?: string;
}

/** What every operation takes. */
export interface OperationOptions {
  /** Stops the operation: it rejects with OperationAbortedError and leaves nothing behind. */
  readonly signal?: AbortSignal;
}

export interface StageOptions extends OperationOptions, WriteConditions {
  readonly contentType: string;
  readonly metadata: ObjectMetadata;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  /** Exact length of the body in bytes, where it is known. The caller has the body checked against it. */
  readonly size?: number;
  /** Most bytes that the body can have, where that is known. The caller has the body checked against it. */
  readonly maxSize?: number;
}

export interface CopyOptions extends OperationOptions, WriteConditions {}

/** Which part of an object to open, and of which version. */
export interface OpenOptions extends OperationOptions {
  readonly range?: ByteRange;
  /** Only this version. Else PreconditionFailedError. */
  readonly ifMatch?: string;
}

/** An object being read. The body must be consumed or destroyed: it holds a descriptor or a socket. */
export interface OpenedObject {
  readonly info: ObjectInfo;
  /** What the body holds; the whole object where no range was asked (undefined for an empty object). */
  readonly range?: ResolvedRange;
  readonly body: Readable;
}

/** Which page of which keys. */
export interface ListPageOptions extends OperationOptions {
  /** String prefix of the keys. Empty means all. */
  readonly prefix: string;
  /** `'/'` groups keys by their next folder: those come back as `prefixes` instead of objects. */
  readonly delimiter?: '/';
  /** Of an earlier page of the same prefix and delimiter. */
  readonly cursor?: string;
  /** Most objects and prefixes together. At least 1. */
  readonly limit: number;
}

/** One page of a listing. */
export interface ListPage {
  readonly objects: readonly ObjectSummary[];
  /** Folders below the prefix, each ending with `/`. Empty without a delimiter. */
  readonly prefixes: readonly string[];
  /** Set when there may be more. Survives inserts and deletes between the pages. */
  readonly cursor?: string;
  /** Objects of other programs in between whose names are no keys. Left out where there are none, or cannot be told. */
  readonly passedOver?: number;
}

/** What became of each key. */
export interface DeleteManyResult {
  /** Keys that existed and are gone. (Where a store does not tell, keys that are gone.) */
  readonly deleted: readonly StorageKey[];
  readonly failed: readonly { readonly key: StorageKey; readonly error: Error }[];
}

/** How a browser shall take a file: RFC 6266. */
export interface ResponseDisposition {
  readonly type: 'inline' | 'attachment';
  /** Any Unicode; encoded by who answers. */
  readonly filename?: string;
}

/** How an image is changed on its way out. What is left out stays as stored. */
export interface ImageTransform {
  /** Pixels. */
  readonly width?: number;
  /** Pixels. */
  readonly height?: number;
  /**
   * How width and height are met: `scale` distorts, `fit` keeps all of the picture within them, `limit` is fit without
   * enlarging, `fill` covers them and cuts the rest, `pad` fits and adds a border, `crop` cuts without scaling. Needs
   * width or height. Default `limit`.
   */
  readonly crop?: 'scale' | 'fit' | 'limit' | 'fill' | 'pad' | 'crop';
  /** Format of the answer; `auto`: the best that the client names in Accept. */
  readonly format?: 'auto' | 'avif' | 'gif' | 'jpg' | 'png' | 'webp';
  /** 1 (smallest) to 100 (best), or `auto`. */
  readonly quality?: number | 'auto';
}

/** What a URL for reading binds. */
export interface SignGetOptions extends OperationOptions {
  /** Seconds. */
  readonly expiresIn: number;
  readonly disposition?: ResponseDisposition;
  /** Content-Type of the answer in place of the stored one. */
  readonly contentType?: string;
  /** Only where `capabilities.getUrl` has `transform`. */
  readonly transform?: ImageTransform;
}

/** What a URL for writing binds. */
export interface SignPutOptions extends OperationOptions {
  /** Seconds. */
  readonly expiresIn: number;
  /** The only Content-Type that the upload may have. */
  readonly contentType?: string;
  /** Exact size in bytes. */
  readonly size?: number;
  /** Largest size in bytes. */
  readonly maxSize?: number;
  /** Create only. */
  readonly ifNoneMatch?: '*';
  /** Stored with the object. */
  readonly metadata?: ObjectMetadata;
}

/** What a client needs to upload by itself. */
export interface SignedUpload {
  readonly method: 'PUT' | 'POST';
  readonly url: string;
  /** Headers that the request must carry as they are. */
  readonly headers: Readonly<Record<string, string>>;
  /** Form fields that must stand before the file (POST only). */
  readonly fields?: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
}
