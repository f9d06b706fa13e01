/** What a copy came to, for people and for programs. */
import type { CopiedObject, CopyCount, CopySummary } from '../copy/index.js';
import type { CommandContext } from './command-context.js';
import { toldFailure } from './failures.js';
import { countText, durationText, sizeText } from './sizes.js';
import { printable, type Meaning } from './terminal.js';

const EXAMPLES = 10;

/** The summary as one JSON document. */
export function copyDocument(summary: CopySummary, { verbose }: { readonly verbose: boolean }): object {
  const { problems, failures, stopped, ...facts } = summary;
  const told = (error: unknown) => toldFailure(error, { verbose });
  return {
    ...facts,
    problems: problems.map(({ key, error }) => ({ key, error: told(error) })),
    failures: failures.map(({ key, size, outcome, error }) => ({ key, size, outcome, error: error && told(error) })),
    ...(stopped && { stopped: told(stopped) }),
  };
}

/** Counts on the output; what went wrong, with examples, beside it. */
export async function tellCopied(summary: CopySummary, { terminal }: CommandContext): Promise<void> {
  const { dryRun, ok, seconds, stopped } = summary;
  for (const [name, count, meaning] of rowsOf(summary)) {
    const row = `${name.padEnd(13)}${countText(count.objects, 'object').padStart(16)}${sizeText(count.bytes).padStart(11)}`;
    await terminal.line(meaning && count.objects > 0 ? terminal.styled(meaning, row) : row);
  }
  for (const line of examplesOf(summary)) terminal.note(line);
  if (summary.passedOver > 0) {
    const names = `${countText(summary.passedOver, 'object')} of the source`;
    terminal.note(`Passed over: ${names}, whose names are no valid keys here, such as a//b or folder/.`);
  }
  if (stopped)
    terminal.note(`Stopped: ${printable(toldFailure(stopped).message)}. The same command goes on from here.`);
  const verdict = dryRun ? 'Dry run: nothing was written.' : ok ? 'Done.' : 'Not everything is there.';
  await terminal.line(`${terminal.styled(ok ? 'good' : 'bad', verdict)} ${durationText(seconds)}.`);
}

function rowsOf(summary: CopySummary): [name: string, count: CopyCount, meaning?: Meaning][] {
  const { dryRun, total, copied, skipped, differed, failed, gone, deleted, extra, verified, problemCount } = summary;
  const would = (word: string, plan: string) => (dryRun ? plan : word);
  return [
    ['in the source', total],
    [would('copied', 'to copy'), copied, 'good'],
    [would('skipped', 'there already'), skipped],
    ['differed', differed, 'warning'],
    ['failed', failed, 'bad'],
    ...(gone.objects > 0 ? [['gone meanwhile', gone] satisfies [string, CopyCount]] : []),
    ...(verified ? [['verified', verified, 'good'] satisfies [string, CopyCount, Meaning]] : []),
    ...(extra && extra.objects > deleted.objects ? [['only in target', extra] satisfies [string, CopyCount]] : []),
    ...(deleted.objects > 0 ? [[would('deleted', 'to delete'), deleted] satisfies [string, CopyCount]] : []),
    ...(problemCount > 0 && dryRun
      ? [['cannot be held', { objects: problemCount, bytes: 0 }, 'bad'] satisfies [string, CopyCount, Meaning]]
      : []),
  ];
}

function examplesOf({ failures, differences, problems, problemCount, failed, differed }: CopySummary): string[] {
  const object = ({ key, error, differences: parts }: CopiedObject) =>
    `  ${printable(key)}: ${printable(error ? toldFailure(error).message : (parts ?? []).join(', '))}`;
  const some = (title: string, lines: readonly string[], all: number) =>
    lines.length === 0
      ? []
      : [title, ...lines.slice(0, EXAMPLES), ...(all > EXAMPLES ? [`  and ${all - EXAMPLES} more`] : [])];
  return [
    ...some('Failed:', failures.map(object), failed.objects),
    ...some('Differed (--overwrite replaces what is in the target):', differences.map(object), differed.objects),
    ...some(
      'The target cannot hold:',
      problems.map(({ key, error }) => `  ${printable(key)}: ${printable(toldFailure(error).message)}`),
      problemCount,
    ),
  ];
}
