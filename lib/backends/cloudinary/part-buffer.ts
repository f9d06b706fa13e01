/** The bytes of one part, gathered into blocks: chunks as they come may be slices that keep much larger memory alive. */

const BLOCK = 64 * 1024;

export class PartBuffer {
  /** Bytes in it. */
  size = 0;
  readonly #limit: number;
  #blocks: Buffer[] = [];

  /** @param limit bytes of a full part */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get full(): boolean {
    return this.size === this.#limit;
  }

  /** Takes in what fits. @returns the rest */
  fill(chunk: Uint8Array): Uint8Array {
    let rest = chunk.subarray(0, this.#limit - this.size);
    const left = chunk.subarray(rest.byteLength);
    while (rest.byteLength > 0) {
      const at = this.size % BLOCK;
      const index = (this.size - at) / BLOCK;
      const block = (this.#blocks[index] ??= Buffer.allocUnsafeSlow(Math.min(BLOCK, this.#limit - this.size)));
      const taken = Math.min(rest.byteLength, block.length - at);
      block.set(rest.subarray(0, taken), at);
      this.size += taken;
      rest = rest.subarray(taken);
    }
    return left;
  }

  /** What is in it. Valid until the next fill() after empty(). */
  chunks(): readonly Uint8Array[] {
    const used = Math.ceil(this.size / BLOCK);
    return this.#blocks.slice(0, used).map((block, index) => block.subarray(0, this.size - index * BLOCK));
  }

  /** Ready for the next part, in the same memory. */
  empty(): void {
    this.size = 0;
  }

  /** Lets go of the memory. */
  release(): void {
    this.empty();
    this.#blocks = [];
  }
}
