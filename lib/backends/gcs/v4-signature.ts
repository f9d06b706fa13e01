/** V4 signatures over requests: https://cloud.google.com/storage/docs/authentication/signatures */
import { createHash } from 'node:crypto';

/** Longest life of a V4 URL, in seconds. */
export const MAX_V4_EXPIRY = 604_800;

export interface V4Request {
  readonly method: string;
  /** `https://host`, to which the URL leads. Only the host name is signed. */
  readonly origin: string;
  /** Slashes are kept, all else is encoded here: `/bucket/folder/file (1).pdf`. */
  readonly path: string;
  /** Besides the host. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly expiresIn: number;
  readonly date: Date;
}

export interface V4Signer {
  /** The account that signs. */
  readonly email: string;
  /** Longest life of a URL in seconds that its key outlives. */
  readonly maxExpiry: number;
  /** RSA-SHA256 in hex. */
  sign(text: string, signal?: AbortSignal): Promise<string>;
}

/** RFC 3986: encodeURIComponent leaves five characters that signatures encode. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function encodedPath(path: string): string {
  return path.split('/').map(encoded).join('/');
}

/** Order of code units, which is that of bytes for what stands here (encoded or ASCII). */
function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}

/** `20190201T090000Z` */
function timestamp(date: Date): string {
  return date.toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** The URL that carries the signature. The client must send the given headers as they are. */
export async function signV4Url(request: V4Request, signer: V4Signer, signal?: AbortSignal): Promise<string> {
  const { method, origin, expiresIn } = request;
  const path = encodedPath(request.path);
  const date = timestamp(request.date);
  const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`;
  const headers = Object.entries({ ...request.headers, host: new URL(origin).hostname })
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.trim().replace(/\s+/g, ' ')])
    .sort(byName);
  const signedHeaders = headers.map(([name]) => name).join(';');
  const query = Object.entries({
    ...request.query,
    'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
    'X-Goog-Credential': `${signer.email}/${scope}`,
    'X-Goog-Date': date,
    'X-Goog-Expires': String(expiresIn),
    'X-Goog-SignedHeaders': signedHeaders,
  })
    .map(([name, value]): [string, string] => [encoded(name), encoded(value)])
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const payload = headers.find(([name]) => name === 'x-goog-content-sha256')?.[1] ?? 'UNSIGNED-PAYLOAD';
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = [method, path, query, lines, signedHeaders, payload].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const signature = await signer.sign(['GOOG4-RSA-SHA256', date, scope, digest].join('\n'), signal);
  return `${origin}${path}?${query}&X-Goog-Signature=${signature}`;
}
