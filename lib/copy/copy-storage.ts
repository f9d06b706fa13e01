/** Copies one storage into another: looks first, then copies, verifies, deletes what is left over, and sums up. */
import { setMaxListeners } from 'node:events';
import {
  InvalidOptionsError,
  OperationAbortedError,
  PreconditionFailedError,
  StorageError,
  type StorageErrorDetails,
} from '../contract/index.js';
import type { StorageService } from '../storage.service.js';
import { COPY_ADVICE } from './copy-advice.js';
import { CopyRefusedError } from './copy-errors.js';
import type { CopyStorageOptions, CopySummary } from './copy-options.js';
import { planCopy } from './copy-plan.js';
import { CopyRun, StopCopy } from './copy-run.js';
import { deleteExtra } from './delete-extra.js';
import { ExtraObjects } from './extra-objects.js';
import { inParallel } from './in-parallel.js';
import { Journal, readJournal } from './journal.js';
import { defaultJournal, subjectOf } from './journal-place.js';
import { listsSideBySide } from './merged-listing.js';
import { ObjectCopier } from './object-copier.js';
import { ProgressMeter } from './progress.js';
import { assertFolderIsThere } from './source-folder.js';
import { Tally } from './tally.js';
import { verifyCopy } from './verify-copy.js';

const DEFAULT_CONCURRENCY = 16;
const MOST_CONCURRENCY = 256;

/**
 * Copies every object under a prefix from one storage to another, with type, metadata, `Cache-Control` and
 * `Content-Disposition`. Objects stream, so many at a time; one that fails does not stop the rest. What the target has
 * already is compared before anything is sent, and what another writer put there is left (see `overwrite`).
 *
 * Once copying has begun the promise resolves, also where objects failed or the copy was stopped: `ok` tells.
 *
 * @throws CopyRefusedError when the target cannot hold everything, InvalidOptionsError, StorageUnavailableError while
 * another run of the same copy is at work or where the source is not there, PreconditionFailedError when what would be
 * deleted is not what was expected, and what listing the storages throws
 * @publicApi
 */
export async function copyStorage(options: CopyStorageOptions): Promise<CopySummary> {
  // Whose files these are is told by who asks for the copy.
  const from = options.from.forCurrentScope();
  const to = options.to.forCurrentScope();
  const { prefix = '', concurrency = DEFAULT_CONCURRENCY } = options;
  assertOptions(options, concurrency);
  assertApart(from, to, prefix);
  const stop = new Stop(options.signal);
  const tally = new Tally();
  const meter = new ProgressMeter(
    options.onProgress,
    () => tally.of('failed').objects,
    (error) => stop.byCallback(error),
  );
  const { signal } = stop;
  const dryRun = options.dryRun ?? false;
  const { onObject } = options;
  const extras = options.deleteExtra && new ExtraObjects();
  const run = new CopyRun({ from, to, prefix, signal, concurrency, dryRun, tally, meter, onObject, extras });
  try {
    return await copyWithin(run, options, stop);
  } catch (error) {
    stop.throwCallbackError();
    throw run.stopped(error)?.reason ?? error;
  } finally {
    meter.stop();
    stop.forget();
  }
}

async function copyWithin(run: CopyRun, options: CopyStorageOptions, stop: Stop): Promise<CopySummary> {
  const { from, to, prefix, dryRun, tally, meter, concurrency, extras } = run.facts;
  const subject = subjectOf(from, to, prefix);
  const path = options.journal === false ? undefined : (options.journal ?? (await defaultJournal(from, to, subject)));
  const journal =
    path === undefined || dryRun ? undefined : await Journal.open(path, subject, (error) => stop.by(error));
  try {
    const confirmed = path !== undefined && dryRun ? await readJournal(path, subject) : journal?.confirmed;
    run.throwIfStopped();
    const pairs = await planCopy(run, confirmed);
    if (tally.total.objects === 0) await assertFolderIsThere(from);
    tally.extraFingerprint = extras?.fingerprint();
    assertPlan(run, options);
    try {
      meter.begin('copying', tally.total);
      const copier = new ObjectCopier(run, { overwrite: options.overwrite ?? false, journal, confirmed });
      await inParallel(pairs.all(), concurrency, (pair) => copier.copy(pair));
      if (options.verify && !dryRun) {
        meter.begin('verifying', tally.total);
        await verifyCopy(run, pairs, copier);
      }
      // What the source could not show must not be taken for gone.
      if (extras && (dryRun || summaryOf(run, options, path).ok)) {
        meter.begin('deleting', tally.extra);
        await deleteExtra(run, extras);
      }
    } catch (error) {
      // After hours of work the counts matter as much as what ended them.
      const reason = run.stopped(error)?.reason ?? error;
      if (!(reason instanceof StorageError)) throw error;
      tally.stopped = reason;
    }
    stop.throwCallbackError();
    meter.begin('done', tally.total);
  } catch (error) {
    await journal?.close().catch(() => undefined);
    throw error;
  }
  try {
    await journal?.close();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    tally.stopped ??= error;
  }
  return summaryOf(run, options, path);
}

