/** Keys in the path of an address, encoded as Signature Version 4 asks: all but the unreserved characters and "/". */

const UNRESERVED = /^[\w.~-]*$/;
const LEFT_BY_JAVASCRIPT = /[!'()*]/g;

export function encodedPath(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(LEFT_BY_JAVASCRIPT, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A text as a value in the query of a signed address. */
export function encodedText(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(
    LEFT_BY_JAVASCRIPT,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
