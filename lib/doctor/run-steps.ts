/** Runs steps one after the other: each in its time, none whose ground is gone, and nothing secret told. */
import { explain } from './causes.js';
import type { DiagnosisOutcome, DiagnosisStep, DiagnosisStepId } from './diagnosis.js';
import { StepFailure, type Finding, type Step } from './step.js';
import type { Trial } from './trial.js';

/** A step took longer than it may. */
class StepTimeout extends Error {
  override readonly name = 'StepTimeout';
}

/** Ends with the work, the time limit or the outer signal, whichever is first: not every library listens to a signal. */
async function within<T>(
  seconds: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const timer = setTimeout(() => ended.abort(new StepTimeout(`no answer within ${seconds} s`)), seconds * 1000);
  const stop = () => ended.abort(outer?.reason);
  outer?.addEventListener('abort', stop, { once: true });
  try {
    outer?.throwIfAborted();
    return await Promise.race([
      work(ended.signal),
      new Promise<never>((_, reject) => {
        ended.signal.addEventListener('abort', () => reject(ended.signal.reason as Error), { once: true });
      }),
    ]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', stop);
  }
}

type Outcome = Pick<DiagnosisStep, 'outcome' | 'detail' | 'cause' | 'advice'>;

export class StepRunner {
  readonly steps: DiagnosisStep[] = [];
  /** Steps that failed, or were skipped because one failed that they need. */
  readonly #gone = new Map<DiagnosisStepId, string>();
  readonly #trial: Trial;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  get failed(): boolean {
    return this.steps.some(({ outcome }) => outcome === 'failed');
  }

  /** @param signal ends the step early; it is then skipped */
  async run(step: Step, signal: AbortSignal | undefined): Promise<void> {
    const began = performance.now();
    const { outcome, ...said } = await this.#outcomeOf(step, signal);
    const texts = Object.entries(said).filter(([, text]) => text !== undefined);
    const told: DiagnosisStep = {
      id: step.id,
      title: step.title,
      outcome,
      seconds: (performance.now() - began) / 1000,
      ...Object.fromEntries(texts.map(([name, text]) => [name, this.#trial.secrets.scrub(text)])),
    };
    this.steps.push(told);
    this.#trial.options.onStep?.(told);
  }

  async #outcomeOf(step: Step, signal: AbortSignal | undefined): Promise<Outcome> {
    if (signal?.aborted) return { outcome: 'skipped', detail: 'the diagnosis was stopped' };
    const ground = step.needs.map((id) => this.#gone.get(id)).find((title) => title !== undefined);
    if (ground !== undefined) {
      this.#gone.set(step.id, ground);
      return { outcome: 'skipped', detail: `not tried, since "${ground}" failed` };
    }
    try {
      const finding: Finding = await within(this.#trial.timeout, signal, (own) => {
        this.#trial.asking = undefined;
        return step.run(this.#trial, own);
      });
      return { ...finding, outcome: finding.outcome ?? ('passed' satisfies DiagnosisOutcome) };
    } catch (error) {
      if (signal?.aborted) return { outcome: 'skipped', detail: 'the diagnosis was stopped' };
      this.#gone.set(step.id, step.title);
      const { asking } = this.#trial;
      const unfinished = () => asking?.origin ?? step.unfinished?.(this.#trial);
      const detail = error instanceof StepFailure ? error.detail : unfinished();
      return { outcome: 'failed', detail, ...explain(error, this.#trial, step.id) };
    }
  }
}
