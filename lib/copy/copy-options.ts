/** What a copy between storages is told, and what it tells. */
import type { StorageError } from '../contract/index.js';
import type { StorageService } from '../storage.service.js';

/** How to copy one storage into another. */
export interface CopyStorageOptions {
  /** Where the objects are. Nothing is written here. */
  readonly from: StorageService;
  /** Where they shall be, under the same keys. */
  readonly to: StorageService;
  /** String prefix of the keys (`user/1` also takes `user/10`). Default: all. */
  readonly prefix?: string;
  /** Objects under way at once. Default 16. */
  readonly concurrency?: number;
  /** Tells what would be done, and writes nothing. Default false. */
  readonly dryRun?: boolean;
  /** When all is copied, reads every object of both sides and compares bytes, type, metadata. Default false. */
  readonly verify?: boolean;
  /**
   * Deletes from the target, under the prefix, what the source does not have. Asked twice: the option itself and
   * `confirm: true`. Done last, only where everything else went well, and only what the target alone had when the copy
   * began and has as it was.
   */
  readonly deleteExtra?: {
    readonly confirm: true;
    /** `extraFingerprint` of a dry run: where the target alone has anything else now, the copy is refused. */
    readonly expected?: string;
  };
  /**
   * What becomes of an object of the target that differs and that this copy has not put there: false leaves it (it
   * counts as differed), true replaces it. Default false.
   */
  readonly overwrite?: boolean;
  /**
   * Copies what the target can hold when it cannot hold everything; the rest counts as failed. Default false: a
   * CopyRefusedError before the first byte.
   */
  readonly skipUnholdable?: boolean;
  /**
   * File of confirmed objects, by which a later run goes on where this one ended. Default: one of this pair of storages
   * and prefix in the user's state folder; none where a storage cannot tell where its objects are, as in memory. False:
   * none, and a later run compares every object that is there.
   */
  readonly journal?: string | false;
  /** Stops the copy: what is under way is undone, the journal stays. The summary comes with `stopped`. */
  readonly signal?: AbortSignal;
  /** About four times a second, and at every change of phase. What it throws stops the copy. */
  readonly onProgress?: (progress: CopyProgress) => void;
  /** Once for each object, when its outcome is certain. What it throws stops the copy. */
  readonly onObject?: (object: CopiedObject) => void;
}

/** What the copy is doing: `planning` reads both listings and checks what the target can hold. */
export type CopyPhase = 'planning' | 'copying' | 'verifying' | 'deleting' | 'done';

/** How far the copy is. Objects and bytes are those of the current phase. */
export interface CopyProgress {
  readonly phase: CopyPhase;
  readonly objectsDone: number;
  /** Grows while planning; after that it is fixed. */
  readonly objectsTotal: number;
  /** Of objects that are done, and of those under way. */
  readonly bytesDone: number;
  /** Grows while planning; after that it is fixed. */
  readonly bytesTotal: number;
  /** False while the totals still grow. */
  readonly totalsAreFinal: boolean;
  /** Bytes a second over the last seconds. */
  readonly bytesPerSecond: number;
  /** Left in this phase, by the rate of the last seconds. Undefined while that cannot be told. */
  readonly secondsLeft: number | undefined;
  /** Since the start. */
  readonly seconds: number;
  /** Objects that failed so far. */
  readonly failed: number;
}

/**
 * What became of an object. `copied`: sent. `skipped`: already there and equal. `differed`: another object is there and
 * was left, or verify found a difference. `gone`: the source no longer had it when its turn came. `deleted`: it was only
 * in the target. In a dry run: what would become of it.
 */
export type CopyOutcome = 'copied' | 'skipped' | 'differed' | 'failed' | 'gone' | 'deleted';

/** In what two objects of one key differ. */
export type CopyDifference =
  'missing' | 'size' | 'bytes' | 'contentType' | 'metadata' | 'cacheControl' | 'contentDisposition';

/** One object and what became of it. */
export interface CopiedObject {
  readonly key: string;
  readonly outcome: CopyOutcome;
  /** Bytes of the source's object; of the target's where it is only there. */
  readonly size: number;
  /** Of `differed`. */
  readonly differences?: readonly CopyDifference[];
  /** Of `failed`. */
  readonly error?: StorageError;
}

/** How many objects, and their bytes together. */
export interface CopyCount {
  readonly objects: number;
  readonly bytes: number;
}

/** Why the target cannot hold an object of the source. */
export interface CopyProblem {
  readonly key: string;
  /** What a write of it would be refused with. */
  readonly error: StorageError;
}

/** What was done. */
export interface CopySummary {
  /** True where source and target now agree as far as was asked: nothing failed, differed or stopped the copy. */
  readonly ok: boolean;
  readonly dryRun: boolean;
  /** Objects of the source under the prefix. */
  readonly total: CopyCount;
  /**
   * Beside them, objects whose names are no keys of this library (`a//b`, `folder/`), which are not copied. 0 where the
   * source cannot tell: S3 and Google Cloud Storage can.
   */
  readonly passedOver: number;
  readonly copied: CopyCount;
  readonly skipped: CopyCount;
  readonly differed: CopyCount;
  readonly failed: CopyCount;
  readonly gone: CopyCount;
  readonly deleted: CopyCount;
  /**
   * Objects that only the target has. Undefined where they were not counted: one side lists in no order, and
   * `deleteExtra` was not asked.
   */
  readonly extra: CopyCount | undefined;
  /** Of their keys and versions, when the copy began: for `deleteExtra.expected`. Undefined unless that was asked. */
  readonly extraFingerprint: string | undefined;
  /** Objects that verify found equal. Undefined where it was not asked. */
  readonly verified: CopyCount | undefined;
  /** What the target cannot hold; the first 100. Empty unless in a dry run or with `skipUnholdable`. */
  readonly problems: readonly CopyProblem[];
  readonly problemCount: number;
  /** What failed; the first 100. */
  readonly failures: readonly CopiedObject[];
  /** What differed; the first 100. */
  readonly differences: readonly CopiedObject[];
  /** What ended the copy early: an abort, or a failure that hits every object. */
  readonly stopped: StorageError | undefined;
  readonly seconds: number;
  /** The journal, for the next run. */
  readonly journal: string | undefined;
}
