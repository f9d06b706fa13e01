/** URLs of one storage: options checked, what cannot be bound refused, then asked of the backend. */
import {
  FileTooLargeError,
  StorageFileNotFoundError,
  UnknownBaseUrlError,
  type SignedUpload,
  type StorageErrorDetails,
  type StorageKey,
} from '../contract/index.js';
import type { BoundStorage } from './bound-storage.js';
import type { GetUploadUrlOptions } from './storage-options.js';
import type { GetUrlOptions } from './stored-file.js';
import { assertBindings, checkedExpiry, checkedTransform, dispositionOf } from './url-requests.js';
import { checkedConditions, checkedContentType, checkedCount, checkedMetadata } from './write-options.js';

/** @throws StorageFileNotFoundError (unless `mustExist: false`), InvalidOptionsError, NotSupportedError */
export async function signGet(bound: BoundStorage, key: string, options: GetUrlOptions): Promise<string> {
  const parsed = bound.key('getUrl', key);
  const details = bound.details('getUrl', parsed);
  const { download, contentType, signal } = options;
  const expiresIn = checkedExpiry(options.expiresIn, bound.settings, details);
  const transform = checkedTransform(options.transform, details);
  const disposition = dispositionOf(parsed, download);
  const asked = {
    disposition: disposition !== undefined,
    filename: disposition?.filename !== undefined,
    contentType: contentType !== undefined,
    transform: transform !== undefined,
  };
  assertBindings(bound.capabilities.getUrl, asked, details);
  if (contentType !== undefined) checkedContentType(contentType, details);
  if (options.mustExist !== false) await mustExist(bound, parsed, details, signal);
  return bound.backend.getUrl(parsed, { expiresIn, disposition, contentType, transform, signal });
}

/** @throws InvalidOptionsError, FileTooLargeError, NotSupportedError for what the backend cannot bind */
export async function signPut(bound: BoundStorage, key: string, options: GetUploadUrlOptions): Promise<SignedUpload> {
  const parsed = bound.key('getUploadUrl', key);
  const details = bound.details('getUploadUrl', parsed);
  const { contentType, size, ifNoneMatch, signal } = options;
  const expiresIn = checkedExpiry(options.expiresIn, bound.settings, details);
  const metadata = options.metadata && checkedMetadata(options.metadata, details);
  const maxSize = size === undefined ? bound.maxSize(options.maxSize, details) : options.maxSize;
  if (contentType !== undefined) checkedContentType(contentType, details);
  checkedConditions({ ifNoneMatch }, details);
  if (size !== undefined) {
    checkedCount('size', size, 0, details);
    const limit = bound.maxSize(undefined, details);
    if (limit !== undefined && size > limit) throw new FileTooLargeError({ ...details, limit });
  }
  const asked = {
    contentType: contentType !== undefined,
    size: size !== undefined,
    maxSize: options.maxSize !== undefined,
    createOnly: ifNoneMatch !== undefined,
    metadata: metadata !== undefined,
  };
  const bindings = bound.capabilities.getUploadUrl;
  assertBindings(bindings, asked, details);
  return bound.backend.getUploadUrl(parsed, {
    expiresIn,
    contentType,
    size,
    maxSize: bindings.includes('maxSize') ? maxSize : undefined,
    ifNoneMatch,
    metadata,
    signal,
  });
}

/** The URL that a put answers with; undefined where the storage can make none. */
export async function defaultUrl(bound: BoundStorage, key: string): Promise<string | undefined> {
  if (bound.capabilities.getUrl.length === 0) return undefined;
  try {
    return await signGet(bound, key, { mustExist: false });
  } catch (error) {
    if (error instanceof UnknownBaseUrlError) return undefined;
    throw error;
  }
}

async function mustExist(
  bound: BoundStorage,
  key: StorageKey,
  details: StorageErrorDetails,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await bound.backend.stat(key, { signal });
  } catch (error) {
    if (!(error instanceof StorageFileNotFoundError)) throw error;
    throw new StorageFileNotFoundError({
      ...details,
      advice: 'Check the key, or pass mustExist: false to sign a URL for a file that comes later.',
      cause: error,
    });
  }
}
