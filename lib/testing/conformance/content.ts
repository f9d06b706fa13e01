/** Bodies for the cases: the same bytes on every run, different for every seed. */
import { createCipheriv, createHash } from 'node:crypto';

/** Bytes without a pattern that a torn or shuffled copy could repeat. */
export function bytesOf(size: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Hands bytes out in chunks of the given sizes, over and over, and says no length. */
export async function* chunked(
  bytes: Uint8Array,
  ...sizes: readonly number[]
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** A body that hands out bytes and then fails. */
export async function* failingAfter(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunked(bytes, 16 * 1024);
  throw error;
}
