/** Cursors of backends that list in key order: they hold the last name given, so inserts and deletes cannot shift them. */
import { InvalidOptionsError } from './errors.js';
import { compareKeys } from './storage-key.js';

/**
 * The cursor of a page: where the next one begins.
 *
 * @param last the last key or folder prefix of the page
 */
export function encodeCursor(prefix: string, last: string): string {
  return Buffer.from(JSON.stringify([prefix, last])).toString('base64url');
}

/**
 * The name after which a page begins. Undefined for the first page.
 *
 * @throws InvalidOptionsError when the cursor is not one of this prefix
 */
export function decodeCursor(cursor: string | undefined, prefix: string, backend: string): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === 2 && parts[0] === prefix && typeof parts[1] === 'string') {
      return parts[1];
    }
  } catch {
    // Not ours: told below.
  }
  throw new InvalidOptionsError({
    operation: 'list',
    backend,
    reason: 'the cursor does not belong to this listing',
    advice: 'Pass the cursor of the previous page with the same prefix and delimiter, or none.',
    clientMessage: 'The cursor does not belong to this listing.',
  });
}

/** Whether a name is past the cursor; a folder in the cursor stands for everything in it. */
export function isPast(name: string, after: string | undefined): boolean {
  if (after === undefined) return true;
  if (after.endsWith('/') && name.startsWith(after)) return false;
  return compareKeys(name, after) > 0;
}