function summaryOf({ facts }: CopyRun, options: CopyStorageOptions, journal: string | undefined): CopySummary {
  const { dryRun, tally, meter, extras } = facts;
  return tally.summary({
    dryRun,
    seconds: meter.seconds,
    journal,
    extra: extras !== undefined || listsSideBySide(facts),
    verified: options.verify === true && !dryRun,
  });
}

/** @throws CopyRefusedError, InvalidOptionsError, PreconditionFailedError: nothing has been written yet */
function assertPlan({ facts }: CopyRun, options: CopyStorageOptions): void {
  const { to, tally, dryRun } = facts;
  const { problems, problemCount } = tally.problems;
  if (problemCount > 0 && !options.skipUnholdable && !dryRun) {
    throw new CopyRefusedError({ backend: to.backendName, problems, problemCount });
  }
  if (options.deleteExtra && tally.total.objects === 0) {
    throw wrong(
      'the source has no objects under this prefix, and all that the target has would be deleted',
      COPY_ADVICE.emptySource,
    );
  }
  const { expected } = options.deleteExtra ?? {};
  if (expected !== undefined && expected !== tally.extraFingerprint) {
    throw new PreconditionFailedError({
      operation: 'copy',
      backend: to.backendName,
      reason: 'what only the target has is no longer what was confirmed, and nothing was copied or deleted',
      advice: COPY_ADVICE.changedExtra,
    });
  }
}

function wrong(reason: string, advice?: string): InvalidOptionsError {
  return new InvalidOptionsError({ operation: 'copy', reason, advice });
}

function assertOptions(options: CopyStorageOptions, concurrency: number): void {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1 || concurrency > MOST_CONCURRENCY) {
    throw wrong(`concurrency must be a whole number from 1 to ${MOST_CONCURRENCY}`);
  }
  if (options.deleteExtra !== undefined && options.deleteExtra.confirm !== true) {
    throw wrong('deleteExtra deletes files and needs { confirm: true }');
  }
  if (options.journal === '') throw wrong('journal must be the path of a file, or false');
}

/** Objects that are copied must not come up again as objects to copy. */
function assertApart(from: StorageService, to: StorageService, prefix: string): void {
  const [source, target] = [from.location, to.location];
  if (source === undefined || target === undefined) {
    if (from !== to) return;
  } else if (!(source + prefix).startsWith(target + prefix) && !(target + prefix).startsWith(source + prefix)) {
    return;
  }
  throw wrong(
    'source and target are the same place, or one lies within the other',
    'Give two places that have nothing in common.',
  );
}

/** Every reason to stop early, as one signal whose reason is a StopCopy. */
class Stop {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #callbackError: { readonly error: unknown } | undefined;

  constructor(outer: AbortSignal | undefined) {
    const details: StorageErrorDetails = { operation: 'copy', reason: 'the copy was stopped', cause: outer?.reason };
    this.#outer = outer;
    this.#onAbort = () => {
      const reason: unknown = outer?.reason;
      this.by(reason instanceof StorageError ? reason : new OperationAbortedError({ ...details, cause: reason }));
    };
    // Every object under way listens.
    setMaxListeners(0, this.signal);
    if (outer?.aborted) this.#onAbort();
    else outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  by(error: StorageError): void {
    this.#controller.abort(new StopCopy(error));
  }

  byCallback(error: unknown): void {
    this.#callbackError ??= { error };
    this.by(new OperationAbortedError({ operation: 'copy', reason: 'the copy was stopped', cause: error }));
  }

  /** What the caller's own function threw is the caller's to see. */
  throwCallbackError(): void {
    if (this.#callbackError) throw this.#callbackError.error;
  }

  forget(): void {
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}
