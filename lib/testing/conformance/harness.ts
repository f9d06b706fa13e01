/** What the conformance suite needs to know of a backend, and what it gives back: cases that any runner can run. */
import type { StorageBackend } from '../../contract/index.js';

/** A backend ready for use, and what to do when the suite is through with it. */
export interface ConformanceTarget {
  readonly backend: StorageBackend;
  /**
   * `url`: every byte that a case reads back comes through getUrl() and a real fetch, and simple writes go through
   * getUploadUrl(), so that the suite proves the signed URLs too. Default `direct`.
   */
  readonly reach?: 'direct' | 'url';
  /** Descriptors, sockets or the like that are open now. Given, the suite proves that reads leave none behind. */
  openHandles?(): number | Promise<number>;
  /** Removes what the target holds. */
  close(): Promise<void>;
}

/** What a suite cannot learn from the capabilities. */
export interface ConformanceSettings {
  /** URLs of getUrl() also answer HEAD. (A presigned S3 URL is bound to its method.) Default false. */
  readonly headOnUrls?: boolean;
  /** URLs of getUrl() answer a range of the last 0 bytes in a way of their own, not with 416. Default false. */
  readonly looseEmptyRanges?: boolean;
  /** The store does not tell whether there was anything to delete. Default false. */
  readonly blindDeletes?: boolean;
  /** How long a write may take to be seen where `consistency` is `eventual`, in seconds. Default 10. */
  readonly settleSeconds?: number;
  /** How long past its expiry a URL may still be honoured, in seconds. Default 0. */
  readonly expirySlackSeconds?: number;
  /** Bytes of the large bodies. Default 3 MiB. */
  readonly largeBytes?: number;
}

/** How the suite gets at a backend. */
export interface ConformanceHarness {
  /** Shown in the names of the tests. */
  readonly name: string;
  /** Makes the target. It may stand over a shared store: every case keeps to keys of its own and removes them. */
  create(): Promise<ConformanceTarget>;
  /** Body size in bytes that surely takes the store's multipart path when its length is unknown. */
  readonly multipartBytes?: number;
  readonly settings?: ConformanceSettings;
}

/** One promise of the contract. */
export interface ConformanceCase {
  readonly group: string;
  /** Unique among all cases. */
  readonly name: string;
  /** Resolves when the backend keeps the promise; else rejects with what it did instead. */
  run(): Promise<void>;
}
