/** Bytes of objects: in memory while small, in a file of the server's temp folder beyond that, hashed as they come. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CRC32C } from '@google-cloud/storage';

const HELD = 1024 * 1024;

let files = 0;

export class StoredBytes {
  readonly #folder: string;
  readonly #crc32c = new CRC32C();
  readonly #md5 = createHash('md5');
  #held: Buffer[] = [];
  #path: string | undefined;
  #fd: number | undefined;
  #md5Digest: string | undefined;
  size = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  static of(folder: string, bytes: Buffer): StoredBytes {
    const stored = new StoredBytes(folder);
    stored.append(bytes);
    return stored;
  }

  append(bytes: Buffer): void {
    this.#crc32c.update(bytes);
    this.#md5.update(bytes);
    this.size += bytes.length;
    this.#held.push(Buffer.from(bytes));
    if (this.#fd === undefined && this.size <= HELD) return;
    if (this.#fd === undefined) {
      this.#path = join(this.#folder, `object-${files++}`);
      this.#fd = openSync(this.#path, 'wx+');
    }
    for (const part of this.#held) for (let at = 0; at < part.length;) at += writeSync(this.#fd, part, at);
    this.#held = [];
  }

  get crc32c(): string {
    return this.#crc32c.toString();
  }

  /** Base64. The bytes are complete from then on. */
  get md5(): string {
    return (this.#md5Digest ??= this.#md5.digest('base64'));
  }

  /** Both ends inclusive. What was opened stays readable after remove(). */
  stream(start = 0, end = this.size - 1): Readable {
    if (end < start) return Readable.from([]);
    if (this.#path === undefined) return Readable.from([Buffer.concat(this.#held).subarray(start, end + 1)]);
    const fd = openSync(this.#path, 'r');
    return createReadStream('', { fd, start, end, highWaterMark: 256 * 1024 });
  }

  copy(): StoredBytes {
    const copied = new StoredBytes(this.#folder);
    if (this.#fd === undefined) {
      for (const part of this.#held) copied.append(part);
      return copied;
    }
    const piece = Buffer.alloc(HELD);
    for (let at = 0; at < this.size;) {
      const read = readSync(this.#fd, piece, 0, piece.length, at);
      copied.append(piece.subarray(0, read));
      at += read;
    }
    return copied;
  }

  remove(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    if (this.#path !== undefined) unlinkSync(this.#path);
    this.#fd = undefined;
  }
}
