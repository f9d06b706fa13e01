/** Completion in shells: the scripts, and what can follow the words of a line. Reads storages, and never writes. */
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import tab, { type Argument, type Option } from '@bomb.sh/tab';
import completionsOf from '@bomb.sh/tab/commander';
import type { StorageService } from '../storage.service.js';
import { BASH_SCRIPT } from './bash-completion.js';
import { loadEnvironmentFiles } from './environment-files.js';
import { PROGRAM, storageCommands } from './program.js';
import { sizeText } from './sizes.js';
import { namedStorage, storagesIn, assertConfigured } from './storage-names.js';

/** For a store to answer, in ms: who presses Tab waits. */
const PATIENCE = 2000;
const MOST = 100;
const DEEPEST = 5;
const FOLDER = 'folder';

// Shells put what they complete into the line as it is, and run the line: a key `$(reboot)` must not get there.
const PLAIN = /^[\p{L}\p{N}._/@%+=,-]+$/u;

/** Which argument of which command is completed by what. Nothing for rm: Tab must not choose what is deleted. */
const KEYS: Readonly<Record<string, string>> = { ls: 'prefix', url: 'key', get: 'key' };
const FILES: Readonly<Record<string, string>> = { put: 'file', get: 'file' };
const STORAGE_OPTIONS = ['storage', 'from', 'to'];

/** What can follow, and what it is: shells show that beside it. */
interface Entry {
  readonly value: string;
  readonly what: string;
}

/** Writes the script to standard output. */
export function printScript(shell: string): void {
  if (shell === 'bash') process.stdout.write(BASH_SCRIPT);
  else tab.setup(PROGRAM, PROGRAM, shell);
}

/** Writes what can follow to standard output, as the scripts read it. @param words after the program, the last unfinished */
export async function complete(words: readonly string[]): Promise<void> {
  // Whatever hangs, the shell gets its line back.
  setTimeout(() => process.exit(), 2 * PATIENCE).unref();
  const root = completionsOf(
    storageCommands(async () => undefined),
    { completionCommandName: 'completion' },
  );
  const [command = ''] = words;
  const current = words.at(-1) ?? '';
  const { values } = parseArgs({
    args: [...words],
    options: { storage: { type: 'string', short: 's' }, dotenv: { type: 'string', multiple: true } },
    strict: false,
    allowPositionals: true,
  });
  quietly(() => loadEnvironmentFiles(values.dotenv as string[] | undefined, process.env));
  const storages = storagesIn(process.env).map((value) => ({ value, what: `${namedStorage(value).envPrefix}…` }));
  for (const { options } of root.commands.values()) {
    for (const name of STORAGE_OPTIONS) offer(options.get(name), storages);
  }
  const found = root.commands.get(command);
  if (found && !current.startsWith('-')) {
    const [keys, files] = [found.arguments.get(KEYS[command] ?? ''), found.arguments.get(FILES[command] ?? '')];
    const storage = typeof values.storage === 'string' ? values.storage : 'default';
    if (keys) offer(keys, await keysUnder(storage, current).catch(() => []));
    if (files) offer(files, await narrowed(current, filesUnder).catch(() => []));
  }
  tab.parse([...words]);
}

function offer(to: Argument | Option | undefined, entries: readonly Entry[]): void {
  const plain = entries.filter(({ value }) => PLAIN.test(value));
  if (!to) return;
  to.handler = (add: (value: string, description: string) => void) => {
    for (const { value, what } of plain) add(value, what);
  };
}

async function keysUnder(name: string, prefix: string): Promise<Entry[]> {
  const named = namedStorage(name);
  assertConfigured(named, process.env);
  const { createStorage } = await import('../create-storage.js');
  const storage = await createStorage(named);
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    return await narrowed(prefix, (start) => entriesUnder(storage, start, signal));
  } finally {
    await storage.close();
  }
}

async function entriesUnder(storage: StorageService, prefix: string, signal: AbortSignal): Promise<Entry[]> {
  const page = await storage.listPage({ prefix, delimiter: '/', limit: MOST, signal });
  return [
    ...page.prefixes.map((value) => ({ value, what: FOLDER })),
    ...page.files.map(({ key, size }) => ({ value: key, what: sizeText(size) })),
  ];
}

/** What begins with the text. A shell ends a word behind the only match: so a single folder is gone into. */
async function narrowed(text: string, under: (start: string) => Promise<Entry[]>): Promise<Entry[]> {
  let entries = await under(text);
  for (let depth = 0; depth < DEEPEST && entries.length === 1 && entries[0]!.what === FOLDER; depth++) {
    const inside = await under(entries[0]!.value);
    if (inside.length === 0) break;
    entries = inside;
  }
  return entries;
}

async function filesUnder(start: string): Promise<Entry[]> {
  const folder = start.endsWith('/') ? start : start.includes('/') ? `${dirname(start)}/` : '';
  const entries = await readdir(folder || '.', { withFileTypes: true });
  return entries
    .map((entry) =>
      entry.isDirectory()
        ? { value: `${folder}${entry.name}/`, what: FOLDER }
        : { value: `${folder}${entry.name}`, what: 'file' },
    )
    .filter(({ value }) => value.startsWith(start))
    .slice(0, MOST);
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Tab tells no failures; the command itself will.
  }
}
