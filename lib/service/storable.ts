/** Whether a storage could hold an object, told without a byte of it. */
import {
  FileTooLargeError,
  InvalidKeyError,
  InvalidOptionsError,
  NotSupportedError,
  type ObjectMetadata,
  type StageOptions,
  type StorageCapabilities,
  type StorageErrorDetails,
} from '../contract/index.js';
import type { BoundStorage } from './bound-storage.js';
import { checkedStageOptions } from './stage-file.js';
import type { StageFileOptions } from './storage-options.js';

/** @throws what put() would refuse before it reads the body */
export function assertStorable(bound: BoundStorage, key: string, options: StageFileOptions): void {
  const parsed = bound.key('put', key);
  const details = bound.details('put', parsed);
  const { size } = options;
  const checked = { ...checkedStageOptions(parsed, options, details), size };
  const limit = bound.maxSize(options.maxSize, details);
  if (size !== undefined && limit !== undefined && size > limit) throw new FileTooLargeError({ ...details, limit });
  assertCapable(bound.capabilities, parsed, checked, details);
  bound.backend.assertStorable?.(parsed, checked);
}

/** What the capabilities alone tell, for backends that say no more. */
function assertCapable(
  capabilities: StorageCapabilities,
  key: string,
  options: StageOptions,
  details: StorageErrorDetails,
): void {
  const { maxSegmentBytes, maxMetadataBytes, emptyObjects } = capabilities;
  if (
    maxSegmentBytes !== undefined &&
    key.length * 3 > maxSegmentBytes &&
    key.split('/').some((segment) => Buffer.byteLength(segment) > maxSegmentBytes)
  ) {
    throw new InvalidKeyError({
      ...details,
      reason: `a segment of the key is longer than the ${maxSegmentBytes} bytes that this backend holds`,
      advice: 'Shorten the segment; safeName() does so for file names.',
    });
  }
  if (options.size === 0 && !emptyObjects) {
    throw new NotSupportedError({ ...details, reason: 'this backend cannot hold an empty file' });
  }
  const bytes = metadataBytes(options.metadata);
  if (maxMetadataBytes !== undefined && bytes > maxMetadataBytes) {
    throw new InvalidOptionsError({
      ...details,
      reason: `the metadata has ${bytes} bytes, and this backend holds ${maxMetadataBytes}`,
      advice: 'Keep large facts in a database, or in an object of their own.',
    });
  }
}

function metadataBytes(metadata: ObjectMetadata): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}
