/** Counts what became of the objects, and keeps the first of what went wrong. */
import { StorageError } from '../contract/index.js';
import type { CopiedObject, CopyCount, CopyOutcome, CopyProblem, CopySummary } from './copy-options.js';

/** A summary names so many; all are told through onObject. */
const MOST_NAMED = 100;

interface Count {
  objects: number;
  bytes: number;
}

const none = (): Count => ({ objects: 0, bytes: 0 });

export class Tally {
  readonly total = none();
  readonly extra = none();
  readonly verified = none();
  stopped: StorageError | undefined;
  extraFingerprint: string | undefined;
  passedOver = 0;
  readonly #counts: Record<CopyOutcome, Count> = {
    copied: none(),
    skipped: none(),
    differed: none(),
    failed: none(),
    gone: none(),
    deleted: none(),
  };
  #failures: CopiedObject[] = [];
  #differences: CopiedObject[] = [];
  readonly #problems: CopyProblem[] = [];
  #problemCount = 0;

  add(count: Count, size: number): void {
    count.objects++;
    count.bytes += size;
  }

  count(object: CopiedObject): void {
    this.add(this.#counts[object.outcome], object.size);
    if (object.outcome === 'failed') keep(this.#failures, object);
    if (object.outcome === 'differed') keep(this.#differences, object);
  }

  of(outcome: CopyOutcome): CopyCount {
    return this.#counts[outcome];
  }

  problem(problem: CopyProblem): void {
    this.#problemCount++;
    keep(this.#problems, problem);
  }

  get problems(): { readonly problems: readonly CopyProblem[]; readonly problemCount: number } {
    return { problems: this.#problems, problemCount: this.#problemCount };
  }

  /** Verification looks at every object anew: what differed while copying is told by it, or no longer true. */
  forgetDifferences(): void {
    this.#counts.differed = none();
    this.#differences = [];
  }

  forgetGone(): void {
    this.#counts.gone = none();
  }

  summary(
    facts: Pick<CopySummary, 'dryRun' | 'seconds' | 'journal'> & {
      readonly extra: boolean;
      readonly verified: boolean;
    },
  ): CopySummary {
    const { copied, skipped, differed, failed, gone, deleted } = this.#counts;
    const fine = failed.objects === 0 && differed.objects === 0;
    return {
      ...facts,
      ...this.problems,
      ok: fine && this.#problemCount === 0 && this.stopped === undefined,
      total: this.total,
      passedOver: this.passedOver,
      copied,
      skipped,
      differed,
      failed,
      gone,
      deleted,
      extra: facts.extra ? this.extra : undefined,
      extraFingerprint: this.extraFingerprint,
      verified: facts.verified ? this.verified : undefined,
      failures: this.#failures,
      differences: this.#differences,
      stopped: this.stopped,
    };
  }
}

function keep<T>(list: T[], item: T): void {
  if (list.length < MOST_NAMED) list.push(item);
}
