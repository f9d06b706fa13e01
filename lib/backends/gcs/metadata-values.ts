/** Metadata values on their way: as they are in JSON, as encoded words where only a header can carry them. */
import type { ObjectMetadata } from '../../contract/index.js';

/** RFC 2047, section 2, in the one spelling that is used here. */
const ENCODED_WORD = /^=\?UTF-8\?B\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** What a header carries unchanged: signatures trim values and fold their spaces. */
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

function encodedWord(value: string): string {
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

function mapped(metadata: ObjectMetadata, change: (value: string) => string): ObjectMetadata {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, change(value)]));
}

/** For the JSON API, which holds any text. Only what looks like an encoded word is encoded, or it would be read as one. */
export function storedMetadata(metadata: ObjectMetadata): ObjectMetadata {
  return mapped(metadata, (value) => (ENCODED_WORD.test(value) ? encodedWord(value) : value));
}

/** For `x-goog-meta-` headers of signed uploads. */
export function headerMetadata(metadata: ObjectMetadata): ObjectMetadata {
  return mapped(metadata, (value) => (PLAIN.test(value) && !ENCODED_WORD.test(value) ? value : encodedWord(value)));
}

export function readMetadata(metadata: ObjectMetadata): ObjectMetadata {
  return mapped(metadata, (value) => {
    const base64 = ENCODED_WORD.exec(value)?.[1];
    return base64 === undefined ? value : Buffer.from(base64, 'base64').toString();
  });
}
