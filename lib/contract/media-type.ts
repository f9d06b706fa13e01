/** Media types by file name, for objects whose type nobody said. */
import { extname } from 'node:path';
import { lookup } from 'mime-types';

/** Media type of bytes of which nothing is known. */
export const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/** The registered media type of a key's extension, else `application/octet-stream`. */
export function contentTypeOf(key: string): string {
  // The library would take a name without a dot for an extension.
  return lookup(extname(key)) || DEFAULT_CONTENT_TYPE;
}
