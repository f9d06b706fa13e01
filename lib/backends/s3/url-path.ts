/** Keys in the path of an address, encoded as Signature Version 4 asks: all but the unreserved characters and "/". */

const UNRESERVED = /^[\w.~-]*$/;
const LEFT_BY_JAVASCRIPT = /[!'()*]/g;

const LEFT = /[!'()*]/;

/** Most texts hold none of the few that JavaScript leaves: a test costs less than a replacement. */
function encoded(text: string): string {
  const result = encodeURIComponent(text);
  if (!LEFT.test(result)) return result;
  return result.replace(LEFT_BY_JAVASCRIPT, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function encodedPath(key: string): string {
  return encoded(key).replaceAll('%2F', '/');
}

/** Values that stay the same for many URLs, as they were encoded last. */
const lasting: Record<string, { text: string; encoded: string }> = {
  'X-Amz-Credential': { text: '', encoded: '' },
  'X-Amz-Security-Token': { text: '', encoded: '' },
};

function encodedValue(name: string, text: string): string {
  const last = lasting[name];
  if (last === undefined) return encodedText(text);
  if (last.text !== text) Object.assign(last, { text, encoded: encodedText(text) });
  return last.encoded;
}

/** Names and values as the query of a signed address. Names are tokens. */
export function encodedQuery(query: Readonly<Record<string, unknown>>): string {
  let result = '';
  for (const name in query) result += `${result === '' ? '' : '&'}${name}=${encodedValue(name, String(query[name]))}`;
  return result;
}

/** A name or value of a query. */
export function encodedText(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encoded(text);
}
