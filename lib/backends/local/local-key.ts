/** What a disk cannot hold although it is a key. */
import { InvalidKeyError, type StorageErrorDetails, type StorageKey } from '../../contract/index.js';

/** Longest name of one entry on the usual file systems, in bytes. */
export const MAX_SEGMENT_BYTES = 255;

// What Windows refuses in names: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const WINDOWS_CHARACTER = /[<>:"|?*]/;
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

/** @throws InvalidKeyError */
export function assertFits(key: StorageKey, details: StorageErrorDetails, platform = process.platform): void {
  // A UTF-16 unit is at most three bytes: most keys need no look at their segments.
  if (
    key.length * 3 > MAX_SEGMENT_BYTES &&
    key.split('/').some((part) => Buffer.byteLength(part) > MAX_SEGMENT_BYTES)
  ) {
    throw new InvalidKeyError({
      ...details,
      reason: `a segment of the key is longer than ${MAX_SEGMENT_BYTES} bytes, the most that a disk takes`,
      advice: 'Shorten the segment; safeName() does so for file names.',
      clientMessage: `A segment of the key is longer than ${MAX_SEGMENT_BYTES} bytes.`,
    });
  }
  if (platform !== 'win32') return;
  const bad = key
    .split('/')
    .find((part) => WINDOWS_CHARACTER.test(part) || WINDOWS_DEVICE.test(part) || /[. ]$/.test(part));
  if (bad === undefined) return;
  throw new InvalidKeyError({
    ...details,
    reason: 'Windows cannot hold a file of that name',
    advice: 'Leave out < > : " | ? *, a dot at the end, and device names such as CON; safeName() does.',
    clientMessage: 'The key is a name that this storage cannot hold.',
  });
}

/** Folder and name; the folder is empty for a key without slash. */
export function splitKey(key: string): [folder: string, name: string] {
  const cut = key.lastIndexOf('/');
  return cut < 0 ? ['', key] : [key.slice(0, cut), key.slice(cut + 1)];
}
