/** What a diagnosis has written or may have: every key, from the first byte sent until it is known to be gone. */
import type { StorageErrorCode } from '../contract/index.js';
import { factsOf } from './failure-facts.js';

/**
 * `written`: the store said so. `refused`: it said no, or was never asked. `unsure`: nobody said what became of it, and
 * it may be there or land yet.
 */
type WriteState = 'written' | 'refused' | 'unsure';

export interface Write {
  readonly key: string;
  /** The work itself writes, in this process: once it has ended, nothing lands any more. */
  readonly here: boolean;
  state: WriteState;
  /** The work has not ended, and may send again what it sent before. */
  running: boolean;
  /** Resolves once the work has ended, however it did. */
  readonly ended: Promise<void>;
}

/** Codes of a request that nobody can have got. */
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EHOSTUNREACH', 'ENETUNREACH'];

/** Failures of the storage behind which the object may be stored all the same. */
const UNSURE: ReadonlySet<StorageErrorCode> = new Set(['unavailable', 'timeout', 'aborted', 'unknown']);

/** 408 says that the server gave up waiting, not that it took nothing. */
function saysNo(status: number | undefined): boolean {
  return status !== undefined && status >= 300 && status < 500 && status !== 408;
}

function wasRefused(error: unknown): boolean {
  const { codes, reason, status } = factsOf(error);
  if (NEVER_SENT.some((code) => codes.has(code)) || saysNo(status)) return true;
  return reason !== undefined && !UNSURE.has(reason);
}

export class Writes {
  readonly #open = new Map<string, Write>();

  /** Those that are not known to be gone. */
  get open(): readonly Write[] {
    return [...this.#open.values()];
  }

  /** Does the work, and keeps what became of the key. */
  async track<T>(key: string, here: boolean, work: () => Promise<T>): Promise<T> {
    const done = work();
    const ended = done.then(
      () => undefined,
      () => undefined,
    );
    const write: Write = { key, here, state: 'unsure', running: true, ended };
    this.#open.set(key, write);
    try {
      const result = await done;
      write.state = 'written';
      return result;
    } catch (error) {
      if (wasRefused(error)) write.state = 'refused';
      throw error;
    } finally {
      write.running = false;
    }
  }

  /** The key is known to be gone. */
  forget(key: string): void {
    this.#open.delete(key);
  }

  /** Resolves once no work runs any more. */
  async ended(): Promise<void> {
    await Promise.all(this.open.map((write) => write.ended));
  }
}
