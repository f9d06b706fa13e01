/** What tells one version of a source's object from another. */
import type { ListedFile } from '../service/index.js';

/** A version, as a journal holds it. */
export interface SourceVersion {
  readonly source: string;
  /** Whole seconds since the epoch. */
  readonly modified: number;
}

/**
 * The version that was read, as a listing will tell it again. An ETag may be a hash of the bytes, which stays when the
 * metadata alone are changed: the time does not. Headers tell whole seconds of it.
 *
 * @param listed what the listing said before: where that is the same version, its time counts, since stores may tell
 * another one with the object
 */
export function versionRead(read: Facts, listed: Facts): SourceVersion {
  return versionListed(read.etag === listed.etag ? listed : read);
}

export function versionListed({ etag, lastModified }: Facts): SourceVersion {
  return { source: etag, modified: Math.floor(lastModified.getTime() / 1000) };
}

type Facts = Pick<ListedFile, 'etag' | 'lastModified'>;

/** One text for both. */
export function versionText({ source, modified }: SourceVersion): string {
  return `${modified} ${source}`;
}
