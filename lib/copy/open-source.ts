/** Objects of the source that are gone when their turn comes, told apart from all else that is not found. */
import { StorageFileNotFoundError } from '../contract/index.js';
import type { OpenedFile } from '../service/index.js';
import type { StorageService } from '../storage.service.js';

/** The source had the object when it was listed. */
export class SourceGone extends Error {}

/** @throws SourceGone; else as StorageService.open() */
export async function openSource(from: StorageService, key: string, signal: AbortSignal): Promise<OpenedFile> {
  try {
    return await from.open(key, { signal });
  } catch (error) {
    throw error instanceof StorageFileNotFoundError ? new SourceGone('gone', { cause: error }) : error;
  }
}
