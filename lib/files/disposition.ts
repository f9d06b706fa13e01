/** Content-Disposition of RFC 6266: shown in place or saved, and under which name. */
import { create, parse } from 'content-disposition';
import type { ResponseDisposition } from '../contract/index.js';

export interface DispositionSource {
  readonly key: string;
  /** As the URL binds it. */
  readonly bound?: ResponseDisposition;
  /** Header as stored with the object. */
  readonly stored?: string;
  /** Whether the type may be shown in place at all. */
  readonly inlineAllowed: boolean;
}

export interface DecidedDisposition {
  readonly header: string;
  readonly inline: boolean;
}

// Line breaks would end the header, and formatting characters turn a name around on the screen.
const UNSHOWABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function wanted({ bound, stored, key }: DispositionSource): { type: string; filename: string } {
  const fallback = key.slice(key.lastIndexOf('/') + 1);
  const own = stored === undefined ? undefined : parse(stored);
  return {
    // RFC 6266, 4.2: unknown types are handled as attachment.
    type: bound?.type ?? own?.type ?? 'inline',
    filename: bound?.filename ?? own?.parameters['filename'] ?? fallback,
  };
}

/** The URL's own wish comes before the stored one; a type that must not be shown is always saved. */
export function decideDisposition(source: DispositionSource): DecidedDisposition {
  const { type, filename } = wanted(source);
  const inline = source.inlineAllowed && type === 'inline';
  const name = filename.toWellFormed().replace(UNSHOWABLE, '');
  return { inline, header: create(name, { type: inline ? 'inline' : 'attachment' }) };
}
