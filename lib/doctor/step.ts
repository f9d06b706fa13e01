/** What a step of the diagnosis is made of, and how it says what it found. */
import type { DiagnosisStepId } from './diagnosis.js';
import type { Trial } from './trial.js';

/** Why something does not work, and what to do: sentences for people. */
export interface Explanation {
  readonly cause: string;
  readonly advice: string;
}

/** What a step found where it did not fail. */
export interface Finding extends Partial<Explanation> {
  /** Default `passed`. */
  readonly outcome?: 'warned' | 'skipped';
  readonly detail?: string;
}

export interface Step {
  readonly id: DiagnosisStepId;
  readonly title: string;
  /** Steps that must not have failed before this one is worth trying. */
  readonly needs: readonly DiagnosisStepId[];
  /** Told as the detail where an error or the time limit ends the step. */
  unfinished?(trial: Trial): string | undefined;
  /** @throws StepFailure where the step knows why it failed; any other error is explained by the tables of causes */
  run(trial: Trial, signal: AbortSignal): Promise<Finding>;
}

/** A failure that the step itself explains. */
export class StepFailure extends Error {
  constructor(
    readonly explanation: Explanation,
    readonly detail?: string,
    /** Status of the answer that it explains. */
    readonly status?: number,
  ) {
    super(explanation.cause);
    this.name = 'StepFailure';
  }
}

/** Ends the step as failed. */
export function fail(cause: string, advice: string, detail?: string): never {
  throw new StepFailure({ cause, advice }, detail);
}

/** There is nothing to try. */
export function skip(detail: string): Finding {
  return { outcome: 'skipped', detail };
}
