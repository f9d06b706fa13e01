/** Facts of objects as the answers of the store tell them. */
import { DEFAULT_CONTENT_TYPE, type ObjectInfo, type StorageKey } from '../../contract/index.js';
import type { S3Dialect } from './s3.dialects.js';
import { decodeMetadata } from './s3.metadata.js';

/** What HeadObject and GetObject have in common. */
export interface ObjectHeaders {
  readonly ETag?: string;
  readonly LastModified?: Date;
  readonly ContentType?: string;
  readonly ContentLength?: number;
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentEncoding?: string;
  readonly ContentLanguage?: string;
  readonly Expires?: Date;
  readonly Metadata?: Record<string, string>;
}

/** The ETag without its quotes. */
export function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

/** The ETag as the store compares it. */
export function etagCondition(dialect: S3Dialect, etag: string | undefined): string | undefined {
  if (etag === undefined) return undefined;
  return dialect.bareIfMatch ? etag : `"${etag}"`;
}

export function objectInfo(dialect: S3Dialect, key: StorageKey, headers: ObjectHeaders, size: number): ObjectInfo {
  return {
    key,
    size,
    etag: bareEtag(headers.ETag),
    lastModified: headers.LastModified ?? new Date(0),
    contentType: headers.ContentType ?? DEFAULT_CONTENT_TYPE,
    metadata: decodeMetadata(headers.Metadata, dialect.underscores),
    ...(headers.CacheControl !== undefined && { cacheControl: headers.CacheControl }),
    ...(headers.ContentDisposition !== undefined && { contentDisposition: headers.ContentDisposition }),
  };
}
