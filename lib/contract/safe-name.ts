/** The one way from a client's file name to a segment of a key. */
import { RESERVED_SEGMENT } from './storage-key.js';
import { trimEnd } from './trim-end.js';

/** How safeName() makes a name. */
export interface SafeNameOptions {
  /** Longest result in UTF-8 bytes. Default 200, which leaves room for a suffix within the 255 of most disks. */
  readonly maxBytes?: number;
  /** What stands for a name of which nothing is left. Default `file`. */
  readonly fallback?: string;
  /** Only `A-Z a-z 0-9 . _ -`, for storages with strict keys. Default false. */
  readonly strict?: boolean;
}

// Formatting characters can turn a name around on the screen (gpj.exe shown as exe.jpg). The two joiners stay: Persian
// and emoji need them.
const INVISIBLE = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/gu;
// What Windows, shells or HTML give a meaning to.
const AWKWARD = /[<>:"|?*%]+/g;
// Device names, which Windows gives to any extension: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;

function cutToBytes(text: string, max: number): string {
  let bytes = 0;
  let end = 0;
  for (const char of text) {
    bytes += Buffer.byteLength(char);
    if (bytes > max) break;
    end += char.length;
  }
  return text.slice(0, end);
}

function shortened(name: string, max: number): string {
  if (Buffer.byteLength(name) <= max) return name;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 && name.length - dot <= 17 ? name.slice(dot) : '';
  return trimEnd(cutToBytes(name, max - Buffer.byteLength(extension)), '. ') + extension;
}

/**
 * Makes a client's file name safe as the last segment of a key and keeps it readable: folders, control,
 * invisible and bidirectional characters go, awkward ones become `_`, long names are cut before their extension.
 *
 * @example safeName('..\\Q3: "final".pdf') // 'Q3_ _final_.pdf'
 * @publicApi
 */
export function safeName(filename: string | undefined, options: SafeNameOptions = {}): string {
  const { maxBytes = 200, fallback = 'file', strict = false } = options;
  const base = String(filename ?? '')
    .toWellFormed()
    .split(/[/\\]/)
    .at(-1)!;
  let name = base.normalize('NFC').replace(INVISIBLE, '').replace(AWKWARD, '_').replace(/\s+/g, ' ');
  if (strict)
    name = name
      .normalize('NFKD')
      .replace(/\p{M}+/gu, '')
      .replace(/[^A-Za-z0-9._-]+/g, '_');
  name = shortened(trimEnd(name.trim(), '. '), maxBytes);
  if (name === '' || /^\.+$/.test(name)) return fallback;
  if (DEVICE.test(name) || name.toLowerCase() === RESERVED_SEGMENT) return `_${name}`;
  return name;
}
