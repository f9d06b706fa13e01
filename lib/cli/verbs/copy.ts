/** `copy`: brings the objects of one storage into another. */
import {
  copyStorage,
  type CopiedObject,
  type CopyOutcome,
  type CopyStorageOptions,
  type CopySummary,
} from '../../copy/index.js';
import type { StorageService } from '../../storage.service.js';
import type { CommandContext, CommandWork } from '../command-context.js';
import { CopyProgressDisplay } from '../copy-progress.js';
import { copyDocument, tellCopied } from '../copy-summary.js';
import { EXIT, UsageError } from '../failures.js';
import { withStorage } from '../open-storage.js';
import { countText } from '../sizes.js';
import { namedStorage } from '../storage-names.js';
import { printable } from '../terminal.js';

export interface CopyArguments {
  readonly from: string;
  readonly to: string;
  readonly prefix?: string;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  readonly verify?: boolean;
  readonly overwrite?: boolean;
  readonly skipUnholdable?: boolean;
  readonly deleteExtra?: boolean;
  readonly confirmDeleteExtra?: boolean;
  /** File of confirmed objects. */
  readonly journal?: string;
  readonly noJournal: boolean;
}

export const copy: CommandWork<CopyArguments> = async (asked, context) => {
  assertSensible(asked, context);
  return withStorage(context, asked.from, (from) =>
    withStorage(context, asked.to, async (to) => {
      const options = optionsOf(asked, from, to, context);
      const deleteExtra = await confirmedExtra(options, asked, context);
      if (deleteExtra === 'no') {
        context.terminal.note('Nothing was copied, and nothing deleted.');
        return EXIT.failed;
      }
      const summary = await shown({ ...options, ...(deleteExtra && { deleteExtra }) }, context);
      const { terminal, json, verbose } = context;
      await (json ? terminal.json(copyDocument(summary, { verbose })) : tellCopied(summary, context));
      return summary.ok ? EXIT.done : EXIT.failed;
    }),
  );
};

function assertSensible(asked: CopyArguments, { terminal }: CommandContext): void {
  const [from, to] = [namedStorage(asked.from), namedStorage(asked.to)];
  if (from.envPrefix === to.envPrefix) {
    throw new UsageError('--from and --to are the same storage', 'Name another: --from default --to archive');
  }
  if (asked.journal === '') {
    throw new UsageError('--journal needs the path of a file', 'To keep none there is --no-journal.');
  }
  if (asked.confirmDeleteExtra && !asked.deleteExtra) {
    throw new UsageError('--confirm-delete-extra has no meaning without --delete-extra');
  }
  if (asked.deleteExtra && !asked.dryRun && !asked.confirmDeleteExtra && !terminal.interactive) {
    throw new UsageError(
      '--delete-extra deletes objects of the target, and is asked twice',
      'Look first with --dry-run, then add --confirm-delete-extra.',
    );
  }
}

function optionsOf(
  asked: CopyArguments,
  from: StorageService,
  to: StorageService,
  { signal }: CommandContext,
): CopyStorageOptions {
  const { prefix, concurrency, dryRun, verify, overwrite, skipUnholdable } = asked;
  return {
    from,
    to,
    prefix,
    dryRun,
    verify,
    overwrite,
    skipUnholdable,
    signal,
    ...(concurrency !== undefined && { concurrency }),
    ...(asked.noJournal ? { journal: false } : asked.journal !== undefined && { journal: asked.journal }),
  };
}

/** Asks once more, with what would go before the eyes: that, and nothing else, goes after a yes. */
async function confirmedExtra(
  options: CopyStorageOptions,
  asked: CopyArguments,
  { terminal, signal }: CommandContext,
): Promise<CopyStorageOptions['deleteExtra'] | 'no'> {
  if (!asked.deleteExtra) return undefined;
  if (asked.dryRun || asked.confirmDeleteExtra) return { confirm: true };
  let example: string | undefined;
  const look = (object: CopiedObject) => {
    if (object.outcome === 'deleted') example ??= object.key;
  };
  const plan = { ...options, dryRun: true, verify: false, deleteExtra: { confirm: true } } as const;
  const { deleted, stopped, extraFingerprint } = await copyStorage({ ...plan, onObject: look });
  if (stopped) throw stopped;
  // Where there is nothing now, nothing that comes later was seen, either.
  const confirmed = { confirm: true, expected: extraFingerprint } as const;
  if (deleted.objects === 0) return confirmed;
  terminal.note(
    `${countText(deleted.objects, 'object')} that only the storage ${options.to.name} has will be deleted there, such as ${printable(example ?? '')}.`,
  );
  const answer = await terminal.ask(`Type ${deleted.objects} to copy and delete: `, signal);
  return answer === String(deleted.objects) ? confirmed : 'no';
}

async function shown(options: CopyStorageOptions, { terminal, json, verbose }: CommandContext): Promise<CopySummary> {
  const display = new CopyProgressDisplay(terminal);
  // What a dry run would do, object by object, is its answer; a bar would stand in its way.
  const watch: Pick<CopyStorageOptions, 'onObject' | 'onProgress'> =
    options.dryRun && verbose
      ? { onObject: (object) => void terminal.line(objectLine(object)) }
      : { onProgress: (progress) => display.update(progress) };
  try {
    return await copyStorage({ ...options, ...(!json && watch) });
  } finally {
    display.close();
  }
}

const PLANS: Readonly<Record<CopyOutcome, string>> = {
  copied: 'would copy',
  skipped: 'there already',
  differed: 'differs',
  failed: 'fails',
  gone: 'gone',
  deleted: 'would delete',
};

function objectLine({ key, outcome }: CopiedObject): string {
  return `${PLANS[outcome].padEnd(13)}  ${printable(key)}`;
}
