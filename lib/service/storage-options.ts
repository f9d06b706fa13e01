/** Options and answers of StorageService. */
import type { Readable } from 'node:stream';
import type {
  ByteRange,
  ObjectSummary,
  OperationOptions,
  ResolvedRange,
  StagedInfo,
  WriteConditions,
} from '../contract/index.js';
import type { Checksum, ChecksumAlgorithm } from './checksum.js';
import type { StoredFile } from './stored-file.js';
import type { MetadataInput } from './write-options.js';

/** Rules of one storage. */
export interface StorageServiceSettings {
  /** Name of the storage among several. Default `default`. */
  readonly name?: string;
  /** Keys of `A-Z a-z 0-9 . _ - /` only. Default false. */
  readonly strictKeys?: boolean;
  /** Largest file in bytes that any write may store. Default: the backend's own limit. */
  readonly maxFileSize?: number;
  /** Default expiry of URLs in seconds. Default 3,600. */
  readonly urlExpiration?: number;
  /** Longest expiry of URLs in seconds that may be asked. Default 604,800 (7 days). */
  readonly maxUrlExpiration?: number;
}

export interface StageFileOptions extends OperationOptions, WriteConditions {
  /** Media type. Default: by the key's extension, else `application/octet-stream`. */
  readonly contentType?: string;
  /** Keys `[a-z0-9_-]+`; numbers and booleans are stored as their text. */
  readonly metadata?: MetadataInput;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  /** Exact size in bytes; a body of another size is a SizeMismatchError and stores nothing. */
  readonly size?: number;
  /** Largest size in bytes; a longer body is a FileTooLargeError and stores nothing. */
  readonly maxSize?: number;
  /** Verified before anything is published; else ChecksumMismatchError. */
  readonly checksum?: Checksum;
}

export interface StageFileRequest extends StageFileOptions {
  /** Checksum to compute while the bytes pass; it comes back as `digest`. */
  readonly compute?: ChecksumAlgorithm;
}

export interface PutOptions extends StageFileOptions {
  /** False skips the signed URL of the answer. Default true. */
  readonly url?: boolean;
}

/** A file that is stored but not yet published. */
export interface StagedUpload {
  readonly info: StagedInfo;
  /** The checksum that `compute` asked for, in hex. */
  readonly digest: string | undefined;
  /** Reads the staged bytes, where the backend can (`capabilities.stagedReads`). */
  open?(range?: ByteRange): Promise<Readable>;
  /** Whether the staged bytes, read back, are these. Only where `open` is; some backends have only that. */
  matches?(bytes: Uint8Array): Promise<boolean>;
  /** Publishes the file in one step. */
  commit(): Promise<StoredFile>;
  /** Throws it away. */
  abort(): Promise<void>;
}

/** How to read a file. */
export interface GetOptions extends OperationOptions {
  /** Part of the file; `end` is inclusive. */
  readonly range?: ByteRange;
  /** Only this version. */
  readonly ifMatch?: string;
}

/** A file being read. Consume or destroy the body: it holds a descriptor or a socket. */
export interface OpenedFile {
  readonly file: StoredFile;
  /** What the body holds; undefined for an empty file. */
  readonly range: ResolvedRange | undefined;
  readonly body: Readable;
}

/** Which files to list. */
export interface ListOptions extends OperationOptions {
  /** String prefix of keys (`user/1` also lists `user/10`). Default: all. */
  readonly prefix?: string;
}

/** Which page of files to list. */
export interface ListPageQuery extends ListOptions {
  /** `'/'` gives folders as `prefixes` in place of what is in them. */
  readonly delimiter?: '/';
  /** Of the page before. */
  readonly cursor?: string;
  /** Most entries of the page. Default 1,000. */
  readonly limit?: number;
}

/** An entry of a listing: key, size in bytes, date, etag. */
export type ListedFile = Omit<ObjectSummary, 'key'> & { readonly key: string };

/** One page of a listing. */
export interface ListedPage {
  readonly files: readonly ListedFile[];
  /** Folders below the prefix, each ending with `/`. */
  readonly prefixes: readonly string[];
  /** Set when there may be more. */
  readonly cursor?: string;
  /** Objects of other programs in between whose names are no keys. Left out where there are none, or cannot be told. */
  readonly passedOver?: number;
}

/** What became of each file. */
export interface DeletedFiles {
  /** Keys that existed and are gone. */
  readonly deleted: readonly string[];
  readonly failed: readonly { readonly key: string; readonly error: Error }[];
}

/** What a URL for uploading allows. */
export interface GetUploadUrlOptions extends OperationOptions {
  /** Seconds. Default STORAGE_URL_EXPIRATION (3,600). */
  readonly expiresIn?: number;
  /** The only Content-Type that the upload may have. */
  readonly contentType?: string;
  /** Exact size in bytes. */
  readonly size?: number;
  /** Largest size in bytes. */
  readonly maxSize?: number;
  /** Create only. */
  readonly ifNoneMatch?: '*';
  readonly metadata?: MetadataInput;
}

/** How thoroughly to look whether the store can be used. */
export interface CheckHealthOptions extends OperationOptions {
  /** Also write, read back and remove one hidden object. Default false. */
  readonly write?: boolean;
}
