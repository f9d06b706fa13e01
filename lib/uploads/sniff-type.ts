/** What a file is, judged by its first bytes and never by the client's word. */
import { fileTypeFromBuffer } from 'file-type';
import { lookup } from 'mime-types';
import { DEFAULT_CONTENT_TYPE } from '../contract/index.js';
import { extensionOf } from './file-name.js';

/** Bytes that are looked at: as many as file-type asks for. */
export const SNIFFED_BYTES = 4100;

// Office files are ZIP or compound files whose telling entry may lie far behind the head: the container is judged by
// its bytes, and the extension may choose among what is kept in such a container.
const CONTAINED: Readonly<Record<string, RegExp>> = {
  'application/zip':
    /^application\/(?:vnd\.openxmlformats-officedocument\.|vnd\.oasis\.opendocument\.|vnd\.ms-\w+\..*macroenabled|epub\+zip$|java-archive$|vnd\.android\.package-archive$)/i,
  'application/x-cfb': /^application\/(?:msword|vnd\.ms-(?:excel|powerpoint|outlook|project)|vnd\.visio)$/,
};

// https://mimesniff.spec.whatwg.org/#binary-data-byte
function isBinary(byte: number): boolean {
  return byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b;
}

// Types without magic bytes that are text. Everything under text/ is, too.
const TEXTUAL =
  /^(?:text\/.+|application\/(?:json|.+\+json|x-ndjson|jsonl|yaml|toml|sql|xml|.+\+xml|javascript|ecmascript|node|x-sh|x-httpd-php|x-tex|rtf|manifest\+json|graphql))$/;

/** Markup, where text begins with a tag: a renamed page must not pass as plain text. */
function markupType(text: string): string | undefined {
  let start = text.replace(/^\u00ef\u00bb\u00bf/, '').trimStart();
  while (start.startsWith('<!--')) {
    const end = start.indexOf('-->');
    if (end < 0) return 'text/html';
    start = start.slice(end + 3).trimStart();
  }
  if (!/^<[a-z!?/]/i.test(start)) return undefined;
  const tag = /<(?:[\w-]+:)?(svg|html)[\s>/]/i.exec(start)?.[1]?.toLowerCase();
  const isXml = /^<\?xml/i.test(start);
  if (tag === 'svg') return 'image/svg+xml';
  if (isXml) return tag === 'html' ? 'application/xhtml+xml' : 'application/xml';
  return 'text/html';
}

function textType(text: string, extension: string): string {
  const markup = markupType(text);
  if (markup !== undefined) return markup;
  // An extension of another kind (photo.png with text in it) contradicts the content: then it is nothing known.
  const named = extension === '' ? 'text/plain' : lookup(extension) || 'text/plain';
  return TEXTUAL.test(named) ? named : DEFAULT_CONTENT_TYPE;
}

async function recognised(head: Uint8Array): Promise<{ readonly mime: string } | undefined> {
  try {
    return await fileTypeFromBuffer(head);
  } catch {
    // A malformed file, at which the library gave up: nothing known.
    return undefined;
  }
}

/**
 * The media type of a file.
 *
 * Magic bytes decide. Where there are none, text (no binary bytes in the head) is markup if it begins with a tag, else
 * what its extension says among text types, else `text/plain`; the rest is `application/octet-stream`. The type that
 * the client declares counts for nothing.
 *
 * @param head the first SNIFFED_BYTES bytes, or the whole file
 */
export async function sniffType(head: Uint8Array, name: string): Promise<string> {
  const extension = extensionOf(name);
  const known = await recognised(head);
  if (known && known.mime !== 'application/xml') {
    const named = lookup(extension) || '';
    return CONTAINED[known.mime]?.test(named) ? named : known.mime;
  }
  if (head.some(isBinary)) return known?.mime ?? DEFAULT_CONTENT_TYPE;
  return textType(Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1'), extension);
}
