/** Bounds the bytes of large objects that are under way at once: many small ones never wait, and no large one starves. */

export class BytesUnderWay {
  readonly #limit: number;
  #taken = 0;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];

  /** @param limit bytes; an object that is larger counts as just that, and is alone */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for room, in the order of asking. */
  async within<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const share = Math.min(bytes, this.#limit);
    if (this.#waiting.length > 0 || this.#taken + share > this.#limit) {
      await new Promise<void>((enter) => this.#waiting.push({ bytes: share, enter }));
    } else {
      this.#taken += share;
    }
    try {
      return await work();
    } finally {
      this.#taken -= share;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#taken + next.bytes <= this.#limit; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += next.bytes;
      next.enter();
    }
  }
}
