/** User metadata as S3 header values: printable ASCII as it is, anything else as RFC 2047 encoded words. */
import { InvalidOptionsError, type ObjectMetadata, type StorageErrorDetails } from '../../contract/index.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: names and values together. */
export const MAX_METADATA_BYTES = 2048;

/** Marks a write, so that its own retry can be told from another writer. Hidden from readers. */
export const WRITE_MARK = 'nestjs-storage-write';

// What passes through headers, proxies and signatures unchanged: no blanks at the ends, none doubled.
const PLAIN = /^(?:[!-~]+ )*[!-~]+$/;
const ENCODED_WORD = /=\?([\w-]+)(?:\*[\w-]+)?\?([bq])\?([^?]*)\?=/gi;
const BLANK_BETWEEN_WORDS = /(\?=)\s+(?==\?)/g;

function encoded(value: string): string {
  if (PLAIN.test(value) && !value.includes('=?')) return value;
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

function decodedWord(word: string, charset: string, encoding: string, text: string): string {
  const bytes =
    encoding.toLowerCase() === 'b'
      ? Buffer.from(text, 'base64')
      : Buffer.from(
          text.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
          'latin1',
        );
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes);
  } catch {
    return word;
  }
}

// Gateways and proxies drop header names with an underscore, or turn it into a hyphen.
const ESCAPED = /_|-(?=x5f|x2d)/g;
const ESCAPES = /-x(5f|2d)-/g;

function headerName(name: string, underscores: boolean): string {
  return underscores ? name : name.replace(ESCAPED, (char) => (char === '_' ? '-x5f-' : '-x2d-'));
}

function plainName(name: string, underscores: boolean): string {
  return underscores ? name : name.replace(ESCAPES, (_, code: string) => (code === '5f' ? '_' : '-'));
}

function bytesOf(stored: Readonly<Record<string, string>>): number {
  return Object.entries(stored).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}

/** Whether a store holds metadata that is encoded already. */
export function fitsMetadata(stored: Readonly<Record<string, string>>): boolean {
  return bytesOf(stored) <= MAX_METADATA_BYTES;
}

/**
 * The metadata as the store takes it.
 *
 * @param underscores names may hold them
 *
 * @throws InvalidOptionsError when it would not fit, before anything is sent
 */
export function encodeMetadata(
  metadata: ObjectMetadata,
  underscores: boolean,
  details: StorageErrorDetails,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) result[headerName(name, underscores)] = encoded(value);
  if (!fitsMetadata(result)) {
    throw new InvalidOptionsError({
      ...details,
      reason: `the metadata has ${bytesOf(result)} bytes as S3 encodes it, and S3 holds ${MAX_METADATA_BYTES}`,
      advice: 'Keep large facts in a database, or in an object of their own.',
    });
  }
  return result;
}

/** The metadata as it was given, whoever encoded it. */
export function decodeMetadata(
  stored: Readonly<Record<string, string>> | undefined,
  underscores: boolean,
): ObjectMetadata {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(stored ?? {})) {
    if (name === WRITE_MARK) continue;
    result[plainName(name, underscores)] = value.replace(BLANK_BETWEEN_WORDS, '$1').replace(ENCODED_WORD, decodedWord);
  }
  return result;
}
