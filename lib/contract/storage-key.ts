/** Key rules: what a key may be, as a type that only parseKey() makes. It refuses and never rewrites. */
import { InvalidKeyError, quoted, type StorageOperation } from './errors.js';

declare const parsed: unique symbol;

/** A key that passed parseKey(). Drivers take nothing else, so no path can skip the rules. */
export type StorageKey = string & { readonly [parsed]: true };

/** Longest key of any backend, in UTF-8 bytes (S3 and Google Cloud Storage allow 1,024). */
export const MAX_KEY_BYTES = 1024;

/** First segment of everything the library keeps for itself; hidden from listings and refused in keys. */
export const RESERVED_SEGMENT = '.nestjs-storage';

/** The rules of keys that a storage may choose. */
export interface KeyRules {
  /** Only `A-Z a-z 0-9 . _ - /`. Default false. */
  readonly strict?: boolean;
  /** Longest key in UTF-8 bytes. Default 1,024. */
  readonly maxBytes?: number;
  /** Named in the error. Default `put`. */
  readonly operation?: StorageOperation;
}

const EXAMPLE = 'documents/2026/report (1).pdf';
const STRICT_EXAMPLE = 'documents/2026/report_1.pdf';

// One pass says that an ordinary key is in order; only a key that fails it is looked at rule by rule.
const STRICT = /^[A-Za-z0-9._\-/]+$/;
const FORBIDDEN_CHARACTER = /[\p{Cc}\\]/u;

function brokenSegmentRule(segment: string, last: boolean): string | undefined {
  if (segment === '') return 'must not start or end with "/" or hold "//"';
  if (segment === '.' || segment === '..') return 'must not hold a "." or ".." segment';
  if (segment.endsWith(' ')) return 'must not hold a segment that ends with a space';
  // `foo../x` is an ordinary name; a single dot at the end of any segment, or any at the very end, is not.
  if (segment.endsWith('.') && (last || !segment.endsWith('..'))) return 'must not hold a segment that ends with a dot';
  if (segment.toLowerCase() === RESERVED_SEGMENT) {
    return `must not hold the segment "${RESERVED_SEGMENT}", which the storage keeps for itself`;
  }
  return undefined;
}

function brokenCharacterRule(text: string, strict: boolean): string | undefined {
  if (!text.isWellFormed()) return 'must be well-formed Unicode (it holds half of a surrogate pair)';
  if (text.includes('\\')) return 'must not hold a backslash; separate segments with "/"';
  if (FORBIDDEN_CHARACTER.test(text)) return 'must not hold a NUL or another control character';
  if (strict && !STRICT.test(text)) return 'may hold only A-Z, a-z, 0-9, ".", "_", "-" and "/" in strict mode';
  return undefined;
}

function brokenKeyRule(key: unknown, rules: KeyRules): string | undefined {
  if (typeof key !== 'string') return `must be a string, not ${key === null ? 'null' : typeof key}`;
  if (key === '') return 'must not be empty';
  const max = rules.maxBytes ?? MAX_KEY_BYTES;
  // A UTF-16 unit is at most three UTF-8 bytes: most keys need no counting.
  if (key.length * 3 > max && Buffer.byteLength(key) > max) return `must be at most ${max} bytes of UTF-8`;
  const character = brokenCharacterRule(key, rules.strict === true);
  if (character !== undefined) return character;
  const segments = key.split('/');
  for (const [index, segment] of segments.entries()) {
    const rule = brokenSegmentRule(segment, index === segments.length - 1);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

function invalid(what: 'key' | 'prefix', value: unknown, rule: string, rules: KeyRules): InvalidKeyError {
  const example = rules.strict ? STRICT_EXAMPLE : EXAMPLE;
  return new InvalidKeyError({
    operation: rules.operation ?? 'put',
    ...(typeof value === 'string' ? { key: value } : {}),
    reason: `a ${what} ${rule}`,
    advice: `A valid key is ${quoted(example)}; safeName() turns a file name into a segment.`,
    // Without the key: the folders in it may be the app's own business.
    clientMessage: `The ${what === 'key' ? 'key of the file' : 'prefix'} is not valid: it ${rule}. A valid key is ${quoted(example)}.`,
  });
}

/**
 * Turns a string into a key, or refuses it.
 *
 * A key has 1 to 1,024 bytes of UTF-8, no leading or trailing slash, no empty, `.` or `..` segment, no control
 * character, no backslash, no segment that ends with a dot or a space, and is well-formed Unicode.
 *
 * @throws InvalidKeyError that names the key (escaped), the rule and a valid example
 * @publicApi
 */
export function parseKey(value: string, rules: KeyRules = {}): StorageKey {
  const rule = brokenKeyRule(value, rules);
  if (rule !== undefined) throw invalid('key', value, rule, rules);
  return value as StorageKey;
}

/**
 * Checks the prefix of a listing: a plain string prefix of keys, so `user/1` also lists `user/10`. Empty means all.
 *
 * @throws InvalidKeyError
 */
export function parsePrefix(value: string, rules: KeyRules = {}): string {
  const operation = rules.operation ?? 'list';
  if (typeof value !== 'string') throw invalid('prefix', value, 'must be a string', { ...rules, operation });
  if (value === '') return value;
  const max = rules.maxBytes ?? MAX_KEY_BYTES;
  if (Buffer.byteLength(value) > max) {
    throw invalid('prefix', value, `must be at most ${max} bytes of UTF-8`, { ...rules, operation });
  }
  const folders = value.split('/').slice(0, -1);
  const rule =
    brokenCharacterRule(value, rules.strict === true) ??
    folders.map((segment) => brokenSegmentRule(segment, false)).find((broken) => broken !== undefined);
  if (rule !== undefined) throw invalid('prefix', value, rule, { ...rules, operation });
  return value;
}

/** Orders keys by their UTF-8 bytes, as object stores list them. (JavaScript's own order is by UTF-16 units.) */
export function compareKeys(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above U+FFFF and sort after every other unit.
    const xHigh = x >= 0xd800 && x <= 0xdfff;
    const yHigh = y >= 0xd800 && y <= 0xdfff;
    return xHigh === yHigh ? x - y : xHigh ? 1 : -1;
  }
  return a.length - b.length;
}
