/** Sizes as people write them. */
import bytes from 'bytes';
import { StorageConfigurationError } from '../contract/index.js';

/** Bytes, or a text such as `'20mb'` (1 kb is 1,024 bytes). */
export type ByteSize = number | string;

/** A size in bytes. @param name of the option, for the error. @throws StorageConfigurationError */
export function byteSize(name: string, value: ByteSize | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = typeof value === 'number' ? value : bytes.parse(value);
  if (parsed !== null && Number.isSafeInteger(parsed) && parsed >= 0) return parsed;
  throw new StorageConfigurationError({
    reason: `${name} is ${JSON.stringify(value)}, which is no size`,
    advice: "Use bytes, or a text such as '500kb', '20mb' or '5gb'.",
  });
}
