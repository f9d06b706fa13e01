/** The file of confirmed objects: append-only JSON lines, by which a copy goes on where it was killed. */
import { writeSync } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InvalidOptionsError, PermissionDeniedError, QuotaExceededError, StorageError } from '../contract/index.js';
import { codeOf } from '../disk/errno.js';
import { shortCall } from '../disk/short-calls.js';
import { ConfirmedObjects } from './confirmed-objects.js';
import { COPY_ADVICE } from './copy-advice.js';
import { lockJournal } from './journal-lock.js';
import type { JournalSubject } from './journal-place.js';
import { versionText, type SourceVersion } from './source-version.js';
import { linesOf } from './text-lines.js';

/** What is remembered of an object: the versions of both sides that are equal. */
export interface JournalEntry extends SourceVersion {
  readonly key: string;
  /** ETag in the target. */
  readonly target: string;
  /** Bytes. */
  readonly size: number;
}

/** Takes back what an earlier line says of the key. */
interface Revocation {
  readonly key: string;
  readonly revoked: true;
}

const KIND = 'nestjs-storage copy';
const VERSION = 1;
/** A key has at most 1,024 bytes, and JSON makes at most six characters of one. */
const LONGEST_LINE = 64 * 1024;
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

function failed(error: unknown): StorageError {
  const code = codeOf(error) ?? '';
  const details = {
    operation: 'copy' as const,
    advice: COPY_ADVICE.journal,
    cause: error,
  };
  if (NO_ROOM.has(code)) return new QuotaExceededError({ ...details, reason: 'there is no room left for the journal' });
  if (DENIED.has(code)) return new PermissionDeniedError({ ...details, reason: 'the journal may not be written' });
  return new StorageError({ ...details, reason: 'the journal could not be read or written' });
}

function writeWhole(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

const append = shortCall(
  (file: FileHandle, text: string) => file.appendFile(text),
  (file: FileHandle, text: string) => writeWhole(file.fd, Buffer.from(text)),
);

/** Runs a step of the file system and tells its failure by reason. */
async function told<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw error instanceof StorageError ? error : failed(error);
  }
}

/** Reads what there is. @returns how many bytes of it are whole lines; 0 where there is no journal yet */
async function load(path: string, subject: JournalSubject, confirmed: ConfirmedObjects): Promise<number> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size === 0) return 0;
    const whole = await wholeLines(handle, size);
    if (whole === 0) {
      // A header that was cut off as it was written, or some other file.
      const start = await handle.readFile('utf8');
      if (!headerOf(subject).startsWith(start)) assertOwn(start, subject);
      return 0;
    }
    let first = true;
    const input = handle.createReadStream({ start: 0, end: whole - 1, autoClose: false, encoding: 'utf8' });
    for await (const line of linesOf(input)) {
      if (first) assertOwn(line, subject);
      else remember(line, confirmed);
      first = false;
    }
    return whole;
  } finally {
    await handle.close();
  }
}

/** The last line may have no end: it is torn, and what follows must not be joined to it. */
async function wholeLines(handle: FileHandle, size: number): Promise<number> {
  const tail = Buffer.alloc(Math.min(size, LONGEST_LINE));
  await handle.read(tail, 0, tail.length, size - tail.length);
  const end = tail.lastIndexOf(0x0a);
  return end < 0 ? 0 : size - tail.length + end + 1;
}

function headerOf(subject: JournalSubject): string {
  return JSON.stringify({ kind: KIND, version: VERSION, ...subject });
}

function assertOwn(line: string, subject: JournalSubject): void {
  const header = parsed(line) as (Partial<JournalSubject> & { kind?: unknown; version?: unknown }) | undefined;
  const known = header?.kind === KIND && header.version === VERSION;
  if (known && header.from === subject.from && header.to === subject.to && header.prefix === subject.prefix) return;
  throw new InvalidOptionsError({
    operation: 'copy',
    reason: known
      ? 'the journal belongs to another copy: other storages, or another prefix'
      : 'the file named as the journal is none, or of another version',
    advice: COPY_ADVICE.foreignJournal,
  });
}

function remember(line: string, confirmed: ConfirmedObjects): void {
  const { key, source, modified, target, revoked } = (parsed(line) ?? {}) as Partial<JournalEntry & Revocation>;
  // A torn line only costs a comparison.
  if (typeof key !== 'string') return;
  if (revoked === true) return confirmed.revoke(key);
  if (typeof source !== 'string' || typeof modified !== 'number' || typeof target !== 'string') return;
  confirmed.set(key, versionText({ source, modified }), target);
}

function parsed(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What earlier runs confirmed, without taking part: for a dry run. @throws InvalidOptionsError for a foreign journal */
export async function readJournal(path: string, subject: JournalSubject): Promise<ConfirmedObjects> {
  const confirmed = new ConfirmedObjects();
  await told(() => load(path, subject, confirmed));
  return confirmed;
}

export class Journal {
  readonly path: string;
  readonly confirmed: ConfirmedObjects;
  readonly #handle: FileHandle;
  readonly #unlock: () => Promise<void>;
  #waiting: string[] = [];
  /** The write after the one under way: all that comes until then goes together. */
  #next: Promise<void> | undefined;
  #underway: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, confirmed: ConfirmedObjects, unlock: () => Promise<void>) {
    this.path = path;
    this.#handle = handle;
    this.confirmed = confirmed;
    this.#unlock = unlock;
  }

  /**
   * @param onLost told when another process took over the lock
   * @throws InvalidOptionsError for a foreign journal, StorageUnavailableError while another run holds it
   */
  static async open(path: string, subject: JournalSubject, onLost: (error: StorageError) => void): Promise<Journal> {
    return told(async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const unlock = await lockJournal(path, onLost);
      let handle: FileHandle | undefined;
      try {
        const confirmed = new ConfirmedObjects();
        const whole = await load(path, subject, confirmed);
        handle = await open(path, 'a', 0o600);
        await handle.truncate(whole);
        const journal = new Journal(path, handle, confirmed, unlock);
        if (whole === 0) await journal.#append(headerOf(subject));
        return journal;
      } catch (error) {
        await handle?.close().catch(() => undefined);
        await unlock();
        throw error;
      }
    });
  }

  /** Resolves when the line is with the operating system: a killed process has said so. @throws StorageError */
  confirm(entry: JournalEntry): Promise<void> {
    return this.#append(JSON.stringify(entry));
  }

  /** Its two sides were found to differ after all: the next run compares them. @throws StorageError */
  revoke(key: string): Promise<void> {
    const line: Revocation = { key, revoked: true };
    return this.#append(JSON.stringify(line));
  }

  /** Brings all of it to the disk, and lets the file go. */
  async close(): Promise<void> {
    try {
      await this.#next?.catch(() => undefined);
      await told(() => this.#handle.datasync());
    } finally {
      await this.#handle.close().catch(() => undefined);
      await this.#unlock();
    }
  }

  #append(line: string): Promise<void> {
    this.#waiting.push(line);
    this.#next ??= this.#underway.then(() => this.#write());
    return this.#next;
  }

  #write(): Promise<void> {
    const text = `${this.#waiting.join('\n')}\n`;
    this.#waiting = [];
    this.#next = undefined;
    const written = told(() => append(this.#handle, text));
    this.#underway = written.catch(() => undefined);
    return written;
  }
}
