/** What clients say of their bytes, held against what arrived. */
import { badRequest } from './errors.js';
import type { StoredBytes } from './stored-bytes.js';

export interface PromisedSums {
  readonly crc32c?: string;
  readonly md5Hash?: string;
}

/** Reads `crc32c=...,md5=...`. @throws Refusal */
export function sumsOfHeader(header: string | undefined): PromisedSums {
  const sums: { crc32c?: string; md5Hash?: string } = {};
  for (const part of header?.split(',') ?? []) {
    const [, name, value] = /^\s*(crc32c|md5)=([A-Za-z0-9+/]+={0,2})\s*$/.exec(part) ?? [];
    if (name === undefined) throw badRequest('Invalid X-Goog-Hash header.');
    if (name === 'crc32c') sums.crc32c = value;
    else sums.md5Hash = value;
  }
  return sums;
}

/** @throws Refusal in the words of the service */
export function assertSums(bytes: StoredBytes, ...promised: readonly PromisedSums[]): void {
  for (const { crc32c, md5Hash } of promised) {
    if (crc32c !== undefined && crc32c !== bytes.crc32c) {
      throw badRequest(`Provided CRC32C "${crc32c}" doesn't match calculated CRC32C "${bytes.crc32c}".`);
    }
    if (md5Hash !== undefined && md5Hash !== bytes.md5) {
      throw badRequest(`Provided MD5 hash "${md5Hash}" doesn't match calculated MD5 hash "${bytes.md5}".`);
    }
  }
}
