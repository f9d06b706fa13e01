/** Which pair of storages a journal belongs to, and where it is kept. */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { StorageService } from '../storage.service.js';

/** What a journal is about. Locations only as digests: the file says nothing of hosts and paths. */
export interface JournalSubject {
  readonly from: string;
  readonly to: string;
  readonly prefix: string;
}

function placeOf(storage: StorageService): string {
  // A storage that cannot tell where its objects are is known by its kind alone.
  const { backendName, location } = storage;
  return location === undefined ? backendName : hash('sha256', location, 'hex').slice(0, 32);
}

export function subjectOf(from: StorageService, to: StorageService, prefix: string): JournalSubject {
  return { from: placeOf(from), to: placeOf(to), prefix };
}

/** The default journal of a pair. Undefined where one of the two cannot be known again. */
export async function defaultJournal(
  from: StorageService,
  to: StorageService,
  subject: JournalSubject,
): Promise<string | undefined> {
  if (from.location === undefined || to.location === undefined) return undefined;
  const { default: envPaths } = await import('env-paths');
  // `log` is the folder for state: $XDG_STATE_HOME, ~/Library/Logs, %LOCALAPPDATA%.
  const folder = envPaths('nestjs-storage', { suffix: '' }).log;
  const name = hash('sha256', JSON.stringify([subject.from, subject.to, subject.prefix]), 'hex').slice(0, 32);
  return join(folder, 'copy', `${name}.jsonl`);
}
