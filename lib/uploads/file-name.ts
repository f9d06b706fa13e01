/** A client's file name as it may be shown and logged: whole words, but no tricks. */
import { trimEnd } from '../contract/trim-end.js';

// Controls (CR, LF and NUL among them), line separators, the byte order mark, and what turns the reading direction
// around: photo<U+202E>gpj.exe shows as photoexe.jpg. https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
const DECEIVING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Cleans a file name without shortening it: folders, control and bidirectional characters go, and composed letters
 * (which macOS sends in two parts) are joined. What remains of nothing is `file`.
 */
export function cleanFileName(name: string): string {
  const base = trimEnd(name.toWellFormed(), '/\\').split(/[/\\]/).at(-1)!;
  const cleaned = base.replace(DECEIVING, '').normalize('NFC').trim();
  return /^\.*$/.test(cleaned) ? 'file' : cleaned;
}

/** The extension of a name in lower case without its dot; empty where there is none. */
export function extensionOf(name: string): string {
  return /[^.]\.([A-Za-z0-9]{1,16})$/.exec(name)?.[1]?.toLowerCase() ?? '';
}
