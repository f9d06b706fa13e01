/** What a journal says of each key, in 32 to 64 bytes a key instead of its text: millions of them fit into memory. */
import { hash } from 'node:crypto';

/** Versions of both sides that were found equal. */
export interface Confirmed {
  readonly source: bigint;
  readonly target: bigint;
}

/** 64 bits of SHA-256: enough for two versions of one key, and for a key among billions. */
export function digestOf(text: string): bigint {
  return BigInt(`0x${hash('sha256', text, 'hex').slice(0, 16)}`);
}

const FIELDS = 3;
const FIRST_SLOTS = 1024;

/**
 * A hash table with open addressing. Two keys of one digest would share an entry: the versions of one do not fit the
 * other, so that such a key is compared again, and nothing worse.
 */
export class ConfirmedObjects {
  /** Digest of the key (0: free), of the source's version, of the target's. */
  #slots = new BigUint64Array(FIRST_SLOTS * FIELDS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  get(key: string): Confirmed | undefined {
    const at = this.#find(this.#slots, keyDigest(key));
    if (this.#slots[at] === 0n) return undefined;
    return { source: this.#slots[at + 1]!, target: this.#slots[at + 2]! };
  }

  /** @param source version of the source's object. @param target version of the target's */
  set(key: string, source: string, target: string): void {
    if ((this.#count + 1) * FIELDS * 4 > this.#slots.length * 3) this.#grow();
    const digest = keyDigest(key);
    const at = this.#find(this.#slots, digest);
    if (this.#slots[at] === 0n) this.#count++;
    this.#slots[at] = digest;
    this.#slots[at + 1] = digestOf(source);
    this.#slots[at + 2] = digestOf(target);
  }

  #find(slots: BigUint64Array, digest: bigint): number {
    const size = slots.length / FIELDS;
    let slot = Number(digest % BigInt(size));
    while (slots[slot * FIELDS] !== 0n && slots[slot * FIELDS] !== digest) slot = (slot + 1) % size;
    return slot * FIELDS;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (let at = 0; at < this.#slots.length; at += FIELDS) {
      const digest = this.#slots[at]!;
      if (digest !== 0n) larger.set(this.#slots.subarray(at, at + FIELDS), this.#find(larger, digest));
    }
    this.#slots = larger;
  }
}

function keyDigest(key: string): bigint {
  const digest = digestOf(key);
  return digest === 0n ? 1n : digest;
}
