/** CRC32C of bytes on their way: in hardware where @node-rs/crc32 is installed, else the SDK's own in JavaScript. */
import type { GcsSdk } from './gcs-sdk.js';

export interface RunningCrc32c {
  update(chunk: Uint8Array): void;
  /** As the service writes it: big-endian in base64. */
  digest(): string;
}

export type Crc32cFactory = () => RunningCrc32c;

function base64(sum: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(sum | 0);
  return bytes.toString('base64');
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The SDK's: always there, about 200 MB/s. */
export function sdkCrc32c(sdk: GcsSdk): Crc32cFactory {
  return () => {
    const sum = sdk.newCrc32c();
    return { update: (chunk) => sum.update(asBuffer(chunk)), digest: () => base64(sum.valueOf()) };
  };
}

/** The fastest at hand: @node-rs/crc32 (about 15 times the SDK's) is an optional peer. */
export async function bestCrc32c(sdk: GcsSdk): Promise<Crc32cFactory> {
  try {
    const { crc32c } = await import('@node-rs/crc32');
    return () => {
      let sum = 0;
      return {
        update: (chunk) => {
          sum = crc32c(asBuffer(chunk), sum);
        },
        digest: () => base64(sum),
      };
    };
  } catch {
    // Not installed, or no binary for this platform.
    return sdkCrc32c(sdk);
  }
}
