/** The commands for single objects: ls, url, put, get, rm. */
import type { Command } from 'commander';
import { bytesOf, countOf, metadataOf, secondsOf } from '../asked-values.js';
import type { CommonOptions } from '../command-context.js';
import { examples, STORAGE_OPTION, withCommonOptions, type Runner } from './runner.js';

type Options<Own> = CommonOptions & { readonly storage: string } & Own;

export function addLs(program: Command, run: Runner): void {
  const command = program
    .command('ls')
    .summary('list objects and folders')
    .description('List objects and folders, in the order of their keys where the store has one.')
    .argument('[prefix]', 'what keys begin with: docs/ is a folder, doc also finds documents')
    .option('-r, --recursive', 'all objects below, in place of folders')
    .option('-l, --long', 'with size and time of change (UTC)')
    .option('-n, --limit <count>', 'most lines', countOf)
    .option(...STORAGE_OPTION);
  withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        ['nestjs-storage ls', 'folders and objects at the top'],
        ['nestjs-storage ls docs/ --long', 'one folder, with sizes and times'],
        ['nestjs-storage ls -r --json | jq .key', 'every key, one JSON document a line'],
      ),
    )
    .action((prefix: string | undefined, options: Options<{ recursive?: boolean; long?: boolean; limit?: number }>) =>
      run(async () => (await import('../verbs/ls.js')).ls, { ...options, prefix: prefix ?? '' }, options),
    );
}

export function addUrl(program: Command, run: Runner): void {
  const command = program
    .command('url')
    .summary('make a signed URL that reads or uploads an object')
    .description('Make a signed URL that reads one object, or one that uploads it.')
    .argument('<key>', 'the object')
    .option('-e, --expires <time>', 'how long it holds: 15m, 12h, 7d, or seconds', secondsOf)
    .option('-d, --download [name]', 'browsers save the file, under this name or its own')
    .option('--upload', 'a URL that uploads, in place of one that reads')
    .option('-t, --type <type>', 'Content-Type: of the answer, or the only one the upload may have')
    .option('--size <size>', 'with --upload: its exact size, such as 1024 or 20mb', bytesOf)
    .option('--max-size <size>', 'with --upload: its largest size', bytesOf)
    .option(...STORAGE_OPTION);
  type Own = {
    expires?: number;
    download?: boolean | string;
    upload?: boolean;
    type?: string;
    size?: number;
    maxSize?: number;
  };
  withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        ['nestjs-storage url docs/report.pdf --expires 15m', 'reads it for a quarter of an hour'],
        ['nestjs-storage url docs/report.pdf --download', 'saved by browsers, not shown'],
        ['nestjs-storage url in/scan.png --upload --type image/png', 'for a client that uploads'],
      ),
    )
    .action((key: string, options: Options<Own>) => {
      if (!options.upload && (options.size ?? options.maxSize) !== undefined) {
        command.error('error: --size and --max-size have no meaning without --upload');
      }
      if (options.upload && options.download !== undefined) {
        command.error('error: --download has no meaning with --upload');
      }
      return run(async () => (await import('../verbs/url.js')).url, { ...options, key }, options);
    });
}

export function addPut(program: Command, run: Runner): void {
  const command = program
    .command('put')
    .summary('store a file, or standard input')
    .description('Store a file. It is seen when it is there whole; a failure leaves what was there before.')
    .argument('<file>', 'a file of this machine, or - for standard input')
    .argument('<key>', 'where it is kept; with a slash at its end the folder, in which it keeps its name')
    .option('-t, --type <type>', 'Content-Type; without it by the extension of the key')
    .option('-m, --metadata <key=value>', 'kept with the object; may be given again', metadataOf)
    .option('--cache-control <value>', 'Cache-Control, kept with the object')
    .option('--no-overwrite', 'fail where the key is taken')
    .option(...STORAGE_OPTION);
  type Own = { type?: string; metadata?: Record<string, string>; cacheControl?: string; overwrite: boolean };
  withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        ['nestjs-storage put report.pdf docs/', 'stored as docs/report.pdf'],
        ['pg_dump app | nestjs-storage put - backups/app.sql', 'streamed, whatever its size'],
        ['nestjs-storage put -m author=ada a.png a.png', 'with metadata'],
      ),
    )
    .action((file: string, key: string, { overwrite, ...options }: Options<Own>) =>
      run(
        async () => (await import('../verbs/put.js')).put,
        { ...options, file, key, noOverwrite: !overwrite },
        options,
      ),
    );
}

export function addGet(program: Command, run: Runner): void {
  const command = program
    .command('get')
    .summary('read an object into a file, or to standard output')
    .description('Read an object. A file is there when it is whole; a failure leaves none, and none half.')
    .argument('<key>', 'the object')
    .argument('[file]', 'a file or folder of this machine, or - for standard output', '-')
    .option('-f, --force', 'replace a file that is there')
    .option(...STORAGE_OPTION);
  withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        ['nestjs-storage get docs/report.pdf .', 'into this folder, under its name'],
        ['nestjs-storage get backups/app.sql | psql app', 'streamed to another program'],
      ),
    )
    .action((key: string, file: string, options: Options<{ force?: boolean }>) =>
      run(async () => (await import('../verbs/get.js')).get, { ...options, key, file }, options),
    );
}

export function addRm(program: Command, run: Runner): void {
  const command = program
    .command('rm')
    .summary('delete objects or folders')
    .description('Delete objects. Asks first on a terminal, and needs --yes without one.')
    .argument('<keys...>', 'the objects; with --recursive folders, which end with a slash')
    .option('-r, --recursive', 'all objects in these folders')
    .option('--dry-run', 'only say what would be deleted')
    .option('-y, --yes', 'do not ask')
    .option(...STORAGE_OPTION);
  withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        ['nestjs-storage rm docs/report.pdf', 'one object'],
        ['nestjs-storage rm -r tmp/ --dry-run', 'what a folder would lose'],
        ['nestjs-storage rm -y -- -odd-name', 'a key that begins with a dash'],
      ),
    )
    .action((keys: string[], options: Options<{ recursive?: boolean; dryRun?: boolean; yes?: boolean }>) =>
      run(async () => (await import('../verbs/rm.js')).rm, { ...options, keys }, options),
    );
}
