/** Which types browsers may show in place, and under which sandbox. */

/** How an app wants its files served. */
export interface FileServingPolicy {
  /**
   * Media types that browsers may show in place beside the safe ones (images but SVG, audio, video, plain text).
   * Everything else is sent as a download. Types that a browser would run, like `text/html` and `image/svg+xml`, stay
   * sandboxed without scripts where they are allowed. Default: none.
   */
  readonly inlineTypes?: readonly string[];
  /** Seconds without a byte after which an upload is ended with 408. Default 30. */
  readonly stallTimeout?: number;
}

export const DEFAULT_STALL_TIMEOUT = 30;

/** Shown by browsers as pictures or text, never run. */
const SAFE_INLINE = new Set([
  'image/apng',
  'image/avif',
  'image/bmp',
  'image/gif',
  'image/heic',
  'image/heif',
  'image/jpeg',
  'image/jxl',
  'image/png',
  'image/tiff',
  'image/vnd.microsoft.icon',
  'image/webp',
  'image/x-icon',
  'text/plain',
]);

const PLAYABLE = /^(?:audio|video)\/[a-z0-9.+-]+$/;

const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
// The page that a browser makes around a film or sound loads that very URL again.
const PLAYER_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; sandbox";
// Chrome refuses to show a PDF in a sandboxed document; its viewer runs the file's scripts apart from our origin. So an
// app that allows PDF gives up the sandbox for it, and no other does.
const PDF_POLICY = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'";

/** `text/html` of `Text/HTML; charset=utf-8`. */
export function essenceOf(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

export function mayShowInline(contentType: string, policy: FileServingPolicy): boolean {
  const type = essenceOf(contentType);
  if (SAFE_INLINE.has(type)) return true;
  // Some players take XML (SMIL, playlists): the letters alone do not make it safe.
  if (PLAYABLE.test(type)) return !type.endsWith('xml');
  return policy.inlineTypes?.some((allowed) => essenceOf(allowed) === type) ?? false;
}

/** Content-Security-Policy for a file: no script, no form, no frame, no origin. */
export function securityPolicyOf(contentType: string | undefined, inline: boolean): string {
  const type = contentType === undefined ? '' : essenceOf(contentType);
  if (inline && type === 'application/pdf') return PDF_POLICY;
  return inline && PLAYABLE.test(type) ? PLAYER_SANDBOX : SANDBOX;
}
