/** The path of the signed routes, as the app's options give it: what it may be made of. */
import { quoted, StorageConfigurationError } from '../contract/index.js';

/** Path of the signed routes unless the app names another. */
export const DEFAULT_FILES_PATH = 'files';

/** What a URL holds as it is (unreserved, RFC 3986, section 2.3), and what means nothing to the routers. */
const SEGMENT = /^[A-Za-z0-9._~-]+$/;

/**
 * The path goes into URLs and into the router's patterns alike, so it has to mean the same in both. Slashes around it
 * count for nothing; it may be empty, which is the root.
 *
 * @throws StorageConfigurationError for a path that is no text, or holds anything but segments of A-Z a-z 0-9 - . _ ~
 */
export function assertRoutesPath(path: unknown, storage: string): asserts path is string {
  if (typeof path === 'string' && (trimmedPath(path) === '' || trimmedPath(path).split('/').every(isSegment))) return;
  throw new StorageConfigurationError({
    reason:
      `the path of the signed routes (controller.path) of the storage ${quoted(storage)} is ` +
      (typeof path === 'string' ? quoted(path) : 'no text'),
    advice:
      'Only A-Z a-z 0-9 - . _ ~ are allowed, in segments with one / between them that are not "." or "..": ' +
      "controller: { path: 'media/files' }",
  });
}

/** Without slashes around it. */
export function trimmedPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}

/** Clients take `.` and `..` out of a URL before they send it. */
function isSegment(segment: string): boolean {
  return SEGMENT.test(segment) && segment !== '.' && segment !== '..';
}

/** A name made fit for the path. */
export function fittingSegment(name: string): string {
  return name.replace(/[^A-Za-z0-9._~-]+/g, '-');
}
