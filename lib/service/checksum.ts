/** Checksums of bodies: computed on our side while the bytes pass, so that a mismatch never commits. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { InvalidOptionsError } from '../contract/index.js';

/** Algorithms that bodies can be checked with. */
export type ChecksumAlgorithm = 'crc32' | 'md5' | 'sha1' | 'sha256' | 'sha512';

/** A promised checksum: the digest in hex or base64. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly digest: string;
}

/** A checksum that is computed while the bytes pass. */
export interface RunningChecksum {
  /** Takes in the next bytes. */
  update(chunk: Uint8Array): void;
  /** The digest of all bytes so far. Ends it. */
  digest(): Buffer;
}

const DIGEST_BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  crc32: 4,
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
};

/** Begins a checksum. */
export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  if (algorithm !== 'crc32') {
    const hash = createHash(algorithm);
    return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
  }
  let sum = 0;
  return {
    update: (chunk) => {
      sum = crc32(chunk, sum);
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sum);
      return bytes;
    },
  };
}

/** @throws InvalidOptionsError for an unknown algorithm or a digest of the wrong length */
export function checksumBytes(checksum: Checksum): Buffer {
  const length = Object.hasOwn(DIGEST_BYTES, checksum.algorithm) ? DIGEST_BYTES[checksum.algorithm] : undefined;
  if (length === undefined) {
    throw wrong(`checksum.algorithm must be one of ${Object.keys(DIGEST_BYTES).join(', ')}`);
  }
  const hex = /^[0-9a-f]+$/i.test(checksum.digest) && checksum.digest.length === length * 2;
  const bytes = Buffer.from(checksum.digest, hex ? 'hex' : 'base64');
  if (bytes.length !== length) throw wrong(`checksum.digest must be ${length} bytes in hex or base64`);
  return bytes;
}

function wrong(reason: string): InvalidOptionsError {
  return new InvalidOptionsError({ operation: 'put', reason });
}
