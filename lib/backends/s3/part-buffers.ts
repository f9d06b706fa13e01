/** One budget of bytes for the part buffers of all uploads in this process. */

export const DEFAULT_PART_BUFFER_BYTES = 64 * 1024 * 1024;

interface Waiter {
  readonly account: PartAccount;
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Bytes are taken as chunks arrive and given back when their part is sent. Where the budget is used up, uploads wait
 * in turn. If all that is held belongs to parts still being filled, waiting alone would last for ever: then the first
 * in the queue may overdraw until its part is sent, one upload at a time, so memory stays under the budget and one part.
 */
export class PartBuffers {
  #limit: number;
  #used = 0;
  #sending = 0;
  #overdrawing: PartAccount | undefined;
  readonly #waiters: Waiter[] = [];

  constructor(limit = DEFAULT_PART_BUFFER_BYTES) {
    this.#limit = limit;
  }

  /** Bytes that all uploads together may hold. */
  get limit(): number {
    return this.#limit;
  }

  set limit(bytes: number) {
    this.#limit = bytes;
    this.drain();
  }

  /** Bytes held now. */
  get used(): number {
    return this.#used;
  }

  /** Uploads that wait for room. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** The account of one upload. @internal */
  open(): PartAccount {
    return new PartAccount(this);
  }

  /** Takes bytes at once, or says false. @internal */
  take(account: PartAccount, bytes: number): boolean {
    const free = this.#waiters.length === 0 && this.#used + bytes <= this.#limit;
    if (!free && this.#overdrawing !== account) return false;
    this.#used += bytes;
    return true;
  }

  /** @internal */
  wait(account: PartAccount, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        account,
        bytes,
        go: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal!.reason);
        this.drain();
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
      this.drain();
    });
  }

  /** @internal */
  give(bytes: number): void {
    this.#used -= bytes;
    this.drain();
  }

  /** @internal */
  sending(bytes: number): void {
    this.#sending += bytes;
    if (bytes < 0) this.drain();
  }

  /** @internal */
  endOverdraft(account: PartAccount): void {
    if (this.#overdrawing !== account) return;
    this.#overdrawing = undefined;
    this.drain();
  }

  /** @internal */
  drain(): void {
    while (this.#waiters.length > 0) {
      const first = this.#waiters[0]!;
      const fits = this.#used + first.bytes <= this.#limit;
      const stuck = this.#sending === 0 && this.#overdrawing === undefined;
      if (!fits && !stuck) return;
      if (!fits) this.#overdrawing = first.account;
      this.#waiters.shift();
      this.#used += first.bytes;
      first.go();
    }
  }
}

/** What one upload holds of the budget. */
export class PartAccount {
  #held = 0;
  readonly #buffers: PartBuffers;

  constructor(buffers: PartBuffers) {
    this.#buffers = buffers;
  }

  /** Takes bytes, waiting for room where there is none. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (!this.#buffers.take(this, bytes)) await this.#buffers.wait(this, bytes, signal);
    this.#held += bytes;
  }

  /** The part that was filled is on its way: its bytes come back through the answer's function. */
  send(bytes: number): () => void {
    this.#buffers.sending(bytes);
    this.#buffers.endOverdraft(this);
    let done = false;
    return () => {
      if (done) return;
      done = true;
      this.#held -= bytes;
      this.#buffers.sending(-bytes);
      this.#buffers.give(bytes);
    };
  }

  /** Whether what is held may go on being held without standing in the way of others. */
  get roomy(): boolean {
    return this.#buffers.used <= this.#buffers.limit / 2;
  }

  /** The body has ended; what is left is kept by a staged object. */
  settle(): void {
    this.#buffers.endOverdraft(this);
  }

  /** Gives everything back. */
  close(): void {
    this.#buffers.endOverdraft(this);
    const held = this.#held;
    this.#held = 0;
    if (held > 0) this.#buffers.give(held);
  }
}

/** The budget of this process. */
export const partBuffers = new PartBuffers();
