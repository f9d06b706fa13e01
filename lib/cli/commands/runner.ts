/** How a command of the tree is run, and the options that all of them share. */
import { Command } from 'commander';
import { oneMore } from '../asked-values.js';
import type { CommandWork, CommonOptions } from '../command-context.js';

/**
 * Runs the work of a command. What does the work is loaded only now: `ls` loads nothing of `copy`, and `--help` nothing
 * of the library.
 */
export type Runner = <Arguments>(
  load: () => Promise<CommandWork<Arguments>>,
  asked: Arguments,
  options: CommonOptions,
) => Promise<void>;

export const STORAGE_OPTION = [
  '-s, --storage <name>',
  'which storage; avatars reads STORAGE_AVATARS_…',
  'default',
] as const;

/** Adds the options that all commands share; last, so that they stand below a command's own. */
export function withCommonOptions(command: Command): Command {
  return command
    .option('--dotenv <path>', 'file of variables, in place of .env; may be given again', oneMore)
    .option('--json', 'answer as JSON, and tell failures as JSON')
    .option('--verbose', 'also tell what stood behind a failure');
}

/** Examples below the options of a command's help. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const oneLine = lines.every(([, what]) => width + what.length + 4 <= 80);
  const rows = lines.map(([command, what]) =>
    oneLine ? `  ${command.padEnd(width)}  ${what}` : `  ${command}\n      ${what}`,
  );
  return `\nExamples:\n${rows.join('\n')}`;
}
