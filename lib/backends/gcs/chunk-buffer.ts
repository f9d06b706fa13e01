/** Gathers the chunks of a body into pieces of one size, whatever size they come in. */

const FIRST_CAPACITY = 64 * 1024;

/** A buffer that grows with what is in it, up to a limit, so that small bodies stay small in memory. */
export class ChunkBuffer {
  readonly #limit: number;
  #bytes: Buffer;
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(Math.min(FIRST_CAPACITY, limit));
  }

  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#length === this.#limit;
  }

  /** Takes in what fits. @returns the rest */
  fill(chunk: Uint8Array): Uint8Array {
    const taken = Math.min(chunk.byteLength, this.#limit - this.#length);
    this.#reserve(this.#length + taken);
    this.#bytes.set(chunk.subarray(0, taken), this.#length);
    this.#length += taken;
    return chunk.subarray(taken);
  }

  /** What is in it. Valid until the next clear(). */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Empties it and keeps the memory for the next piece. */
  clear(): void {
    this.#length = 0;
  }

  #reserve(needed: number): void {
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
