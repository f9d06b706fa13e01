/** Brings one object over, if it is not there yet: never over another writer's, and never half. */
import { Readable } from 'node:stream';
import {
  AlreadyExistsError,
  InvalidOptionsError,
  NotSupportedError,
  PreconditionFailedError,
  type WriteConditions,
} from '../contract/index.js';
import type { ListedFile, OpenedFile, StageFileRequest, StagedUpload } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import { compareObjects } from './compare-objects.js';
import type { ConfirmedObjects } from './confirmed-objects.js';
import type { CopiedObject } from './copy-options.js';
import { SMALL, StopCopy, type CopyRun } from './copy-run.js';
import type { Journal, JournalEntry } from './journal.js';
import { lookFor, type ListedPair } from './merged-listing.js';
import { openSource, SourceGone } from './open-source.js';
import { versionRead } from './source-version.js';
import { assertSameBytes } from './staged-bytes.js';
import { wholeBody } from './whole-body.js';

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

/** An outcome. `moved`: bytes that the meter knows of already. */
export type Settled = CopiedObject & { readonly moved?: number };

/** What the journal is to hold of it. */
type Sent = JournalEntry & { readonly moved: number };

export class ObjectCopier {
  readonly #run: CopyRun;
  readonly #options: CopierOptions;
  readonly #from: StorageService;
  readonly #to: StorageService;
  readonly #signal: AbortSignal;

  constructor(run: CopyRun, options: CopierOptions) {
    this.#run = run;
    this.#options = options;
    ({ from: this.#from, to: this.#to, signal: this.#signal } = run.facts);
  }

  async copy({ key, source, target }: ListedPair): Promise<void> {
    if (!source) return;
    this.#run.facts.extras?.spare(key);
    this.#run.throwIfStopped();
    let settled: Settled;
    try {
      settled = await this.#settle(source, target);
    } catch (error) {
      if (error instanceof StopCopy) throw error;
      return error instanceof SourceGone ? this.#run.gone(key, source.size) : this.#run.fail(key, source.size, error);
    }
    const { moved, ...object } = settled;
    this.#run.tell(object, moved);
  }

  /** Verifying found a difference: what the journal says of the object is not so. */
  async revoke(key: string): Promise<void> {
    const { journal, confirmed } = this.#options;
    confirmed?.revoke(key);
    await this.#run.stopsCopy(() => journal?.revoke(key));
  }

  /** Replaces what verifying found to differ, where that is asked. @throws as copying it does */
  async mend(source: ListedFile): Promise<Settled | undefined> {
    return this.#options.overwrite ? this.#settle(source, null) : undefined;
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
      const known = confirmed?.knows(source, target);
      if (known === 'equal') return { key, size, outcome: 'skipped' };
      // What this copy put there, and nobody has touched since, follows its source. Anything else is compared.
      if (known === 'own') {
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
    const { moved, ...entry } = await this.#run.bounded(size, () => this.#send(source, condition));
    await this.#confirm(entry);
    return { key, size: entry.size, outcome: 'copied', moved };
  }

  /** @returns the etag of what differs */
  async #compare(source: ListedFile, target: ListedFile): Promise<CopiedObject & { readonly etag?: string }> {
    const { key, size } = source;
    if (size !== target.size) return { key, size, outcome: 'differed', differences: ['size'], etag: target.etag };
    const found = await this.#run.bounded(size, () => compareObjects(this.#from, this.#to, key, this.#signal));
    if (!found.target) return { key, size, outcome: 'differed', differences: ['missing'] };
    const { etag } = found.target;
    if (found.differences.length > 0) return { key, size, outcome: 'differed', differences: found.differences, etag };
    await this.#confirm({ key, ...versionRead(found.source, source), target: etag, size });
    return { key, size, outcome: 'skipped' };
  }

  /** What the journal cannot take must not be done: without it the next run could not tell its own from others'. */
  async #confirm(entry: JournalEntry): Promise<void> {
    await this.#run.stopsCopy(() => this.#options.journal?.confirm(entry));
  }

  async #send(source: ListedFile, condition: WriteConditions): Promise<Sent> {
    for (let read = 1; ; read++) {
      const opened = await openSource(this.#from, source.key, this.#signal);
      try {
        const { etag, size, moved } = await this.#put(opened, condition);
        return { key: source.key, ...versionRead(opened.file, source), target: etag, size, moved };
      } catch (error) {
        const broken = opened.body.errored !== null;
        if (!broken || read === MOST_READS || this.#signal.aborted) throw error;
      } finally {
        opened.body.destroy();
      }
    }
  }

  /** @returns facts of what is in the target then */
  async #put({ file, body }: OpenedFile, condition: WriteConditions) {
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
      return { etag: stored.etag, size, moved };
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
