/** The bytes of one part as the chunks they came in: nothing is copied on the way to the socket. */
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { PartStream } from './part-stream.js';

export type PartChecksum = 'crc32' | 'md5' | 'sha256' | 'none';

// A small chunk may be a slice that keeps a much larger buffer alive: those are gathered.
const SMALL = 16 * 1024;
const BLOCK = 64 * 1024;

export class ChunkList {
  /** Bytes. */
  size = 0;
  readonly #chunks: Uint8Array[] = [];
  readonly #checksum: PartChecksum;
  // Summed up while the bytes come in: a whole part at once would stall the event loop.
  readonly #sum: { crc?: number; hash?: Hash };
  #headers: Record<string, string> | undefined;
  #block: Buffer | undefined;
  #filled = 0;

  constructor(checksum: PartChecksum) {
    this.#checksum = checksum;
    if (checksum === 'crc32') this.#sum = { crc: 0 };
    else this.#sum = checksum === 'none' ? {} : { hash: createHash(checksum) };
  }

  push(chunk: Uint8Array): void {
    this.size += chunk.byteLength;
    if (this.#sum.crc !== undefined) this.#sum.crc = crc32(chunk, this.#sum.crc);
    this.#sum.hash?.update(chunk);
    if (chunk.byteLength >= SMALL) {
      this.#seal();
      this.#chunks.push(chunk);
      return;
    }
    if (this.#block && this.#filled + chunk.byteLength > BLOCK) this.#seal();
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK);
    this.#block.set(chunk, this.#filled);
    this.#filled += chunk.byteLength;
  }

  #seal(): void {
    // A block that is hardly filled is cut to what it holds.
    if (this.#block) {
      const bytes = this.#block.subarray(0, this.#filled);
      this.#chunks.push(this.#filled < BLOCK / 2 ? Buffer.from(bytes) : bytes);
    }
    this.#block = undefined;
    this.#filled = 0;
  }

  /** The chunks in order. */
  chunks(): readonly Uint8Array[] {
    this.#seal();
    return this.#chunks;
  }

  /** A new stream over the bytes, for one attempt to send them. */
  stream(): PartStream {
    return new PartStream(this.chunks());
  }

  /** Lets the bytes go. */
  clear(): void {
    this.#chunks.length = 0;
    this.#block = undefined;
  }

  /** Request headers by which the store verifies the bytes. Called once, when all bytes are in. */
  headers(): Record<string, string> {
    if (this.#headers) return this.#headers;
    // Without a hash of the payload in the signature the signer would take the body for an empty one.
    const unsigned = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    const { crc, hash } = this.#sum;
    if (hash && this.#checksum === 'md5') this.#headers = { ...unsigned, 'content-md5': hash.digest('base64') };
    else if (hash) this.#headers = { 'x-amz-content-sha256': hash.digest('hex') };
    else if (crc !== undefined) this.#headers = { ...unsigned, 'x-amz-checksum-crc32': base64OfCrc(crc) };
    else this.#headers = unsigned;
    return this.#headers;
  }
}

function base64OfCrc(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}
