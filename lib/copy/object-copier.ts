/** Brings one object over, if it is not there yet: never over another writer's, and never half. */
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  AlreadyExistsError,
  ChecksumMismatchError,
  InvalidOptionsError,
  NotSupportedError,
  OperationAbortedError,
  PreconditionFailedError,
  StorageError,
  StorageFileNotFoundError,
  type WriteConditions,
} from '../contract/index.js';
import type { ListedFile, OpenedFile, StageFileRequest, StagedUpload } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import { BytesUnderWay } from './bytes-under-way.js';
import { compareObjects } from './compare-objects.js';
import { digestOf, type ConfirmedObjects } from './confirmed-objects.js';
import type { CopiedObject } from './copy-options.js';
import { StopCopy, type CopyRun } from './copy-run.js';
import type { Journal, JournalEntry } from './journal.js';
import { lookFor, type ListedPair } from './merged-listing.js';

export interface CopierOptions {
  readonly overwrite: boolean;
  /** Undefined in a dry run, and where none is kept. */
  readonly journal: Journal | undefined;
  readonly confirmed: ConfirmedObjects | undefined;
}

/** Where others write the same key, an object is looked at anew so many times. */
const MOST_LOOKS = 4;
/** A source that breaks off is opened once more: what the SDKs repeat is the request, not the body. */
const MOST_READS = 2;
/** Bytes up to which a body is held whole, and beyond which its bytes are told while they pass. */
const SMALL = 256 * 1024;
/** Bytes of larger objects under way together: what stores buffer of them stays within the same order. */
const MOST_LARGE = 32 * 1024 * 1024;

/** An outcome. `moved`: bytes that the meter knows of already. */
type Settled = CopiedObject & { readonly moved?: number };

export class ObjectCopier {
  readonly #run: CopyRun;
  readonly #options: CopierOptions;
  readonly #from: StorageService;
  readonly #to: StorageService;
  readonly #signal: AbortSignal;
  readonly #large = new BytesUnderWay(MOST_LARGE);

  constructor(run: CopyRun, options: CopierOptions) {
    this.#run = run;
    this.#options = options;
    ({ from: this.#from, to: this.#to, signal: this.#signal } = run.facts);
  }

  async copy({ key, source, target }: ListedPair): Promise<void> {
    if (!source) return;
    this.#run.throwIfStopped();
    let settled: Settled;
    try {
      settled = await this.#settle(source, target);
    } catch (error) {
      if (error instanceof StopCopy) throw error;
      // Only opening the source can tell that it is gone; what a target misses is a failure of the target.
      const gone = error instanceof StorageFileNotFoundError && error.operation === 'get';
      if (!gone) return this.#run.fail(key, source.size, error);
      settled = { key, size: source.size, outcome: 'gone' };
    }
    const { moved, ...object } = settled;
    this.#run.tell(object, moved);
  }

  async #settle(source: ListedFile, listed: ListedFile | undefined | null): Promise<Settled> {
    const { key } = source;
    let target = listed === null ? await lookFor(this.#to, key, this.#signal) : listed;
    for (let look = 1; ; look++) {
      try {
        return await this.#decide(source, target);
      } catch (error) {
        // Another writer was faster: what is there now decides.
        const overtaken = error instanceof AlreadyExistsError || error instanceof PreconditionFailedError;
        if (!overtaken || look === MOST_LOOKS) throw error;
        target = await lookFor(this.#to, key, this.#signal);
      }
    }
  }

  async #decide(source: ListedFile, target: ListedFile | undefined): Promise<Settled> {
    const { key, size } = source;
    const { confirmed, overwrite } = this.#options;
    let condition: WriteConditions = { ifNoneMatch: '*' };
    if (target) {
      const known = confirmed?.get(key);
      const untouched = known?.target === digestOf(target.etag);
      if (untouched && known?.source === digestOf(source.etag)) return { key, size, outcome: 'skipped' };
      // What this copy put there, and nobody has touched since, follows its source. Anything else is compared.
      if (untouched) {
        condition = { ifMatch: target.etag };
      } else {
        const { etag, ...found } = await this.#compare(source, target);
        if (found.outcome === 'skipped') return found;
        // Deleted since it was listed: the key is free.
        if (etag !== undefined && !overwrite) return found;
        if (etag !== undefined) condition = { ifMatch: etag };
      }
    }
    if (this.#run.facts.dryRun) return { key, size, outcome: 'copied' };
    const sent = () => this.#send(key, condition);
    const { moved, ...entry } = await (size <= SMALL ? sent() : this.#large.within(size, sent));
    await this.#confirm(entry);
    return { key, size: entry.size, outcome: 'copied', moved };
  }

  /** @returns the etag of what differs */
  async #compare(source: ListedFile, target: ListedFile): Promise<CopiedObject & { readonly etag?: string }> {
    const { key, size } = source;
    if (size !== target.size) return { key, size, outcome: 'differed', differences: ['size'], etag: target.etag };
    const found = await compareObjects(this.#from, this.#to, key, this.#signal);
    if (!found.target) return { key, size, outcome: 'differed', differences: ['missing'] };
    const { etag } = found.target;
    if (found.differences.length > 0) return { key, size, outcome: 'differed', differences: found.differences, etag };
    await this.#confirm({ key, source: found.source.etag, target: etag, size });
    return { key, size, outcome: 'skipped' };
  }

  /** What the journal cannot take must not be done: without it the next run could not tell its own from others'. */
  async #confirm(entry: JournalEntry): Promise<void> {
    try {
      await this.#options.journal?.confirm(entry);
    } catch (error) {
      throw error instanceof StorageError ? new StopCopy(error) : error;
    }
  }

  async #send(key: string, condition: WriteConditions): Promise<JournalEntry & { readonly moved: number }> {
    for (let read = 1; ; read++) {
      const opened = await this.#from.open(key, { signal: this.#signal });
      try {
        return await this.#put(opened, condition);
      } catch (error) {
        const broken = opened.body.errored !== null;
        if (!broken || read === MOST_READS || this.#signal.aborted) throw error;
      } finally {
        opened.body.destroy();
      }
    }
  }

  async #put(
    { file, body }: OpenedFile,
    condition: WriteConditions,
  ): Promise<JournalEntry & { readonly moved: number }> {
    const { key, size, contentType, metadata, cacheControl, contentDisposition } = file;
    const facts = { size, contentType, metadata, cacheControl, contentDisposition, signal: this.#signal };
    const held = this.#holds(key, { ...facts, ...condition });
    const { meter } = this.#run.facts;
    let moved = 0;
    const passing = async function* () {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        moved += chunk.byteLength;
        meter.moved(chunk.byteLength);
        yield chunk;
      }
    };
    let staged: StagedUpload | undefined;
    try {
      // A small body in one piece spares both sides the machinery of streams.
      const small = size <= SMALL ? await wholeBody(body) : undefined;
      staged = await this.#to.stage(key, small ?? Readable.from(passing(), { objectMode: false }), {
        ...facts,
        ...(held && condition),
        compute: this.#to.capabilities.stagedReads && !small ? 'crc32' : undefined,
      });
      await assertSameBytes(staged, small);
      // A store that cannot hold the condition is looked at as late as possible.
      if (!held) await this.#assertStill(key, condition);
      const stored = await staged.commit();
      return { key, source: file.etag, target: stored.etag, size, moved };
    } catch (error) {
      await staged?.abort();
      meter.moved(-moved);
      throw error;
    }
  }

