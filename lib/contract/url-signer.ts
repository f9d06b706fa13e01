/** What a wrapper needs to make URLs that the app itself serves. The signed routes implement it. */
import type { GetBinding, PutBinding } from './capabilities.js';
import type { SignedUpload, SignGetOptions, SignPutOptions } from './objects.js';
import type { StorageKey } from './storage-key.js';

/** Makes URLs of the app's signed routes, for backends that have none of their own. */
export interface UrlSigner {
  readonly getBindings: readonly GetBinding[];
  readonly putBindings: readonly PutBinding[];
  /** A URL of the app that reads the object of this storage until it expires. */
  signGet(storage: string, key: StorageKey, options: SignGetOptions): string;
  /** A URL of the app that writes the object of this storage until it expires. */
  signPut(storage: string, key: StorageKey, options: SignPutOptions): SignedUpload;
}
