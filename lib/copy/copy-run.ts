/** What all phases of one copy share, and when a failure ends all of it. */
import { StorageError } from '../contract/index.js';
import { BytesUnderWay } from './bytes-under-way.js';
import type { CopiedObject } from './copy-options.js';
import type { ExtraObjects } from './extra-objects.js';
import type { ListedPlaces } from './merged-listing.js';
import type { ProgressMeter } from './progress.js';
import { SourceWatch } from './source-watch.js';
import type { Tally } from './tally.js';

/** Ends the copy early, with what has been done so far told in the summary. */
export class StopCopy extends Error {
  constructor(readonly reason: StorageError) {
    super(reason.message, { cause: reason });
  }
}

/** Failures that may be those of every object. Not found: a target that is gone, since a source's object would be told so. */
const MAY_HIT_ALL = new Set([
  'permission-denied',
  'quota-exceeded',
  'unavailable',
  'timeout',
  'configuration',
  'not-found',
]);
/** After so many of them, with no success between, the storage itself is asked. */
const SUSPECT_AFTER = 5;
/** Bytes up to which a body is held whole, and beyond which its bytes are told while they pass. */
export const SMALL = 256 * 1024;
/** Bytes of larger objects under way together: what stores buffer of them stays within the same order. */
const MOST_LARGE = 32 * 1024 * 1024;

export interface CopyRunFacts extends ListedPlaces {
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly tally: Tally;
  readonly meter: ProgressMeter;
  readonly onObject: ((object: CopiedObject) => void) | undefined;
  /** Where they may have to be deleted. */
  readonly extras: ExtraObjects | undefined;
}

export class CopyRun {
  readonly source: SourceWatch;
  readonly #large = new BytesUnderWay(MOST_LARGE);
  #suspicious = 0;

  constructor(readonly facts: CopyRunFacts) {
    this.source = new SourceWatch(facts, facts.tally.total);
  }

  /** Does work that moves so many bytes, as soon as there is room for it. */
  bounded<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    return bytes <= SMALL ? work() : this.#large.within(bytes, work);
  }

  /** An outcome is certain. @param moved bytes of it that the meter knows of already */
  tell(object: CopiedObject, moved = 0): void {
    const { tally, meter, onObject } = this.facts;
    tally.count(object);
    meter.done(object.size - moved);
    if (object.outcome !== 'failed') this.#suspicious = 0;
    // Others may be known from listings alone.
    if (object.outcome === 'copied') this.source.found();
    onObject?.(object);
  }

  /** The source no longer has an object that it listed. @throws StopCopy where it has lost more than that */
  async gone(key: string, size: number): Promise<void> {
    this.throwIfStopped();
    this.tell({ key, size, outcome: 'gone' });
    await this.stopsCopy(() => this.source.missed());
  }

  /** A failure of this step ends the copy. @throws StopCopy */
  async stopsCopy<T>(step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      this.throwIfStopped();
      throw error instanceof StorageError ? new StopCopy(error) : error;
    }
  }

  /**
   * An object could not be copied. The others go on, unless one of the storages itself has failed.
   *
   * @throws StopCopy; what was thrown, where that is no failure of a storage
   */
  async fail(key: string, size: number, error: unknown): Promise<void> {
    this.throwIfStopped();
    if (!(error instanceof StorageError)) throw error;
    this.tell({ key, size, outcome: 'failed', error });
    this.#suspicious = MAY_HIT_ALL.has(error.code) ? this.#suspicious + 1 : 0;
    if (this.#suspicious < SUSPECT_AFTER) return;
    this.#suspicious = 0;
    const { from, to, dryRun, meter, signal } = this.facts;
    const write = meter.phase !== 'verifying' && !dryRun;
    try {
      await Promise.all([from.checkHealth({ signal }), to.checkHealth({ write, signal })]);
    } catch {
      this.throwIfStopped();
      throw new StopCopy(error);
    }
  }

  /** The reason where all of it was stopped; what was thrown is then but its echo. */
  stopped(error: unknown): StopCopy | undefined {
    const { signal } = this.facts;
    if (signal.aborted) return signal.reason as StopCopy;
    return error instanceof StopCopy ? error : undefined;
  }

  /** @throws StopCopy once the signal has fired */
  throwIfStopped(): void {
    const { signal } = this.facts;
    if (signal.aborted) throw signal.reason;
  }
}
