/** The command line as a whole: its commands, help, failures and exit code. */
import { Command, CommanderError } from 'commander';
import { addGet, addLs, addPut, addRm, addUrl } from './commands/object-commands.js';
import type { Runner } from './commands/runner.js';
import { addCopy, addDoctor } from './commands/store-commands.js';
import type { Interruption } from './interruption.js';
import type { Terminal } from './terminal.js';
import { ownVersion } from './version.js';

export const PROGRAM = 'nestjs-storage';

const EXIT_USAGE = 2;

const INTERRUPTED_JSON = JSON.stringify({ error: { code: 'aborted', message: 'interrupted' } });

const AFTER = `
Storages are read from the environment and from .env, as the app reads them:
--storage avatars means the variables that begin with STORAGE_AVATARS_.

Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.`;

/** The commands that work on storages. */
export function storageCommands(run: Runner): Command {
  const program = new Command(PROGRAM)
    .description('Look after the storage of an app: check it, copy it, list, read and write its files.')
    .version(ownVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .addHelpText('after', AFTER)
    .showSuggestionAfterError()
    .exitOverride();
  for (const add of [addDoctor, addCopy, addLs, addUrl, addPut, addGet, addRm]) add(program, run);
  return program;
}

/** @returns the exit code */
export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
  interruption: Pick<Interruption, 'signal' | 'exitCode'>,
): Promise<number> {
  let exitCode = 0;
  const run: Runner = async (load, asked, options) => {
    const { loadEnvironmentFiles } = await import('./environment-files.js');
    loadEnvironmentFiles(options.dotenv, process.env);
    const { json = false, verbose = false } = options;
    const work = await load();
    exitCode = (await work(asked, { terminal, signal: interruption.signal, json, verbose })) ?? 0;
  };
  const program = wholeProgram(terminal, run);
  try {
    await program.parseAsync(args, { from: 'user' }).catch(throwUnlessAsked);
    await terminal.flush();
    return interruption.exitCode ?? exitCode;
  } catch (error) {
    // The verdict of an interrupted command is that it was interrupted, whatever broke on the way.
    if (interruption.exitCode !== undefined) {
      terminal.note(wants(args, '--json') ? INTERRUPTED_JSON : 'Interrupted.');
      return interruption.exitCode;
    }
    if (error instanceof CommanderError) return wrongUse(error, args, terminal);
    return failed(error, args, terminal);
  }
}

function wholeProgram(terminal: Terminal, run: Runner): Command {
  const program = storageCommands(run);
  program
    .command('completion')
    .summary('print a completion script for a shell')
    .description('Print a script that completes commands, options, storages and keys in a shell.')
    .addArgument(program.createArgument('<shell>', 'which one').choices(['bash', 'zsh', 'fish', 'powershell']))
    .addHelpText('after', '\nFor bash: source <(nestjs-storage completion bash)')
    .action(async (shell: string) => (await import('./completion.js')).printScript(shell));
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => (await import('./completion.js')).complete(words));
  const { output } = terminal.streams;
  const configuration = {
    writeOut: (text: string) => void output.write(text),
    writeErr: (text: string) => terminal.note(text.replace(/\n$/, '')),
    // Failures are told in one place, and as JSON where that is asked.
    outputError: () => undefined,
    getOutHelpWidth: () => Math.min(output.columns ?? 80, 100),
    getErrHelpWidth: () => Math.min(terminal.streams.error.columns ?? 80, 100),
  };
  for (const command of [program, ...program.commands]) command.configureOutput(configuration);
  return program;
}

/** Help and version were asked for, and are no error. */
function throwUnlessAsked(error: unknown): void {
  if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
}

async function wrongUse(error: CommanderError, args: readonly string[], terminal: Terminal): Promise<number> {
  // Without a command the help was shown in place of an error.
  if (error.code === 'commander.help') return EXIT_USAGE;
  const { UsageError } = await import('./failures.js');
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const help = `Its help: ${PROGRAM} ${args[0]?.startsWith('-') || args.length === 0 ? '' : `${args[0]} `}--help`;
  return failed(new UsageError(message, suggestion?.replace(/^\((.*)\)$/, '$1') ?? help), args, terminal);
}

async function failed(error: unknown, args: readonly string[], terminal: Terminal): Promise<number> {
  const { exitCodeOf, tellFailure } = await import('./failures.js');
  tellFailure(terminal, error, { json: wants(args, '--json'), verbose: wants(args, '--verbose') });
  return exitCodeOf(error);
}

/** Also where the line could not be read; behind `--` it is a key. */
function wants(args: readonly string[], flag: string): boolean {
  return (args.includes('--') ? args.slice(0, args.indexOf('--')) : args).includes(flag);
}
