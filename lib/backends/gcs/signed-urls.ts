/** Presigned URLs and what they bind. */
import { create as contentDisposition } from 'content-disposition';
import {
  InvalidOptionsError,
  type SignedUpload,
  type SignGetOptions,
  type SignPutOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { headerMetadata } from './metadata-values.js';
import { MAX_V4_EXPIRY, signV4Url, type V4Signer } from './v4-signature.js';

export interface UrlPlace {
  readonly bucket: string;
  /** Origin of the API. */
  readonly origin: string;
  /** Origin that is bound to the bucket, so that its name is not in the path. */
  readonly publicOrigin?: string;
  readonly userProject?: string;
}

function assertExpiry(expiresIn: number, { maxExpiry }: V4Signer, details: StorageErrorDetails): void {
  if (expiresIn <= maxExpiry) return;
  const most = `signed URLs of Google Cloud Storage live ${maxExpiry} seconds at most`;
  const byIam = maxExpiry < MAX_V4_EXPIRY;
  throw new InvalidOptionsError({
    ...details,
    reason: byIam ? `${most} where the IAM service signs them, whose keys change` : most,
    advice: byIam ? 'Ask for less, or use a service account key.' : 'Ask for less.',
  });
}

function target(place: UrlPlace, key: StorageKey): { readonly origin: string; readonly path: string } {
  const { bucket, origin, publicOrigin } = place;
  return publicOrigin === undefined
    ? { origin, path: `/${bucket}/${key}` }
    : { origin: new URL(publicOrigin).origin, path: `/${key}` };
}

/** @throws InvalidOptionsError for an expiry that the signer cannot promise */
export async function signedGetUrl(
  place: UrlPlace,
  key: StorageKey,
  options: SignGetOptions,
  signer: V4Signer,
): Promise<string> {
  const { expiresIn, disposition, contentType } = options;
  assertExpiry(expiresIn, signer, { operation: 'getUrl', key, backend: 'gcs' });
  const query: Record<string, string> = {};
  if (place.userProject) query.userProject = place.userProject;
  if (disposition) {
    query['response-content-disposition'] = contentDisposition(disposition.filename, { type: disposition.type });
  }
  if (contentType !== undefined) query['response-content-type'] = contentType;
  const request = { method: 'GET', ...target(place, key), query, expiresIn, date: new Date() };
  return signV4Url(request, signer, options.signal);
}

/** Headers that the service holds the upload against; each of them is signed. */
function boundHeaders(options: SignPutOptions): Record<string, string> {
  const { contentType, size, maxSize, ifNoneMatch, metadata = {} } = options;
  const headers: Record<string, string> = {};
  if (contentType !== undefined) headers['content-type'] = contentType;
  if (size !== undefined || maxSize !== undefined) {
    headers['x-goog-content-length-range'] = size === undefined ? `0,${maxSize}` : `${size},${size}`;
  }
  if (ifNoneMatch === '*') headers['x-goog-if-generation-match'] = '0';
  for (const [name, value] of Object.entries(headerMetadata(metadata))) headers[`x-goog-meta-${name}`] = value;
  return headers;
}

/** @throws InvalidOptionsError for an expiry that the signer cannot promise */
export async function signedUpload(
  place: UrlPlace,
  key: StorageKey,
  options: SignPutOptions,
  signer: V4Signer,
): Promise<SignedUpload> {
  const { expiresIn } = options;
  assertExpiry(expiresIn, signer, { operation: 'getUploadUrl', key, backend: 'gcs' });
  const headers = boundHeaders(options);
  const query: Record<string, string> = place.userProject ? { userProject: place.userProject } : {};
  // Signatures count from whole seconds.
  const date = new Date(Math.floor(Date.now() / 1000) * 1000);
  const request = { method: 'PUT', ...target(place, key), headers, query, expiresIn, date };
  const url = await signV4Url(request, signer, options.signal);
  return { method: 'PUT', url, headers, expiresAt: new Date(date.getTime() + expiresIn * 1000) };
}
