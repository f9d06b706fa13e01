/** What a copy is refused with before its first byte. */
import { quoted, StorageError, type StorageErrorDetails } from '../contract/index.js';
import { COPY_ADVICE } from './copy-advice.js';
import type { CopyProblem } from './copy-options.js';

const SHOWN = 3;

/**
 * The target cannot hold some objects of the source; nothing was written.
 *
 * @publicApi
 */
export class CopyRefusedError extends StorageError {
  /** The first 100. */
  readonly problems: readonly CopyProblem[];
  /** All of them. */
  readonly problemCount: number;

  constructor(
    details: Pick<StorageErrorDetails, 'backend'> & {
      readonly problems: readonly CopyProblem[];
      readonly problemCount: number;
    },
  ) {
    const { problems, problemCount, backend } = details;
    const shown = problems.slice(0, SHOWN).map(({ key, error }) => `${quoted(key)}: ${error.reason}`);
    const more = problemCount > shown.length ? `; and ${problemCount - shown.length} more` : '';
    super(
      {
        operation: 'copy',
        backend,
        reason: `the target cannot hold ${problemCount} of the objects, and nothing was written (${shown.join('; ')}${more})`,
        advice: COPY_ADVICE.unholdable,
        cause: problems[0]?.error,
      },
      'not-supported',
    );
    this.problems = problems;
    this.problemCount = problemCount;
  }
}
