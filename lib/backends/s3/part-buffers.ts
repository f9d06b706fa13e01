/** One budget of bytes for the part buffers of all uploads in this process. */
import { PartAccount } from './part-account.js';

/** Bytes of parts that the process holds at once, of all its uploads to S3 together, unless an option says otherwise. */
export const DEFAULT_PART_BUFFER_BYTES = 64 * 1024 * 1024;

/** Room for one more body that has to be held until its commit did not come free in time. */
export class NoRoomToHold extends Error {}

interface Waiter {
  readonly account: PartAccount;
  readonly bytes: number;
  readonly go: () => void;
}

// A slow client is not turned away, but it does not keep room that it hardly uses from others.
const PACE_CHECK = 2000;

/**
 * An upload reserves room for a whole part that can be sent before the first byte of it, so whoever is let in gets there,
 * at the speed of its own client. Others wait in turn and hold nothing. Bodies that are held until their commit have half
 * of the budget at most, so that parts can always move; where room for one part is never enough beside them, one upload
 * at a time may overdraw: memory stays under the budget and one part.
 */
export class PartBuffers {
  /** Milliseconds that a body which has to be held waits, once all that are held wait for their commit. @internal */
  patience = 30_000;
  #limit: number;
  #used = 0;
  #kept = 0;
  #sending = 0;
  readonly #filling = new Set<PartAccount>();
  /** Slow ones, which hold what they have filled and nothing more. */
  readonly #parked = new Set<PartAccount>();
  readonly #waiters: Waiter[] = [];
  #pace: NodeJS.Timeout | undefined;

  constructor(limit = DEFAULT_PART_BUFFER_BYTES) {
    this.#limit = limit;
  }

  /** Bytes that all uploads together may hold. */
  get limit(): number {
    return this.#limit;
  }

  set limit(bytes: number) {
    this.#limit = bytes;
    this.#drain();
  }

  /** Bytes held now, or reserved for what is still to come. */
  get used(): number {
    return this.#used;
  }

  /** Uploads that wait for room. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * The account of one upload.
   *
   * @param mustKeep its body cannot be sent before it is committed
   * @internal
   */
  open(mustKeep = false): PartAccount {
    return new PartAccount(this, mustKeep);
  }

  /** @internal */
  reserve(account: PartAccount, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const aborted = () => leave(signal!.reason);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', aborted);
      };
      const waiter: Waiter = {
        account,
        bytes,
        go: () => {
          done();
          resolve();
        },
      };
      const leave = (reason: unknown) => {
        done();
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(reason);
        this.#drain();
      };
      signal?.addEventListener('abort', aborted, { once: true });
      const giveUp = () => {
        const comingIn = [...this.#filling].some(({ mustKeep }) => mustKeep);
        if (comingIn) timer!.refresh();
        else leave(new NoRoomToHold());
      };
      if (account.mustKeep) timer = setTimeout(giveUp, this.patience);
      this.#waiters.push(waiter);
      this.#drain();
    });
  }

  /** More room at once, where nobody waits for it. @internal */
  grow(account: PartAccount, bytes: number): boolean {
    const wanted = this.#waiters.some((waiter) => this.#mayEnter(waiter));
    if (wanted || this.#used + bytes > this.#limit) return false;
    this.#grant(account, bytes);
    return true;
  }

  /** The part is on its way. @internal */
  sending(account: PartAccount, bytes: number): void {
    this.#leave(account);
    this.#sending += bytes;
  }

  /** @internal */
  sent(bytes: number): void {
    this.#sending -= bytes;
    this.give(bytes, false);
  }

  /** The body has ended, and may be kept until it is committed. @internal */
  keep(account: PartAccount, bytes: number): boolean {
    if (!account.mustKeep) {
      if (bytes > 0 && this.#kept + bytes > this.#limit / 2) return false;
      this.#kept += bytes;
    }
    this.#leave(account);
    this.#drain();
    return true;
  }

  /** Nothing more is to come. @internal */
  close(account: PartAccount, bytes: number, kept: boolean): void {
    this.#leave(account);
    this.give(bytes, kept);
  }

  /** @internal */
  give(bytes: number, kept: boolean): void {
    if (kept) this.#kept -= bytes;
    this.#used -= bytes;
    this.#drain();
  }

  #grant(account: PartAccount, bytes: number): void {
    this.#parked.delete(account);
    this.#filling.add(account);
    this.#used += bytes;
    if (account.mustKeep) this.#kept += bytes;
    account.granted(bytes);
  }

  #leave(account: PartAccount): void {
    this.#filling.delete(account);
    this.#parked.delete(account);
  }

  /** Whoever may not stands in nobody's way. */
  #mayEnter({ account, bytes }: Waiter): boolean {
    return !account.mustKeep || this.#kept === 0 || this.#kept + bytes <= this.#limit / 2;
  }

  #drain(): void {
    for (let at = 0; at < this.#waiters.length;) {
      const waiter = this.#waiters[at]!;
      if (!this.#mayEnter(waiter)) {
        at++;
        continue;
      }
      const nothingMoves = this.#filling.size === 0 && this.#sending === 0;
      if (this.#used + waiter.bytes > this.#limit && !nothingMoves) break;
      this.#waiters.splice(at, 1);
      this.#grant(waiter.account, waiter.bytes);
      waiter.go();
    }
    if (this.#waiters.length === 0) {
      clearInterval(this.#pace);
      this.#pace = undefined;
    } else {
      this.#pace ??= setInterval(() => this.#parkSlow(), PACE_CHECK).unref();
    }
  }

  /** Parked uploads hold what they have, so there is an end to it. */
  #parkSlow(): void {
    const now = performance.now();
    for (const account of this.#filling) {
      if (!account.isSlow(now)) continue;
      const parked = [...this.#parked].reduce((sum, { filled }) => sum + filled, account.filled);
      if (parked > this.#limit / 4) continue;
      this.#leave(account);
      this.#parked.add(account);
      account.park();
    }
  }
}

/** The budget of this process. */
export const partBuffers = new PartBuffers();