  /** Whether the target holds the condition at a write of this size and with this metadata. */
  #holds(key: string, options: StageFileRequest): boolean {
    const { createOnly, ifMatch } = this.#to.capabilities;
    const kinds = options.ifMatch === undefined ? createOnly : ifMatch;
    if (!kinds.includes('single')) return false;
    if (kinds.includes('multipart')) return true;
    try {
      this.#to.assertStorable(key, options);
      return true;
    } catch (error) {
      // What cannot be stored without the condition either is told by the write.
      if (error instanceof NotSupportedError || error instanceof InvalidOptionsError) return false;
      throw error;
    }
  }

  async #assertStill(key: string, { ifMatch }: WriteConditions): Promise<void> {
    const now = await lookFor(this.#to, key, this.#signal);
    if (now?.etag === ifMatch) return;
    const details = { operation: 'copy' as const, key, backend: this.#to.backendName };
    throw ifMatch === undefined ? new AlreadyExistsError(details) : new PreconditionFailedError(details);
  }
}

/** All bytes of a small body. */
function wholeBody(body: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    // Destroyed without a word: who did it says why.
    const letGo = () => new OperationAbortedError({ operation: 'get', reason: 'the body was let go' });
    // One that broke before anybody read it tells it no more.
    if (body.destroyed) return reject(body.errored ?? letGo());
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    body.once('error', reject);
    body.once('close', () => body.readableEnded || reject(letGo()));
  });
}

/** In hex, as StagedUpload.digest. What it is to find came about by accident, and it costs a tenth of a SHA-256. */
async function crc32Of(body: Readable): Promise<string> {
  let sum = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) sum = crc32(chunk, sum);
  return sum.toString(16).padStart(8, '0');
}

/** Where staged bytes can be read back they are, before anybody sees them; elsewhere the store checks them as sent. */
async function assertSameBytes(staged: StagedUpload, small: Buffer | undefined): Promise<void> {
  if (staged.open === undefined) return;
  const held = await staged.open();
  const same = small ? small.equals(await wholeBody(held)) : (await crc32Of(held)) === staged.digest;
  if (same) return;
  throw new ChecksumMismatchError({
    operation: 'copy',
    key: staged.info.key,
    reason: 'what the target holds is not what was sent to it',
    advice: 'Nothing was published; check the disk or the store.',
  });
}
