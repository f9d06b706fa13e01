/** `put`: stores a file, or what comes in at standard input. */
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import type { StorageService } from '../../storage.service.js';
import type { CommandContext, CommandWork } from '../command-context.js';
import { UsageError } from '../failures.js';
import { fileFailure } from '../file-failure.js';
import { withStorage } from '../open-storage.js';
import { sizeText } from '../sizes.js';
import { printable } from '../terminal.js';
import { withProgress } from '../transfer-progress.js';

export interface PutArguments {
  readonly storage: string;
  /** `-` is standard input. */
  readonly file: string;
  /** With a slash at its end: a folder, in which the object has the name of the file. */
  readonly key: string;
  readonly type?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cacheControl?: string;
  readonly noOverwrite: boolean;
}

interface Source {
  readonly body: Readable;
  /** Bytes, where it is known beforehand. */
  readonly size?: number;
}

export const put: CommandWork<PutArguments> = async (asked, context) => {
  const key = keyOf(asked);
  const handle = asked.file === '-' ? undefined : await openSource(asked.file);
  try {
    await withStorage(context, asked.storage, async (storage) => {
      const source = handle ? await fileSource(handle, asked.file) : { body: context.terminal.streams.input };
      await store(storage, key, source, asked, context);
    });
  } finally {
    await handle?.close();
  }
};

function keyOf({ file, key }: PutArguments): string {
  if (!key.endsWith('/')) return key;
  if (file === '-') throw new UsageError(`${JSON.stringify(key)} is a folder, and standard input has no name`);
  return key + basename(file);
}

async function openSource(file: string): Promise<FileHandle> {
  try {
    return await open(file);
  } catch (error) {
    throw fileFailure('read', file, error);
  }
}

async function fileSource(handle: FileHandle, file: string): Promise<Source> {
  const facts = await handle.stat();
  if (facts.isDirectory()) throw new UsageError(`${JSON.stringify(file)} is a folder: put stores one file`);
  const body = handle.createReadStream({ autoClose: false, highWaterMark: 512 * 1024 });
  // A pipe or a device tells no size.
  return facts.isFile() ? { body, size: facts.size } : { body };
}

async function store(
  storage: StorageService,
  key: string,
  { body, size }: Source,
  asked: PutArguments,
  context: CommandContext,
): Promise<void> {
  const { terminal, signal, json } = context;
  const options = {
    contentType: asked.type,
    metadata: asked.metadata,
    cacheControl: asked.cacheControl,
    ...(asked.noOverwrite && { ifNoneMatch: '*' as const }),
    size,
    url: false,
    signal,
  };
  const send = (bytes: Readable) => storage.put(key, bytes, options);
  // What is typed at a terminal stands where a bar would.
  const typed = body === terminal.streams.input && terminal.streams.input.isTTY;
  const stored = await (typed ? send(body) : withProgress(body, { word: 'storing', size }, context, send));
  if (json) return terminal.json(stored);
  await terminal.line(`${printable(stored.key)}  ${sizeText(stored.size)}  ${printable(stored.contentType)}`);
}
