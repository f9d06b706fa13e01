/** Version tokens of the storage as HTTP validators. */
import { createHash } from 'node:crypto';
import type { ObjectInfo } from '../contract/index.js';

export type Versioned = Pick<ObjectInfo, 'etag' | 'lastModified'>;

// RFC 9110, 8.8.3: what may stand between the quotes, less the obsolete bytes above ASCII and the comma that splits lists.
const ETAG_TEXT = /^[\x21\x23-\x2b\x2d-\x7e]+$/;

/** The strong entity tag of a version, quoted. */
export function entityTag(etag: string): string {
  if (ETAG_TEXT.test(etag)) return `"${etag}"`;
  return `"${createHash('sha256').update(etag).digest('base64url')}"`;
}

/** Whole seconds, as HTTP dates have. */
export function secondsOf(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

// RFC 9110, 5.6.7: IMF-fixdate and the two obsolete forms all start with the name of a day.
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[, ]/;

/** Seconds since 1970, or undefined for what is not an HTTP date and so must be ignored. */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined || !HTTP_DATE.test(text)) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : Math.floor(parsed / 1000);
}
