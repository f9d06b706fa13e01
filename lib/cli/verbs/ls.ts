/** `ls`: the objects and folders under a prefix, page by page. */
import type { ListedFile } from '../../service/index.js';
import type { StorageService } from '../../storage.service.js';
import type { CommandWork } from '../command-context.js';
import { withStorage } from '../open-storage.js';
import { sizeText } from '../sizes.js';
import { printable } from '../terminal.js';

export interface LsArguments {
  readonly storage: string;
  readonly prefix: string;
  readonly recursive?: boolean;
  readonly long?: boolean;
  /** Most entries. Default: all. */
  readonly limit?: number;
}

type Entry = ListedFile | { readonly prefix: string };

const PAGE = 1000;

export const ls: CommandWork<LsArguments> = (asked, context) =>
  withStorage(context, asked.storage, async (storage) => {
    const { terminal, json } = context;
    let shown = 0;
    // Nobody reads on behind `| head`: the listing ends there, and that is no failure.
    for await (const entry of entries(storage, asked, context.signal)) {
      if (terminal.outputEnded.aborted) return;
      await (json ? terminal.json(entry) : terminal.line(textOf(entry, asked.long ?? false)));
      if (++shown === asked.limit) return;
    }
    if (shown === 0 && !json)
      terminal.note(
        asked.prefix === '' ? 'There is nothing.' : `There is nothing under ${JSON.stringify(asked.prefix)}.`,
      );
  });

async function* entries(storage: StorageService, asked: LsArguments, signal: AbortSignal): AsyncGenerator<Entry> {
  const { prefix, recursive, limit = Infinity } = asked;
  const delimiter = recursive ? undefined : '/';
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await storage.listPage({ prefix, delimiter, cursor, limit: Math.min(left, PAGE), signal });
    for (const folder of page.prefixes) yield { prefix: folder };
    for (const { key, size, lastModified, etag } of page.files) yield { key, size, lastModified, etag };
    left -= page.prefixes.length + page.files.length;
    ({ cursor } = page);
  } while (cursor !== undefined && left > 0);
}

function textOf(entry: Entry, long: boolean): string {
  const name = printable('key' in entry ? entry.key : entry.prefix);
  if (!long) return name;
  if (!('key' in entry)) return `${'folder'.padStart(10)}  ${''.padEnd(20)}  ${name}`;
  const date = entry.lastModified.toISOString().replace(/\.\d+Z$/, 'Z');
  return `${sizeText(entry.size).padStart(10)}  ${date}  ${name}`;
}
