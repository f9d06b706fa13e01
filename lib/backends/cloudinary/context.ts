/** An object's facts as contextual metadata of its asset, and back. */
import { randomBytes } from 'node:crypto';
import {
  contentTypeOf,
  InvalidOptionsError,
  type ObjectInfo,
  type ObjectMetadata,
  type StageOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { decodeValue, encodeValue } from './context-value.js';

/** What Cloudinary tells of an asset, as far as it is read here. */
export interface Asset {
  readonly public_id: string;
  readonly bytes: number;
  readonly created_at: string;
  readonly version?: number;
  /** MD5 of the bytes in hex; not in every answer. */
  readonly etag?: string;
  readonly format?: string;
  readonly context?: { readonly custom?: Readonly<Record<string, string>> };
}

/**
 * Most bytes of metadata, keys and encoded values together. Cloudinary allows 1,024 characters a value and 1,000
 * values: https://cloudinary.com/documentation/image_upload_api_reference#upload_optional_parameters
 */
export const MAX_METADATA_BYTES = 1024;

// Own entries begin with "ns-"; a user's that does too is moved out of their way.
const OWN = 'ns-';
const MOVED = 'ns-x-';
const ETAG = 'ns-etag';
const TYPE = 'ns-type';
const CACHE = 'ns-cache';
const DISPOSITION = 'ns-disposition';

/** A token for one write: opaque outside, and the moment of writing inside. */
export function newEtag(now = Date.now()): string {
  return `${now.toString(36)}-${randomBytes(9).toString('hex')}`;
}

const ETAG_FORM = /^([0-9a-z]{8,9})-[0-9a-f]{18}$/;

/** When the write of an etag of newEtag() began. */
export function timeOf(etag: string): Date {
  return new Date(parseInt(ETAG_FORM.exec(etag)?.[1] ?? '', 36));
}

/** @throws InvalidOptionsError when Cloudinary cannot hold it; nothing is ever cut */
export function encodeMetadata(metadata: ObjectMetadata, details: StorageErrorDetails): Record<string, string> {
  const entries = Object.entries(metadata).map(([key, value]): [string, string] => [
    key.startsWith(OWN) ? MOVED + key : key,
    encodeValue(value),
  ]);
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (bytes > MAX_METADATA_BYTES) {
    throw new InvalidOptionsError({
      ...details,
      reason: `the metadata takes ${bytes} bytes, and this backend holds ${MAX_METADATA_BYTES}`,
      advice: 'Keep large facts in a database, under the key.',
    });
  }
  return Object.fromEntries(entries);
}

function ownValue(name: string, value: string, details: StorageErrorDetails): string {
  const encoded = encodeValue(value);
  if (encoded.length <= MAX_METADATA_BYTES) return encoded;
  throw new InvalidOptionsError({ ...details, reason: `${name} is longer than ${MAX_METADATA_BYTES} characters` });
}

/** @throws InvalidOptionsError when Cloudinary cannot hold it */
export function encodeContext(
  options: Pick<StageOptions, 'contentType' | 'metadata' | 'cacheControl' | 'contentDisposition'>,
  etag: string,
  details: StorageErrorDetails,
): Record<string, string> {
  const { contentType, metadata, cacheControl, contentDisposition } = options;
  return {
    ...encodeMetadata(metadata, details),
    [ETAG]: etag,
    [TYPE]: ownValue('contentType', contentType, details),
    ...(cacheControl !== undefined && { [CACHE]: ownValue('cacheControl', cacheControl, details) }),
    ...(contentDisposition !== undefined && {
      [DISPOSITION]: ownValue('contentDisposition', contentDisposition, details),
    }),
  };
}

function ownEtag({ context }: Asset): string | undefined {
  const etag = context?.custom?.[ETAG];
  return etag !== undefined && ETAG_FORM.test(etag) ? etag : undefined;
}

function etagOf(asset: Asset): string {
  const { version, created_at, etag } = asset;
  // Cloudinary counts versions in seconds: two of one second are told apart by their MD5.
  return ownEtag(asset) ?? [`v${version ?? Date.parse(created_at)}`, etag ?? []].flat().join('-');
}

/** Whether an etag is of this version. Listings name no MD5, so theirs may be shorter than that of the details. */
export function isEtagOf(etag: string, asset: Asset): boolean {
  return etag === etagOf(asset) || etag === etagOf({ ...asset, etag: undefined });
}

/** The facts of an asset. One that was uploaded by other means has Cloudinary's version and date. */
export function objectInfo(key: StorageKey, asset: Asset): ObjectInfo {
  const custom = asset.context?.custom ?? {};
  const own = ownEtag(asset);
  const metadata = Object.entries(custom).flatMap(([name, value]): [string, string][] => {
    if (name.startsWith(MOVED)) return [[name.slice(MOVED.length), decodeValue(value)]];
    return name.startsWith(OWN) ? [] : [[name, decodeValue(value)]];
  });
  return {
    key,
    size: asset.bytes,
    etag: etagOf(asset),
    lastModified: own === undefined ? new Date(asset.created_at) : timeOf(own),
    contentType: custom[TYPE] === undefined ? contentTypeOf(key) : decodeValue(custom[TYPE]),
    metadata: Object.fromEntries(metadata),
    ...(custom[CACHE] !== undefined && { cacheControl: decodeValue(custom[CACHE]) }),
    ...(custom[DISPOSITION] !== undefined && { contentDisposition: decodeValue(custom[DISPOSITION]) }),
  };
}
