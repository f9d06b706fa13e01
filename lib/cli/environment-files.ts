/** `.env` files, read as @nestjs/config reads them: what the process has already wins, then the first file. */
import { readFileSync } from 'node:fs';
import { parse } from 'dotenv';
import { FileError, UsageError } from './failures.js';

const DEFAULT_FILE = '.env';

/**
 * Adds the variables of the files to an environment.
 *
 * @param files that were asked for, and must be there. Default: `.env` of the current folder, where there is one
 * @throws UsageError, FileError
 */
export function loadEnvironmentFiles(files: readonly string[] | undefined, environment: NodeJS.ProcessEnv): void {
  for (const file of files ?? [DEFAULT_FILE]) {
    for (const [name, value] of Object.entries(variablesOf(file, files !== undefined))) environment[name] ??= value;
  }
}

function variablesOf(file: string, asked: boolean): Record<string, string> {
  try {
    return parse(readFileSync(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !asked) return {};
    if (code === 'ENOENT') throw new UsageError(`there is no file ${JSON.stringify(file)} for --dotenv`);
    throw new FileError(`the file of variables ${JSON.stringify(file)} cannot be read (${code})`, {
      advice: asked ? 'Check --dotenv.' : 'Mend it, or name another with --dotenv.',
      cause: error,
    });
  }
}
