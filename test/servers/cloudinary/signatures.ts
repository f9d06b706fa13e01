/** Cloudinary's signatures, worked out from its documentation and on nothing but node:crypto. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type Algorithm = 'sha1' | 'sha256';

/** What the API leaves out of the text it signs. */
const UNSIGNED = new Set(['file', 'cloud_name', 'resource_type', 'api_key', 'signature']);

/** Text that a request's signature is made over: its parameters by name, "&" in a pair escaped (version 2). */
export function textToSign(params: Iterable<readonly [string, string]>): string {
  return [...params]
    .filter(([name, value]) => !UNSIGNED.has(name) && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`.replaceAll('&', '%26'))
    .join('&');
}

export function apiSignature(text: string, secret: string, algorithm: Algorithm): string {
  return createHash(algorithm)
    .update(text + secret)
    .digest('hex');
}

/** The text between `s--` and `--` of a delivery URL. @param length 8, or 32 for long signatures (always SHA-256) */
export function deliverySignature(text: string, secret: string, algorithm: Algorithm, length = 8): string {
  const digest = createHash(length === 32 ? 'sha256' : algorithm)
    .update(text + secret)
    .digest('base64');
  return digest.slice(0, length).replaceAll('/', '_').replaceAll('+', '-');
}

/** The hmac of a `__cld_token__` bound to one path. @param path as it stands in the URL */
export function tokenHmac(expiry: string, path: string, key: string): string {
  const escaped = path.replace(/[ "#%&'/:;<=>?@[\]^`{|}~]/g, (char) => encodeURIComponent(char).toLowerCase());
  const literal = escaped.replaceAll("'", '%27').replaceAll('~', '%7e');
  return createHmac('sha256', Buffer.from(key, 'hex')).update(`exp=${expiry}~url=${literal}`).digest('hex');
}

export function same(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
