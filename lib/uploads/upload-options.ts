/** Options of the upload interceptors. */
import type { ExecutionContext, InjectionToken } from '@nestjs/common';
import type { ByteSize, ChecksumAlgorithm, MetadataInput, StoredFile } from '../service/index.js';

/** A file of the request before its bytes are stored: what its part header and its first bytes tell. */
export interface UploadCandidate {
  /** Name of the form field. */
  readonly fieldname: string;
  /** The client's file name, whole; folders, control and bidirectional characters are gone. Not safe in a key. */
  readonly originalname: string;
  /** The file name as safeName() makes it: safe as a segment of a key. */
  readonly safeName: string;
  /** Media type judged by the content. */
  readonly mimetype: string;
  /** Extension without its dot that fits the content; the name's own where both agree. Empty where none is known. */
  readonly extension: string;
}

/** What a request may hold. Anything over it is refused: 413 for a file's size, else 400. */
export interface UploadLimits {
  /** Largest file. Default `'10mb'`. `Infinity` leaves it to the storage. */
  readonly fileSize?: ByteSize;
  /** Most files. Default: 1 for a single file, the maxCount of the others where given, else 10. */
  readonly files?: number;
  /** Most text fields. Default 100. */
  readonly fields?: number;
  /** Most parts, files and fields together. Default: `files` and `fields` together. */
  readonly parts?: number;
  /** Largest value of a text field. Default `'64kb'`. */
  readonly fieldSize?: ByteSize;
  /** Longest name of a field in bytes. Default 100. */
  readonly fieldNameSize?: number;
  /** Longest file name in bytes. Default 1,024. */
  readonly fileNameSize?: number;
  /** Most header lines of a part. Default 20. */
  readonly headerPairs?: number;
  /** Deepest nesting of a field name; `a[b][c]` has 2. Default 5. */
  readonly fieldNestingDepth?: number;
  /** Highest index in a field name such as `tags[3]`. Default 100. */
  readonly fieldArrayIndexLimit?: number;
}

/** Options of an upload interceptor. */
export interface StorageUploadOptions {
  /** Name of the storage. Default: the one without a name. */
  readonly storage?: string;
  /**
   * The key of a file. Fields that the client sends before the file are in the request's body; later ones are not.
   * Default `uploads/<uuid>/<safeName>`.
   */
  readonly key?: (file: UploadCandidate, context: ExecutionContext) => string | Promise<string>;
  readonly limits?: UploadLimits;
  /**
   * Media types to take, judged by content: `application/pdf`, `image/*`. A wildcard never takes in types that a
   * browser would run (HTML, SVG, XML, JavaScript); name those one by one. Others are refused with 415. Default: all.
   */
  readonly accept?: readonly string[];
  /** True: a request without a file is refused with 400. Default false. */
  readonly required?: boolean;
  /** User metadata to store with a file. */
  readonly metadata?: (file: UploadCandidate, context: ExecutionContext) => MetadataInput | Promise<MetadataInput>;
  /** `Cache-Control` to store with the files. */
  readonly cacheControl?: string;
  /** `'*'`: refuse with 409 where the key is taken. */
  readonly ifNoneMatch?: '*';
  /** Checksum to compute while the bytes pass; the files carry it in hex. Default `sha256`; false: none. */
  readonly checksum?: ChecksumAlgorithm | false;
  /**
   * `late`: files become visible after the handler's success and before the response leaves. `early`: before the
   * handler runs, create-only, and they are removed again when it fails. Default `late`.
   */
  readonly commit?: 'late' | 'early';
  /** Work for after the response, such as thumbnails. Its errors are logged and harm nobody; `app.close()` waits for it. */
  readonly afterCommit?: (files: readonly StoredFile[], context: ExecutionContext) => void | Promise<void>;
  /** Seconds without a byte after which a client that has not sent all it announced gets 408. Default 30. */
  readonly stallTimeout?: number;
}

/** Options made by a factory with injected providers. It runs once, when the app starts. */
export interface StorageUploadOptionsFactory {
  readonly inject?: readonly InjectionToken[];
  /** Makes the options from what `inject` names. */
  readonly useFactory: (...dependencies: never[]) => StorageUploadOptions | Promise<StorageUploadOptions>;
}
