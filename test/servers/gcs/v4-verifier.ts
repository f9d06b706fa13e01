/** V4 signatures checked with the public key: https://cloud.google.com/storage/docs/authentication/canonical-requests */
import { createHash, verify } from 'node:crypto';
import type { ServiceAccount } from './oauth.js';
import { Refusal } from './errors.js';

export interface SignedRequest {
  readonly method: string;
  /** As sent: percent-encoded, without the query. */
  readonly path: string;
  readonly rawQuery: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

const OTHER_PARAMETERS = new Set([
  'response-content-disposition',
  'response-content-type',
  'generation',
  'userProject',
]);
const LONGEST = 604_800;
/** How far clocks may differ, in milliseconds. */
const SKEW = 15 * 60 * 1000;

const ALGORITHM = 'X-Goog-Algorithm';
const CREDENTIAL = 'X-Goog-Credential';
const DATE = 'X-Goog-Date';
const EXPIRES = 'X-Goog-Expires';
const HEADERS = 'X-Goog-SignedHeaders';
const SIGNATURE = 'X-Goog-Signature';
const REQUIRED = [ALGORITHM, CREDENTIAL, DATE, EXPIRES, HEADERS, SIGNATURE];

function refused(reason: string, message: string, status = 403): Refusal {
  return new Refusal(status, reason, message);
}

/** Percent-encoding of what stands decoded, the one spelling that is signed. */
function canonicalText(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function canonicalPath(path: string): string {
  try {
    return path
      .split('/')
      .map((segment) => canonicalText(decodeURIComponent(segment)))
      .join('/');
  } catch {
    throw refused('InvalidURI', 'The path is not well-formed.', 400);
  }
}

function parameters(rawQuery: string, others: ReadonlySet<string> | 'any'): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    if (found.has(name)) throw refused('InvalidArgument', `Repeated parameter ${name}.`, 400);
    if (others !== 'any' && !REQUIRED.includes(name) && !others.has(name)) {
      throw refused('InvalidQueryParameterValue', `Unknown parameter ${name}.`, 400);
    }
    found.set(name, value);
  }
  for (const name of REQUIRED) if (!found.get(name)) throw refused('MissingSecurityHeader', `${name} is missing.`, 400);
  return found;
}

function instant(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) throw refused('InvalidArgument', 'X-Goog-Date is malformed.', 400);
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function assertTimely(date: string, expires: string, now: Date): void {
  if (!/^[1-9][0-9]*$/.test(expires) || Number(expires) > LONGEST) {
    throw refused('AuthorizationQueryParametersError', 'X-Goog-Expires must be between 1 and 604800 seconds.', 400);
  }
  const signed = instant(date);
  if (signed > now.getTime() + SKEW) throw refused('RequestTimeTooSkewed', 'The signature is from the future.');
  if (now.getTime() > signed + Number(expires) * 1000) {
    throw refused('ExpiredToken', 'The provided token has expired.', 400);
  }
}

/** @param parametersBeside the signature's own; the vectors have any */
export function verifyV4(
  request: SignedRequest,
  account: ServiceAccount,
  now: Date,
  parametersBeside: ReadonlySet<string> | 'any' = OTHER_PARAMETERS,
): Map<string, string> {
  const query = parameters(request.rawQuery, parametersBeside);
  const date = query.get(DATE)!;
  const signedHeaders = query.get(HEADERS)!;
  if (query.get(ALGORITHM) !== 'GOOG4-RSA-SHA256') throw refused('InvalidArgument', 'Unknown algorithm.', 400);
  const [email, day, , service, end, ...more] = query.get(CREDENTIAL)!.split('/');
  const scoped = service === 'storage' && end === 'goog4_request' && day === date.slice(0, 8) && more.length === 0;
  if (!scoped) throw refused('InvalidArgument', 'The credential scope is malformed.', 400);
  if (email !== account.email) throw refused('InvalidAccessKeyId', 'The account does not exist.');
  assertTimely(date, query.get(EXPIRES)!, now);
  const names = signedHeaders.split(';');
  const ordered = [...names].sort((a, b) => (a < b ? -1 : 1)).join(';') === signedHeaders;
  if (!ordered || signedHeaders !== signedHeaders.toLowerCase() || !names.includes('host')) {
    throw refused('InvalidArgument', 'X-Goog-SignedHeaders must be sorted, in lower case, and hold host.', 400);
  }
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith('x-goog-') && !names.includes(name)) {
      throw refused('MalformedSecurityHeader', `The header ${name} is not signed.`, 400);
    }
  }
  const lines = names.map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/\s+/g, ' ')}\n`).join('');
  const canonicalQuery = [...query]
    .filter(([name]) => name !== SIGNATURE)
    .map(([name, value]): [string, string] => [canonicalText(name), canonicalText(value)])
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const payload = request.headers['x-goog-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  const canonical = [request.method, canonicalPath(request.path), canonicalQuery, lines, signedHeaders, payload].join(
    '\n',
  );
  const digest = createHash('sha256').update(canonical).digest('hex');
  const scope = query.get(CREDENTIAL)!.slice(email.length + 1);
  const text = Buffer.from(['GOOG4-RSA-SHA256', date, scope, digest].join('\n'));
  const signature = query.get(SIGNATURE)!;
  const genuine =
    /^[0-9a-f]{512}$/.test(signature) && verify('RSA-SHA256', text, account.publicKey, Buffer.from(signature, 'hex'));
  if (!genuine) throw refused('SignatureDoesNotMatch', 'Access denied.');
  return query;
}

/** The signature of a POST policy is over its base64 text as it stands. */
export function verifyPolicySignature(policy: string, signature: string, account: ServiceAccount): boolean {
  return verify('RSA-SHA256', Buffer.from(policy), account.publicKey, Buffer.from(signature, 'hex'));
}
