/** `rm`: deletes objects by key, or all under a folder. */
import { InvalidKeyError } from '../../contract/index.js';
import type { StorageService } from '../../storage.service.js';
import type { CommandContext, CommandWork } from '../command-context.js';
import { EXIT, toldFailure, UsageError } from '../failures.js';
import { withStorage } from '../open-storage.js';
import { countText } from '../sizes.js';
import { printable } from '../terminal.js';

export interface RmArguments {
  readonly storage: string;
  /** With `recursive` those that end with a slash are folders. */
  readonly keys: readonly string[];
  readonly recursive?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** What became of a key. `absent`: there was none. */
type Outcome = 'deleted' | 'absent' | 'failed' | 'would-delete';

interface Totals {
  deleted: number;
  absent: number;
  failed: number;
}

const BATCH = 1000;

export const rm: CommandWork<RmArguments> = async (asked, context) => {
  assertFolders(asked);
  return withStorage(context, asked.storage, async (storage) => {
    assertKeys(storage, asked);
    if (!asked.dryRun && !asked.yes && !(await agreed(storage, asked, context))) {
      context.terminal.note('Nothing was deleted.');
      return EXIT.failed;
    }
    const totals: Totals = { deleted: 0, absent: 0, failed: 0 };
    for await (const batch of batches(storage, asked, context.signal)) {
      if (asked.dryRun) for (const key of batch) await tell(key, 'would-delete', context);
      else await deleteBatch(storage, batch, totals, context);
    }
    return totals.failed > 0 ? EXIT.failed : EXIT.done;
  });
};

function assertFolders({ keys, recursive }: RmArguments): void {
  for (const key of keys) {
    if (key.endsWith('/') && !recursive) {
      throw new UsageError(`${JSON.stringify(key)} is a folder`, 'Delete all that is in it with --recursive.');
    }
    // Without the slash `user/1` would take `user/10` with it.
    if (recursive && !key.endsWith('/')) {
      throw new UsageError(
        `with --recursive a folder ends with "/", and ${JSON.stringify(key)} does not`,
        `Write ${JSON.stringify(`${key}/`)} for all that is in it, or leave out --recursive for the one object.`,
      );
    }
  }
}

/** All of them before the first is deleted: a slip in the last one leaves everything as it is. @throws InvalidKeyError */
function assertKeys(storage: StorageService, { keys, recursive }: RmArguments): void {
  for (const key of keys) {
    try {
      // What is in a folder begins with it.
      storage.assertStorable(recursive ? `${key}x` : key);
    } catch (error) {
      // What else stands against storing does not stand against deleting.
      if (!(error instanceof InvalidKeyError)) continue;
      const { reason, advice } = error;
      throw new InvalidKeyError({ operation: 'delete', key, backend: storage.backendName, reason, advice });
    }
  }
}

async function agreed(storage: StorageService, asked: RmArguments, { terminal, signal }: CommandContext) {
  if (!terminal.interactive) {
    throw new UsageError('rm deletes only when told so', 'Say --yes, or look first with --dry-run.');
  }
  let count = 0;
  let example = '';
  for await (const batch of batches(storage, asked, signal)) {
    if (count === 0) [example = ''] = batch;
    count += batch.length;
  }
  const more = count > 1 ? ` (${printable(example)}, …)` : ` (${printable(example)})`;
  if (count === 0) terminal.note('There is nothing to delete.');
  if (count === 0) return false;
  const where = `the storage ${storage.name} (${storage.backendName})`;
  const answer = await terminal.ask(`Delete ${countText(count, 'object')}${more} from ${where}? [y/N] `, signal);
  return /^y(?:es)?$/i.test(answer);
}

async function* batches(
  storage: StorageService,
  { keys, recursive }: RmArguments,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  if (!recursive) {
    for (let start = 0; start < keys.length; start += BATCH) yield keys.slice(start, start + BATCH);
    return;
  }
  for (const prefix of keys) {
    let cursor: string | undefined;
    do {
      const page = await storage.listPage({ prefix, cursor, limit: BATCH, signal });
      if (page.files.length > 0) yield page.files.map(({ key }) => key);
      ({ cursor } = page);
    } while (cursor !== undefined);
  }
}

async function deleteBatch(
  storage: StorageService,
  batch: readonly string[],
  totals: Totals,
  context: CommandContext,
): Promise<void> {
  const { deleted, failed } = await storage.deleteMany(batch, { signal: context.signal });
  const gone = new Set(deleted);
  const errors = new Map(failed.map(({ key, error }) => [key as string, error]));
  for (const key of new Set(batch)) {
    const error = errors.get(key);
    const outcome = error ? 'failed' : gone.has(key) ? 'deleted' : 'absent';
    totals[outcome] += 1;
    await tell(key, outcome, context, error);
  }
}

const WORDS: Readonly<Record<Outcome, string>> = {
  deleted: 'deleted',
  absent: 'not there',
  failed: 'failed',
  'would-delete': 'would delete',
};

async function tell(key: string, outcome: Outcome, context: CommandContext, error?: Error): Promise<void> {
  const { terminal, json, verbose } = context;
  const told = error && toldFailure(error, { verbose });
  if (json) return terminal.json({ key, outcome, ...(told && { error: told }) });
  await terminal.line(`${WORDS[outcome]}  ${printable(key)}${told ? `: ${printable(told.message)}` : ''}`);
}
