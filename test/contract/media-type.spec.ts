/** Media types of keys. */
import { expect, it } from '@jest/globals';
import { contentTypeOf } from '../../lib/contract/media-type.js';

it.each([
  ['docs/report.pdf', 'application/pdf'],
  ['Photo.JPG', 'image/jpeg'],
  ['archive.tar.gz', 'application/gzip'],
  ['svg', 'application/octet-stream'],
  ['html', 'application/octet-stream'],
  ['folder.html/plain', 'application/octet-stream'],
  ['.env', 'application/octet-stream'],
  ['a.unheard-of', 'application/octet-stream'],
])('of %s: %s', (key, type) => expect(contentTypeOf(key)).toBe(type));
