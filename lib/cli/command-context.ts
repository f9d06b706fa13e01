/** What every command gets, whatever it does. */
import type { Terminal } from './terminal.js';

/** Options that all commands share. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly dotenv?: readonly string[];
}

/** What a command stands in. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Fires when the command shall end: it cleans up, and rejects. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly verbose: boolean;
}

/** What a command does. @returns its exit code where that is not 0 */
export type CommandWork<Arguments> = (asked: Arguments, context: CommandContext) => Promise<number | void>;
