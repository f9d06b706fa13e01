/** All files of one request, from the first byte to their end: published together as far as stores allow, or gone. */
import { Logger } from '@nestjs/common';
import { OperationAbortedError, quoted, StorageFileNotFoundError } from '../contract/index.js';
import type { StagedUpload, StoredFile } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import type { StagedFile } from './staged-file.js';

interface PublishedFile {
  readonly file: StagedFile;
  readonly stored: StoredFile;
  /** The key was free before: removing the file brings back what was there. */
  readonly created: boolean;
}

const logger = new Logger('StorageUploads');

function left(cause?: unknown): OperationAbortedError {
  return new OperationAbortedError({ operation: 'upload', reason: 'the request ended before its files', cause });
}

export class UploadTransaction {
  readonly #storage: StorageService;
  readonly #keysAreNew: boolean;
  readonly #controller = new AbortController();
  readonly #pending = new Set<Promise<unknown>>();
  readonly #unpublished = new Set<StagedUpload>();
  readonly #uploads = new Map<StagedFile, StagedUpload>();
  readonly #published: PublishedFile[] = [];
  #files: readonly StagedFile[] = [];
  #publishing: Promise<readonly StoredFile[]> | undefined;
  #aborting: Promise<void> | undefined;
  #settled = false;

  /** @param keysAreNew no key can be taken already: made of a random id, or written create-only */
  constructor(storage: StorageService, keysAreNew: boolean) {
    this.#storage = storage;
    this.#keysAreNew = keysAreNew;
  }

  /** Fires when the request has failed: everything under way stops. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#aborting !== undefined;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Takes charge of a file that is being staged. */
  track(staging: Promise<StagedUpload>): Promise<StagedUpload> {
    const tracked = staging.then(async (staged) => {
      this.#unpublished.add(staged);
      if (!this.aborted) return staged;
      // It came after the end: nobody else will throw it away.
      await this.#dropUnpublished();
      throw this.signal.reason;
    });
    const pending = tracked.catch(() => undefined).finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
    return tracked;
  }

  add(file: StagedFile, staged: StagedUpload): void {
    this.#uploads.set(file, staged);
  }

  /** Names the files of the request, in its order. No more can come. */
  seal(files: readonly StagedFile[]): void {
    this.#files = files;
  }

  /** Publishes the files one after the other. If one fails, those before it are taken back and the rest thrown away. */
  publish(): Promise<readonly StoredFile[]> {
    this.#publishing ??= this.#publishAll();
    return this.#publishing;
  }

  /** The files stay, whatever comes. False where the request has failed in the meantime. */
  async settle(): Promise<boolean> {
    await this.#aborting;
    if (!this.aborted) this.#settled = true;
    return this.#settled;
  }

  /** Ends everything that is not settled: staged files are thrown away, published ones taken back. Never rejects. */
  abort(cause?: unknown): Promise<void> {
    if (this.#settled) return Promise.resolve();
    this.#aborting ??= this.#abortAll(cause);
    return this.#aborting;
  }

  /**
   * Ends it likewise for a client that is gone. Only where all files were on their way to being published and none can be
   * taken back, since each may have replaced another, the upload stands as if the client had stayed. Never rejects.
   */
  abandon(): Promise<void> {
    if (this.#settled) return Promise.resolve();
    this.#aborting ??= this.#abortAll(undefined, true);
    return this.#aborting;
  }

  async #publishAll(): Promise<readonly StoredFile[]> {
    try {
      for (const file of this.#files) {
        this.signal.throwIfAborted();
        const created = await this.#isFree(file.key);
        const upload = this.#uploads.get(file)!;
        const stored = await upload.commit();
        this.#unpublished.delete(upload);
        this.#published.push({ file, stored, created });
        file.published(stored);
      }
      return this.#published.map(({ stored }) => stored);
    } catch (error) {
      await this.#takeBack();
      await this.#dropUnpublished();
      throw error;
    }
  }

  async #abortAll(cause: unknown, mayStand = false): Promise<void> {
    this.#controller.abort(left(cause));
    await Promise.all(this.#pending);
    const whole = await this.#publishing?.then(
      () => true,
      () => false,
    );
    if (whole && mayStand && !this.#published.some(({ created }) => created)) {
      this.#settled = true;
      return;
    }
    await this.#takeBack();
    await this.#dropUnpublished();
  }

  async #dropUnpublished(): Promise<void> {
    const uploads = [...this.#unpublished];
    this.#unpublished.clear();
    for (const upload of uploads) {
      try {
        await upload.abort();
      } catch (error) {
        logger.error(`The staged file ${quoted(upload.info.key)} could not be thrown away: ${String(error)}`);
      }
    }
  }

  /** A look is needed only where the file may have to be taken back. Where the store does not tell, it stays. */
  async #isFree(key: string): Promise<boolean> {
    if (this.#keysAreNew) return true;
    if (this.#files.length === 1) return false;
    try {
      return !(await this.#storage.exists(key));
    } catch {
      return false;
    }
  }

  async #takeBack(): Promise<void> {
    const published = this.#published.splice(0).toReversed();
    const kept: string[] = [];
    for (const { file, stored, created } of published) {
      if (!created || !(await this.#remove(stored))) kept.push(quoted(stored.key));
      else file.published(undefined);
    }
    if (kept.length > 0) {
      logger.error(`An upload failed after these files of it were published, and they stay: ${kept.join(', ')}`);
    }
  }

  /** Removes a file unless it is another version by now. */
  async #remove(stored: StoredFile): Promise<boolean> {
    try {
      const current = await this.#storage.getMetadata(stored.key);
      if (current.etag !== stored.etag) return false;
      return await this.#storage.delete(stored.key);
    } catch (error) {
      return error instanceof StorageFileNotFoundError;
    }
  }
}
