/** Values of contextual metadata: any text in printable ASCII, and back. */

// Values cannot be empty or hold control characters; the SDK escapes "=" and "|" but not a backslash before them, and its
// older versions sign "&" in a way of their own; blanks at the ends are easily lost on the way. Nothing beyond ASCII is
// sent, because the SDK reads an answer piece by piece as texts: a character cut in two comes back as two wrong ones.
const UNSAFE = /[^\x20-\x7e]|[%&\\]|^ | $/gu;
const EMPTY = '%';
// No hexadecimal digit follows, so this is no escaped character.
const PACKED = '%~';
const PACKED_FORM = /^%~[\w-]+$/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Readable where it is plain ASCII; else escaped or packed, whichever is shorter. @param value well-formed Unicode */
export function encodeValue(value: string): string {
  if (value === '') return EMPTY;
  const escaped = value.replace(UNSAFE, (char) => encodeURIComponent(char));
  // Escaped, 公 takes nine characters; packed, four.
  const packed = PACKED + Buffer.from(value).toString('base64url');
  return packed.length < escaped.length ? packed : escaped;
}

/** What was encoded; a value that somebody else wrote in no such form is given as it is. */
export function decodeValue(value: string): string {
  if (value === EMPTY) return '';
  try {
    if (!PACKED_FORM.test(value)) return decodeURIComponent(value);
    const text = utf8.decode(Buffer.from(value.slice(PACKED.length), 'base64url'));
    return encodeValue(text) === value ? text : value;
  } catch {
    return value;
  }
}
