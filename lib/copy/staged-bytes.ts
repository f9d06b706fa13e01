/** Whether a target holds what was sent to it, before anybody sees it. */
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { ChecksumMismatchError } from '../contract/index.js';
import type { StagedUpload } from '../service/index.js';
import { wholeBody } from './whole-body.js';

/** In hex, as StagedUpload.digest. What it is to find came about by accident, and it costs a tenth of a SHA-256. */
async function crc32Of(body: Readable): Promise<string> {
  let sum = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) sum = crc32(chunk, sum);
  return sum.toString(16).padStart(8, '0');
}

async function holds(staged: StagedUpload, small: Buffer | undefined): Promise<boolean> {
  if (small && staged.matches) return staged.matches(small);
  const held = await staged.open!();
  return small ? small.equals(await wholeBody(held)) : (await crc32Of(held)) === staged.digest;
}

/**
 * Where staged bytes can be read back they are; elsewhere the store checks them as they are sent.
 *
 * @param small the body, where it was held whole; else the digest of the upload counts
 * @throws ChecksumMismatchError
 */
export async function assertSameBytes(staged: StagedUpload, small: Buffer | undefined): Promise<void> {
  if (staged.open === undefined || (await holds(staged, small))) return;
  throw new ChecksumMismatchError({
    operation: 'copy',
    key: staged.info.key,
    reason: 'what the target holds is not what was sent to it',
    advice: 'Nothing was published; check the disk or the store.',
  });
}
