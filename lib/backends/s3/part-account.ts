/** What one upload holds of the budget: the part being filled, or a body that waits for its commit. */
import type { PartBuffers } from './part-buffers.js';

/** Milliseconds after which the pace of a client is judged. */
const TURN = 10_000;
const SLOW_BYTES_PER_SECOND = 32 * 1024;

export class PartAccount {
  /** The body cannot be sent before it is committed. */
  readonly mustKeep: boolean;
  readonly #buffers: PartBuffers;
  #reserved = 0;
  #filled = 0;
  #kept = false;
  #turn = { since: 0, filled: 0 };

  constructor(buffers: PartBuffers, mustKeep: boolean) {
    this.#buffers = buffers;
    this.mustKeep = mustKeep;
    this.#kept = mustKeep;
  }

  /** Bytes of the part so far. */
  get filled(): number {
    return this.#filled;
  }

  /**
   * Takes bytes of a part. At its first ones, room for all of it is waited for.
   *
   * @param part bytes with which it can be sent
   */
  async take(bytes: number, part: number, signal?: AbortSignal): Promise<void> {
    if (this.#filled + bytes > this.#reserved) await this.#buffers.reserve(this, part - this.#reserved, signal);
    this.#filled += bytes;
  }

  /** Makes room for a larger part, where it is there at once. */
  grow(bytes: number): boolean {
    return this.#buffers.grow(this, bytes);
  }

  /** @internal */
  granted(bytes: number): void {
    this.#reserved += bytes;
    this.#turn = { since: performance.now(), filled: this.#filled };
  }

  /** Whether little came since the last look, while there is room for more. @internal */
  isSlow(now: number): boolean {
    const { since, filled } = this.#turn;
    if (this.#reserved === this.#filled || now - since < TURN) return false;
    const pace = ((this.#filled - filled) * 1000) / (now - since);
    this.#turn = { since: now, filled: this.#filled };
    return pace < SLOW_BYTES_PER_SECOND;
  }

  /** Room for what is not filled goes to others: the next bytes wait for it again. @internal */
  park(): void {
    this.#trim();
  }

  /** The part is on its way. @returns to be called when its bytes are needed no longer */
  send(): () => void {
    this.#trim();
    const bytes = this.#filled;
    this.#buffers.sending(this, bytes);
    this.#end();
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#buffers.sent(bytes);
    };
  }

  /** The body has ended. @returns whether it may stay in memory until it is committed */
  keep(): boolean {
    this.#trim();
    this.#kept = this.#buffers.keep(this, this.#filled);
    return this.#kept;
  }

  /** Gives back what is not on its way. */
  close(): void {
    const bytes = this.#reserved;
    this.#end();
    this.#buffers.close(this, bytes, this.#kept);
  }

  #trim(): void {
    const rest = this.#reserved - this.#filled;
    this.#reserved = this.#filled;
    this.#buffers.give(rest, this.mustKeep);
  }

  #end(): void {
    this.#reserved = 0;
    this.#filled = 0;
  }
}
