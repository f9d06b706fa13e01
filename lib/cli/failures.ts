/** Failures as the command line tells them: what failed, what to do, and the exit code. */
import { StorageError, type StorageErrorCode } from '../contract/index.js';
import type { COPY_ADVICE } from '../copy/copy-advice.js';
import type { CopyRefusedError } from '../copy/index.js';
import { masked } from './secrets.js';
import { printable, type Terminal } from './terminal.js';

/** Exit codes. An interrupted command ends with 128 and the number of its signal. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** The command line itself is wrong; nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

/** A file of this machine could not be read or written. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly advice: string | undefined;

  constructor(message: string, options: { readonly advice?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.advice = options.advice;
  }
}

/** Where an error's own advice speaks of the API. */
const ADVICE: Partial<Record<StorageErrorCode, string>> = {
  'not-found': 'See what is there with: nestjs-storage ls',
  'already-exists': 'Choose another key, or leave out --no-overwrite to replace it.',
  'invalid-key': 'A valid key is "documents/2026/report (1).pdf".',
};

/** Advice of copies, in options of the command. The compiler holds it to be all of it; other commands load no copies. */
const COPY_OPTIONS: Readonly<Record<(typeof COPY_ADVICE)[keyof typeof COPY_ADVICE], string>> = {
  'Rename or shrink them in the source, or copy the rest with skipUnholdable.':
    'Rename or shrink them in the source, or copy the rest with --skip-unholdable.',
  'Check the source and the prefix; deletePrefix() empties a folder.':
    'Check --from and --prefix; a folder is emptied with: nestjs-storage rm --recursive',
  'Name another file with `journal`, or copy without one (false).':
    'Name another file with --journal, or copy without one (--no-journal).',
  'Name another file with `journal`; this one was left as it is.':
    'Name another file with --journal; this one was left as it is.',
  'Wait for its end, or name another file with `journal`.': 'Wait for its end, or name another file with --journal.',
  'Look at it again with dryRun, and confirm what would go now.':
    'Run the same command again: it asks for what would go now.',
};

// What was asked for cannot be: no other try of the same command helps.
const WRONG_USE: ReadonlySet<StorageErrorCode> = new Set(['invalid-key', 'invalid-options'] as const);

/** A failure as JSON, on the error stream. */
export interface ToldFailure {
  /** Code of the StorageError; `usage`, `file` or `unknown` where it is none. */
  readonly code: string;
  readonly message: string;
  readonly operation?: string;
  readonly key?: string;
  readonly backend?: string;
  readonly advice?: string;
  /** What a target cannot hold of a copy that was refused: the first 100, and how many there are. */
  readonly problems?: readonly { readonly key: string; readonly error: ToldFailure }[];
  readonly problemCount?: number;
  /** What stood behind it, outermost first. With --verbose. */
  readonly causes?: readonly string[];
}

/** The failure in the words of the command line. Nothing of it is a stack, or a secret of the environment. */
export function toldFailure(error: unknown, { verbose = false } = {}): ToldFailure {
  const causes = verbose ? { causes: causesOf(error).map((cause) => masked(cause)) } : {};
  if (error instanceof StorageError) {
    const { code, operation, key, backend, reason } = error;
    const advice = ADVICE[code] ?? inOptions(error.advice);
    const what = key === undefined ? operation : `${operation} ${JSON.stringify(key)}`;
    const where = backend === undefined ? '' : ` on ${backend}`;
    // Settings were not asked for by an operation.
    const message = masked(code === 'configuration' ? reason : `${what}${where}: ${reason}`);
    return {
      code,
      message,
      operation,
      key,
      backend,
      ...(advice !== undefined && { advice: masked(advice) }),
      ...(isRefusal(error) && {
        problems: error.problems.map((problem) => ({ key: problem.key, error: toldFailure(problem.error) })),
        problemCount: error.problemCount,
      }),
      ...causes,
    };
  }
  if (error instanceof UsageError || error instanceof FileError) {
    const code = error instanceof UsageError ? 'usage' : 'file';
    return { code, message: masked(error.message), ...(error.advice && { advice: masked(error.advice) }), ...causes };
  }
  return { code: 'unknown', message: masked(messageOf(error)), ...causes };
}

function inOptions(advice: string | undefined): string | undefined {
  return (COPY_OPTIONS as Partial<Record<string, string>>)[advice ?? ''] ?? advice;
}

function isRefusal(error: StorageError): error is CopyRefusedError {
  return error.name === ('CopyRefusedError' satisfies (typeof CopyRefusedError)['name']);
}

/** One line on what failed, one on what to do, and with --verbose what stood behind it. */
export function tellFailure(terminal: Terminal, error: unknown, options: { json: boolean; verbose: boolean }): void {
  const told = toldFailure(error, options);
  if (options.json) return terminal.note(JSON.stringify({ error: told }));
  terminal.note(`${terminal.styled('bad', 'error:', 'error')} ${printable(told.message)}`);
  if (told.advice !== undefined) terminal.note(`  ${printable(told.advice)}`);
  for (const cause of told.causes ?? []) terminal.note(`  caused by ${printable(cause)}`);
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof StorageError && WRONG_USE.has(error.code) ? EXIT.usage : EXIT.failed;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  const seen = new Set<unknown>([error]);
  for (let cause = (error as Error)?.cause; cause !== undefined && !seen.has(cause); cause = (cause as Error)?.cause) {
    seen.add(cause);
    causes.push(cause instanceof Error ? `${cause.name}: ${messageOf(cause)}` : String(cause));
  }
  return causes;
}
