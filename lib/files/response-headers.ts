/** Headers of everything that a signed route answers. */
import { DEFAULT_CONTENT_TYPE } from '../contract/index.js';
import type { StoredFile } from '../service/stored-file.js';
import { decideDisposition } from './disposition.js';
import { entityTag } from './entity-tag.js';
import { mayShowInline, securityPolicyOf, type FileServingPolicy } from './serving-policy.js';
import type { SignedRequest } from './signed-urls.js';

export type Headers = Record<string, string | number>;

/** Seconds that a browser may use a file without asking again, where the file itself says nothing. */
const DEFAULT_MAX_AGE = 300;

const HEADER_TEXT = /^[\x20-\x7e]+$/;

/**
 * On every status. A signed URL is the permission, so pages of other origins may embed what it names (CORP); it must
 * not travel on in Referer.
 */
function guards(contentType?: string, inline = false): Headers {
  return {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': securityPolicyOf(contentType, inline),
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'cross-origin',
  };
}

/**
 * Never shared, never re-encoded on the way (compressing would change lengths and ranges), and never fresh for longer
 * than the URL lives. What is stored with the file counts where it is stricter.
 */
export function cacheControl(stored: string | undefined, remaining: number): string {
  const directives = new Map(
    (stored ?? '').split(',').map((part): [string, string] => {
      const [name = '', value = ''] = part.trim().toLowerCase().split('=');
      return [name, value.replaceAll('"', '')];
    }),
  );
  if (directives.has('no-store')) return 'private, no-store, no-transform';
  if (directives.has('no-cache')) return 'private, no-cache, no-transform';
  const asked = Number(directives.get('max-age') || Number.NaN);
  const age = Number.isSafeInteger(asked) && asked >= 0 ? asked : DEFAULT_MAX_AGE;
  return `private, max-age=${Math.max(0, Math.min(age, remaining))}, no-transform`;
}

/** Headers of a file that is sent, but for its length. */
export function fileHeaders(file: StoredFile, request: SignedRequest, policy: FileServingPolicy): Headers {
  const named = request.contentType ?? file.contentType;
  const contentType = HEADER_TEXT.test(named) ? named : DEFAULT_CONTENT_TYPE;
  const disposition = decideDisposition({
    key: file.key,
    bound: request.disposition,
    stored: file.contentDisposition,
    inlineAllowed: mayShowInline(contentType, policy),
  });
  return {
    ETag: entityTag(file.etag),
    'Last-Modified': file.lastModified.toUTCString(),
    'Cache-Control': cacheControl(file.cacheControl, request.expires - Math.ceil(Date.now() / 1000)),
    ...guards(contentType, disposition.inline),
    'Content-Type': contentType,
    'Content-Disposition': disposition.header,
    'Accept-Ranges': 'bytes',
  };
}

/** Headers of a 304: those of the file that a cache may take over, without those that describe content. */
export function notModifiedHeaders(headers: Headers): Headers {
  const { 'Content-Type': _type, 'Content-Disposition': _disposition, 'Accept-Ranges': _ranges, ...kept } = headers;
  return kept;
}

/** Headers of answers in JSON: what a client learns once is not kept. */
export function jsonHeaders(): Headers {
  return { ...guards(), 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'private, no-store' };
}
