/** A file of the request as handlers get it. */
import type { Readable } from 'node:stream';
import type { ByteRange, ObjectMetadata } from '../contract/index.js';
import { FileFacts, type StagedUpload, type StoredFile, type UrlMaker } from '../service/index.js';
import type { UploadCandidate } from './upload-options.js';

/** The facts of an uploaded file that serialise. */
export interface StagedFileJson {
  readonly key: string;
  readonly fieldname: string;
  readonly originalname: string;
  /** Bytes. */
  readonly size: number;
  readonly contentType: string;
  readonly checksum?: string;
  readonly metadata: ObjectMetadata;
  readonly url?: string;
  /** Once the file is published. */
  readonly etag?: string;
  /** Once the file is published, as ISO 8601. */
  readonly lastModified?: string;
}

/**
 * An uploaded file, what `@UploadedFile()` gives. With late commit it is not yet visible while the handler runs: it
 * becomes so when the handler succeeds, before the response leaves.
 *
 * @publicApi
 */
export class StagedFile extends FileFacts {
  /** Name of the form field. */
  readonly fieldname: string;
  /** The client's file name, whole, without folders, control and bidirectional characters. For people, not for keys. */
  readonly originalname: string;
  /** Media type judged by the content; the same as contentType. */
  readonly mimetype: string;
  /** Checksum of the bytes in hex: SHA-256 unless the options say otherwise. */
  readonly checksum: string | undefined;
  /** Reads the bytes before they are published. Only where the backend can (`capabilities.stagedReads`). */
  readonly open?: (range?: ByteRange) => Promise<Readable>;
  #stored: StoredFile | undefined;

  constructor(candidate: UploadCandidate, staged: StagedUpload, makeUrl: UrlMaker, url?: string) {
    super(staged.info, makeUrl, url);
    this.fieldname = candidate.fieldname;
    this.originalname = candidate.originalname;
    this.mimetype = staged.info.contentType;
    this.checksum = staged.digest;
    if (staged.open) this.open = (range) => staged.open!(range);
  }

  /** The published file: before the handler with early commit, after it with late commit. */
  get stored(): StoredFile | undefined {
    return this.#stored;
  }

  /** @internal */
  published(stored: StoredFile | undefined): void {
    this.#stored = stored;
  }

  /** What JSON.stringify() shows. */
  toJSON(): StagedFileJson {
    return {
      key: this.key,
      fieldname: this.fieldname,
      originalname: this.originalname,
      size: this.size,
      contentType: this.contentType,
      ...(this.checksum !== undefined && { checksum: this.checksum }),
      metadata: this.metadata,
      ...(this.url !== undefined && { url: this.url }),
      ...(this.#stored && { etag: this.#stored.etag, lastModified: this.#stored.lastModified.toISOString() }),
    };
  }
}
