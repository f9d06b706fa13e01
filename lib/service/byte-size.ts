/** Sizes as people write them. */
import bytes from 'bytes';
import { StorageConfigurationError } from '../contract/index.js';

/** Bytes, or a text such as `'20mb'` (1 kb is 1,024 bytes). */
export type ByteSize = number | string;

// The library reads '20 apples' as 20; whoever writes that means something else.
const SIZE_TEXT = /^\d+(?:\.\d+)?\s*(?:b|kb|mb|gb|tb|pb)?$/i;

/** A size in bytes; undefined for what is none. */
export function parseByteSize(value: ByteSize): number | undefined {
  if (typeof value !== 'number' && !SIZE_TEXT.test(value.trim())) return undefined;
  const parsed = bytes.parse(typeof value === 'number' ? value : value.trim());
  return parsed !== null && Number.isSafeInteger(parsed) && parsed >= 0 ? parsed : undefined;
}

/** A size in bytes. @param name of the option, for the error. @throws StorageConfigurationError */
export function byteSize(name: string, value: ByteSize | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = parseByteSize(value);
  if (parsed !== undefined) return parsed;
  throw new StorageConfigurationError({
    reason: `${name} is ${JSON.stringify(value)}, which is no size`,
    advice: "Use bytes, or a text such as '500kb', '20mb' or '5gb'.",
  });
}
