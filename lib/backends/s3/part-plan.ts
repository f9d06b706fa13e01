/** How large the parts of one upload are: as good for speed where there is room, and never so small that they run out. */
import type { StageOptions } from '../../contract/index.js';
import { MAX_PARTS, MIN_PART_BYTES, type S3Settings } from './s3.settings.js';

const MIB = 1024 * 1024;

/** A given size sets the part size, so that 10,000 parts are enough. */
export function partSizeFor(size: number | undefined, partSize: number): number {
  const least = size === undefined ? 0 : Math.ceil(size / MAX_PARTS / MIB) * MIB;
  return Math.max(partSize, least);
}

/** Bytes of the next part. */
export interface PartBytes {
  /** With these it can be sent. */
  readonly least: number;
  /** It has these where there is room. */
  readonly full: number;
}

export class PartPlan {
  readonly partSize: number;
  /** Bytes that the body may have. */
  readonly most: number;
  readonly #maxParts: number;
  readonly #equal: boolean;
  readonly #least: number;
  readonly #largest: number;
  #parts = 0;
  #planned = 0;
  #first: number | undefined;

  /** @param held bytes that may be held: no part is larger, but for those of a given size that needs it */
  constructor(settings: S3Settings, { size, maxSize }: StageOptions, held: number) {
    // What has to be held cannot be larger than what may be held: only a given size can be sent as it arrives.
    const streamed = size !== undefined && size > held;
    this.#maxParts = settings.maxParts;
    this.partSize = partSizeFor(size, streamed ? settings.partSize : Math.min(settings.partSize, held));
    this.most = Math.min(size ?? maxSize ?? Infinity, this.partSize * this.#maxParts);
    this.#equal = settings.dialect.equalParts;
    this.#least = Math.min(MIN_PART_BYTES, this.partSize);
    // Later parts may make up for small ones.
    this.#largest = Math.max(this.partSize, Math.min(2 * this.partSize, held));
  }

  /** The part that comes after those that were sent. */
  next(): PartBytes {
    const left = this.most - this.#planned;
    if (this.#first !== undefined) return { least: Math.min(left, this.#first), full: Math.min(left, this.#first) };
    const needed = this.#equal
      ? Math.ceil(this.most / this.#maxParts)
      : left - (this.#maxParts - this.#parts - 1) * this.#largest;
    return {
      least: Math.min(left, Math.max(this.#least, needed)),
      full: Math.min(left, Math.max(this.partSize, needed)),
    };
  }

  sent(bytes: number): void {
    this.#parts++;
    this.#planned += bytes;
    if (this.#equal) this.#first ??= bytes;
  }
}
