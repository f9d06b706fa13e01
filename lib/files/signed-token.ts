/** The claims of a signed URL as bytes: fixed header, then length-prefixed fields, so that no two claims look alike. */
import type { ObjectMetadata, ResponseDisposition } from '../contract/index.js';

/** What a URL may do: read (GET and HEAD) or write (PUT). */
export type SignedPurpose = 'get' | 'put';

export interface SignedClaims {
  readonly storage: string;
  readonly purpose: SignedPurpose;
  readonly key: string;
  /** Seconds since 1970. */
  readonly expires: number;
  /** get: how browsers shall take the file. */
  readonly disposition?: ResponseDisposition;
  /** get: Content-Type of the answer; put: the only one of the request. */
  readonly contentType?: string;
  /** put: exact bytes. */
  readonly size?: number;
  /** put: most bytes. */
  readonly maxSize?: number;
  /** put: only where the key is free. */
  readonly createOnly?: boolean;
  /** put: stored with the object. */
  readonly metadata?: ObjectMetadata;
}

/**
 * What every token looks like in a URL: the shortest holds 15 bytes of head, a name, a key and 32 bytes of signature.
 * Segments of another shape are left to the app's own routes.
 */
export const TOKEN_SHAPE = /^[\w-]{60,}$/;

export const TOKEN_VERSION = 1;
export const KEY_ID_BYTES = 6;

const PURPOSES: readonly SignedPurpose[] = ['get', 'put'];
const DISPOSITIONS = ['inline', 'attachment'] as const;

// Bits of the field mask.
const DISPOSITION = 1;
const FILENAME = 2;
const CONTENT_TYPE = 4;
const SIZE = 8;
const MAX_SIZE = 16;
const CREATE_ONLY = 32;
const METADATA = 64;

// version, purpose, key id, expiry, mask; then the storage's name and the key.
const EXPIRY_BYTES = 6;
const SIZE_BYTES = 7;
const PURPOSE_AT = 1;
const KEY_ID_AT = 2;
const EXPIRY_AT = KEY_ID_AT + KEY_ID_BYTES;
const MASK_AT = EXPIRY_AT + EXPIRY_BYTES;
const FIELDS_AT = MASK_AT + 1;

function maskOf(claims: SignedClaims): number {
  return (
    (claims.disposition === undefined ? 0 : DISPOSITION) |
    (claims.disposition?.filename === undefined ? 0 : FILENAME) |
    (claims.contentType === undefined ? 0 : CONTENT_TYPE) |
    (claims.size === undefined ? 0 : SIZE) |
    (claims.maxSize === undefined ? 0 : MAX_SIZE) |
    (claims.createOnly === true ? CREATE_ONLY : 0) |
    (claims.metadata === undefined ? 0 : METADATA)
  );
}

function textField(text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const field = Buffer.allocUnsafe(2 + bytes);
  field.writeUInt16BE(bytes);
  field.write(text, 2);
  return field;
}

function sizeField(size: number): Buffer {
  const field = Buffer.alloc(SIZE_BYTES);
  // writeUIntBE() takes six bytes at most, a safe integer has seven.
  field[0] = Math.floor(size / 2 ** 48);
  field.writeUIntBE(size % 2 ** 48, 1, 6);
  return field;
}

/** @throws RangeError when a text is longer than 65,535 bytes */
export function encodeClaims(claims: SignedClaims, keyId: Buffer): Buffer {
  const head = Buffer.allocUnsafe(FIELDS_AT);
  head[0] = TOKEN_VERSION;
  head[PURPOSE_AT] = PURPOSES.indexOf(claims.purpose);
  keyId.copy(head, KEY_ID_AT);
  head.writeUIntBE(claims.expires, EXPIRY_AT, EXPIRY_BYTES);
  head[MASK_AT] = maskOf(claims);
  const fields = [head, textField(claims.storage), textField(claims.key)];
  const { disposition, contentType, size, maxSize, metadata } = claims;
  if (disposition !== undefined) {
    fields.push(Buffer.of(DISPOSITIONS.indexOf(disposition.type)));
    if (disposition.filename !== undefined) fields.push(textField(disposition.filename));
  }
  if (contentType !== undefined) fields.push(textField(contentType));
  if (size !== undefined) fields.push(sizeField(size));
  if (maxSize !== undefined) fields.push(sizeField(maxSize));
  if (metadata !== undefined) {
    const entries = Object.entries(metadata);
    fields.push(Buffer.of(entries.length >>> 8, entries.length & 0xff));
    for (const [name, value] of entries) fields.push(textField(name), textField(value));
  }
  return Buffer.concat(fields);
}

/** The parts of a token that say how to verify it. Not trusted yet. */
export interface TokenHead {
  readonly purpose: SignedPurpose;
  readonly keyId: string;
  readonly storage: string;
}

/** Undefined for anything that encodeClaims() did not make. */
export function readHead(bytes: Buffer): TokenHead | undefined {
  if (bytes.length < FIELDS_AT + 4 || bytes[0] !== TOKEN_VERSION) return undefined;
  const purpose = PURPOSES[bytes[PURPOSE_AT]!];
  const nameBytes = bytes.readUInt16BE(FIELDS_AT);
  const from = FIELDS_AT + 2;
  if (purpose === undefined || bytes.length < from + nameBytes) return undefined;
  return {
    purpose,
    keyId: bytes.toString('latin1', KEY_ID_AT, EXPIRY_AT),
    storage: bytes.toString('utf8', from, from + nameBytes),
  };
}

/** Reads claims whose signature holds. @throws RangeError when they are cut short or followed by more */
export function decodeClaims(bytes: Buffer): SignedClaims {
  let at = FIELDS_AT;
  const byte = () => bytes.readUInt8(at++);
  const pair = () => {
    const value = bytes.readUInt16BE(at);
    at += 2;
    return value;
  };
  const text = () => {
    const length = pair();
    if (at + length > bytes.length) throw new RangeError('the claims are cut short');
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const wholeSize = () => {
    const size = bytes.readUInt8(at) * 2 ** 48 + bytes.readUIntBE(at + 1, 6);
    at += SIZE_BYTES;
    return size;
  };
  const mask = bytes.readUInt8(MASK_AT);
  const has = (bit: number) => (mask & bit) !== 0;
  const claims: SignedClaims = {
    purpose: PURPOSES[bytes.readUInt8(PURPOSE_AT)]!,
    expires: bytes.readUIntBE(EXPIRY_AT, EXPIRY_BYTES),
    storage: text(),
    key: text(),
    ...(has(DISPOSITION) && {
      disposition: { type: DISPOSITIONS[byte()]!, ...(has(FILENAME) && { filename: text() }) },
    }),
    ...(has(CONTENT_TYPE) && { contentType: text() }),
    ...(has(SIZE) && { size: wholeSize() }),
    ...(has(MAX_SIZE) && { maxSize: wholeSize() }),
    ...(has(CREATE_ONLY) && { createOnly: true }),
    ...(has(METADATA) && {
      metadata: Object.fromEntries(Array.from({ length: pair() }, (): [string, string] => [text(), text()])),
    }),
  };
  if (at !== bytes.length) throw new RangeError('the claims are followed by more');
  return claims;
}
