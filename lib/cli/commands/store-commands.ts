/** The commands for whole storages: doctor and copy. */
import type { Command } from 'commander';
import { countOf, secondsOf } from '../asked-values.js';
import type { CommonOptions } from '../command-context.js';
import { examples, STORAGE_OPTION, withCommonOptions, type Runner } from './runner.js';

export function addDoctor(program: Command, run: Runner): void {
  const command = program
    .command('doctor')
    .summary('try a storage, and say what is wrong with it')
    .description('Try a storage step by step, and say what is wrong with its set-up. Leaves nothing behind.')
    .option('--origin <url>', 'also ask whether pages of this origin may upload (CORS)')
    .option('--timeout <time>', 'most time for a step: 30s, or seconds. Default: 10', secondsOf)
    .option(...STORAGE_OPTION);
  withCommonOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['nestjs-storage doctor', 'the storage of the environment and .env'],
        ['nestjs-storage doctor --storage avatars --json', 'another one, for a program'],
      )}\n\nEnds with 0 where everything works, with 1 where a step failed.`,
    )
    .action((options: CommonOptions & { storage: string; origin?: string; timeout?: number }) =>
      run(async () => (await import('../verbs/doctor.js')).doctor, options, options),
    );
}

type CopyOptions = CommonOptions & {
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
  /** False: none. */
  readonly journal?: string | false;
};

export function addCopy(program: Command, run: Runner): void {
  const command = program
    .command('copy')
    .summary('copy one storage into another')
    .description(
      'Copy one storage into another, with types and metadata. The same command goes on where an earlier one ended.',
    )
    .requiredOption('--from <storage>', 'where the objects are; only read')
    .requiredOption('--to <storage>', 'where they shall be')
    .option('-p, --prefix <prefix>', 'only keys that begin with this')
    .option('--dry-run', 'say what would be done, and write nothing')
    .option('--verify', 'then read both sides and compare every byte')
    .option('--overwrite', 'replace objects of the target that differ')
    .option('--skip-unholdable', 'copy the rest where the target cannot hold some objects')
    .option('--delete-extra', 'then delete what only the target has; asks once more')
    .option('--confirm-delete-extra', 'the second yes to --delete-extra, where nobody can be asked')
    .option('-c, --concurrency <count>', 'objects under way at once. Default: 16', countOf)
    .option('--journal <file>', 'file of what is confirmed. Default: one in your state folder')
    .option('--no-journal', 'keep none: a later run looks at every object again');
  withCommonOptions(command)
    .addHelpText(
      'after',
      `${examples(
        ['nestjs-storage copy --from default --to archive --dry-run', 'what would be copied, and what would not fit'],
        ['nestjs-storage copy --from default --to archive --verify', 'copied and compared'],
        ['nestjs-storage copy --from old --to new -p docs/', 'one folder'],
      )}\n\nEnds with 0 where the target has everything, with 1 where something\nfailed or differed.`,
    )
    .action(({ journal, ...options }: CopyOptions) =>
      run(
        async () => (await import('../verbs/copy.js')).copy,
        { ...options, noJournal: journal === false, ...(typeof journal === 'string' && { journal }) },
        options,
      ),
    );
}
