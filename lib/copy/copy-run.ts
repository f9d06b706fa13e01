/** What all phases of one copy share, and when a failure ends all of it. */
import { StorageError } from '../contract/index.js';
import type { CopiedObject } from './copy-options.js';
import type { ListedPlaces } from './merged-listing.js';
import type { ProgressMeter } from './progress.js';
import type { Tally } from './tally.js';

/** Ends the copy early, with what has been done so far told in the summary. */
export class StopCopy extends Error {
  constructor(readonly reason: StorageError) {
    super(reason.message, { cause: reason });
  }
}

/** Failures that may be those of every object. */
const MAY_HIT_ALL = new Set(['permission-denied', 'quota-exceeded', 'unavailable', 'timeout', 'configuration']);
/** After so many of them, with no success between, the storage itself is asked. */
const SUSPECT_AFTER = 5;

export interface CopyRunFacts extends ListedPlaces {
  readonly concurrency: number;
  readonly dryRun: boolean;
  readonly tally: Tally;
  readonly meter: ProgressMeter;
  readonly onObject: ((object: CopiedObject) => void) | undefined;
}

export class CopyRun {
  #suspicious = 0;

  constructor(readonly facts: CopyRunFacts) {}

  /** An outcome is certain. @param moved bytes of it that the meter knows of already */
  tell(object: CopiedObject, moved = 0): void {
    const { tally, meter, onObject } = this.facts;
    tally.count(object);
    meter.done(object.size - moved);
    if (object.outcome !== 'failed') this.#suspicious = 0;
    onObject?.(object);
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
    const write = meter.phase === 'copying' && !dryRun;
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
