/** Conditional requests, in the order of RFC 9110, 13.2.2. */
import type { IncomingHttpHeaders } from 'node:http';
import fresh from 'fresh';
import { entityTag, parseHttpDate, secondsOf, type Versioned } from './entity-tag.js';

export type ReadVerdict = 'send' | 'not-modified' | 'precondition-failed';

/** True when a read cannot be answered before the current version is known. */
export function isConditionalRead(headers: IncomingHttpHeaders): boolean {
  return (
    headers['if-match'] !== undefined ||
    headers['if-none-match'] !== undefined ||
    headers['if-modified-since'] !== undefined ||
    headers['if-unmodified-since'] !== undefined
  );
}

/** `If-Match` uses the strong comparison: weak tags never match. */
function matchesStrongly(list: string, tag: string): boolean {
  return list.split(',').some((part) => part.trim() === tag || part.trim() === '*');
}

function matchesWeakly(list: string, tag: string): boolean {
  return list.split(',').some((part) => part.trim().replace(/^W\//, '') === tag || part.trim() === '*');
}

/** False when the request is for another version than this one. */
function isExpectedVersion(headers: IncomingHttpHeaders, version: Versioned): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) return matchesStrongly(ifMatch, entityTag(version.etag));
  const unmodifiedSince = parseHttpDate(headers['if-unmodified-since']);
  return unmodifiedSince === undefined || secondsOf(version.lastModified) <= unmodifiedSince;
}

/** What GET and HEAD do about a version. */
export function judgeRead(headers: IncomingHttpHeaders, version: Versioned): ReadVerdict {
  if (!isExpectedVersion(headers, version)) return 'precondition-failed';
  const since = headers['if-modified-since'];
  const asked = {
    'if-none-match': headers['if-none-match'],
    ...(parseHttpDate(since) !== undefined && { 'if-modified-since': since }),
  };
  const current = { etag: entityTag(version.etag), 'last-modified': version.lastModified.toUTCString() };
  return fresh(asked, current) ? 'not-modified' : 'send';
}

/** True when a write depends on the version that is there. (`If-None-Match: *` does not: the storage checks that.) */
export function isConditionalWrite(headers: IncomingHttpHeaders): boolean {
  const ifNoneMatch = headers['if-none-match'];
  return (
    headers['if-match'] !== undefined ||
    headers['if-unmodified-since'] !== undefined ||
    (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*')
  );
}

/** Whether a write may replace this version, or, where there is none, create the file. */
export function mayWriteOver(headers: IncomingHttpHeaders, version: Versioned | undefined): boolean {
  if (!version) return headers['if-match'] === undefined;
  if (!isExpectedVersion(headers, version)) return false;
  const ifNoneMatch = headers['if-none-match'];
  return ifNoneMatch === undefined || !matchesWeakly(ifNoneMatch, entityTag(version.etag));
}
