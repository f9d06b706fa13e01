/** What is known of each key, as numbers in place of texts: millions of keys fit into memory, however long they are. */
import { hash } from 'node:crypto';

/** 64 bits of SHA-256: enough for two versions of one key, and for a key among billions. */
export function digestOf(text: string): bigint {
  return BigInt(`0x${hash('sha256', text, 'hex').slice(0, 16)}`);
}

const FIRST_SLOTS = 1024;

/**
 * A hash table with open addressing. Two keys of one digest would share an entry: the versions of one do not fit the
 * other, so that such a key is looked at again, and nothing worse.
 */
export class DigestTable {
  readonly #fields: number;
  /** Digest of the key (0: free), then its values; the first of them is 0 where the key was deleted. */
  #slots: BigUint64Array;
  #taken = 0;
  #deleted = 0;

  /** @param values of each key */
  constructor(values: number) {
    this.#fields = values + 1;
    this.#slots = new BigUint64Array(FIRST_SLOTS * this.#fields);
  }

  get count(): number {
    return this.#taken - this.#deleted;
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#slots.byteLength;
  }

  get(key: string): BigUint64Array | undefined {
    const at = this.#find(this.#slots, keyDigest(key));
    return this.#holds(at) ? this.#slots.subarray(at + 1, at + this.#fields) : undefined;
  }

  set(key: string, ...values: readonly bigint[]): void {
    if ((this.#taken + 1) * this.#fields * 4 > this.#slots.length * 3) this.#grow();
    const digest = keyDigest(key);
    const at = this.#find(this.#slots, digest);
    if (this.#slots[at] === 0n) this.#taken++;
    else if (!this.#holds(at)) this.#deleted--;
    this.#slots.set([digest, ...values], at);
  }

  delete(key: string): void {
    const at = this.#find(this.#slots, keyDigest(key));
    if (!this.#holds(at)) return;
    this.#slots[at + 1] = 0n;
    this.#deleted++;
  }

  /** Digest of the key and values of each, in no order. */
  *entries(): Generator<BigUint64Array, void, undefined> {
    for (let at = 0; at < this.#slots.length; at += this.#fields) {
      if (this.#holds(at)) yield this.#slots.subarray(at, at + this.#fields);
    }
  }

  #holds(at: number): boolean {
    return this.#slots[at] !== 0n && this.#slots[at + 1] !== 0n;
  }

  #find(slots: BigUint64Array, digest: bigint): number {
    const size = slots.length / this.#fields;
    let slot = Number(digest % BigInt(size));
    while (slots[slot * this.#fields] !== 0n && slots[slot * this.#fields] !== digest) slot = (slot + 1) % size;
    return slot * this.#fields;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const entry of this.entries()) larger.set(entry, this.#find(larger, entry[0]!));
    this.#taken -= this.#deleted;
    this.#deleted = 0;
    this.#slots = larger;
  }
}

function keyDigest(key: string): bigint {
  const digest = digestOf(key);
  return digest === 0n ? 1n : digest;
}
