/** `get`: an object into a file, or to standard output. */
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StoredFile } from '../../service/index.js';
import type { CommandContext, CommandWork } from '../command-context.js';
import { UsageError } from '../failures.js';
import { withStorage } from '../open-storage.js';
import { sizeText } from '../sizes.js';
import { findTarget, writeTarget, type Target } from '../target-file.js';
import { printable } from '../terminal.js';
import { withProgress } from '../transfer-progress.js';

export interface GetArguments {
  readonly storage: string;
  readonly key: string;
  /** `-` is standard output; a folder takes the object under the last segment of its key. */
  readonly file: string;
  /** Replace a file that is there. */
  readonly force?: boolean;
}

export const get: CommandWork<GetArguments> = async (asked, context) => {
  if (asked.file === '-' && context.json) {
    throw new UsageError('--json has no place beside the object on standard output', 'Name a file to write it to.');
  }
  // Refused before the store is asked for anything.
  const target = asked.file === '-' ? undefined : await findTarget(asked.file, asked.key, asked.force ?? false);
  await withStorage(context, asked.storage, async (storage) => {
    const { file, body } = await storage.open(asked.key, { signal: context.signal });
    const write = target
      ? (bytes: Readable) => writeTarget(target, bytes, context.signal)
      : (bytes: Readable) => show(bytes, context);
    // A bar would stand in the midst of what is shown at the terminal.
    const seen = target ? target.existing?.isCharacterDevice() : context.terminal.streams.output.isTTY;
    await (seen ? write(body) : withProgress(body, { word: 'reading', size: file.size }, context, write));
    if (target) await tell(file, target, context);
  });
};

async function tell(file: StoredFile, target: Target, { terminal, json }: CommandContext): Promise<void> {
  if (json) return terminal.json({ ...file.toJSON(), file: target.asked });
  await terminal.line(`${printable(target.asked)}  ${sizeText(file.size)}  ${printable(file.contentType)}`);
}

async function show(body: Readable, { terminal, signal }: CommandContext): Promise<void> {
  const output: Writable = terminal.streams.output;
  try {
    await pipeline(body, output, { signal, end: false });
  } catch (error) {
    // `| head` has what it wants; any other failure of the output is told when it is flushed.
    if (terminal.outputEnded.aborted) return;
    throw error;
  } finally {
    body.destroy();
  }
}
