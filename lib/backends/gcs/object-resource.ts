/** Objects as the JSON API writes them, and as the contract does. */
import {
  DEFAULT_CONTENT_TYPE,
  InvalidKeyError,
  InvalidOptionsError,
  type ObjectInfo,
  type ObjectMetadata,
  type ObjectSummary,
  type StagedInfo,
  type StorageErrorDetails,
  type StorageKey,
  type WriteConditions,
} from '../../contract/index.js';
import { isDeepStrictEqual } from 'node:util';
import { readMetadata, storedMetadata } from './metadata-values.js';

/** The fields of https://cloud.google.com/storage/docs/json_api/v1/objects#resource that the driver asks for. */
export interface ObjectResource {
  readonly name: string;
  readonly size: string;
  readonly generation: string;
  readonly updated: string;
  readonly timeCreated?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly metadata?: ObjectMetadata;
  readonly crc32c?: string;
}

export const OBJECT_FIELDS =
  'name,size,generation,updated,timeCreated,contentType,contentEncoding,cacheControl,contentDisposition,metadata,crc32c';

/** Custom metadata of one object: https://cloud.google.com/storage/quotas#objects */
export const MAX_METADATA_BYTES = 8192;

export function summaryOf(resource: ObjectResource): ObjectSummary {
  return {
    key: resource.name as StorageKey,
    size: Number(resource.size),
    lastModified: new Date(resource.updated),
    etag: resource.generation,
  };
}

export function infoOf(resource: ObjectResource): ObjectInfo {
  const { contentType = DEFAULT_CONTENT_TYPE, metadata = {}, cacheControl, contentDisposition } = resource;
  return { ...summaryOf(resource), contentType, metadata: readMetadata(metadata), cacheControl, contentDisposition };
}

/** What an upload says about its object. */
export function resourceFor(info: Omit<StagedInfo, 'size'>, crc32c?: string): string {
  const { key, contentType, metadata, cacheControl, contentDisposition } = info;
  return JSON.stringify({
    name: key,
    contentType,
    metadata: storedMetadata(metadata),
    cacheControl,
    contentDisposition,
    crc32c,
  });
}

/** Whether two hold the same bytes under the same description. Objects without a sum are never taken for the same. */
export function sameObject(a: ObjectResource, b: Omit<ObjectResource, 'generation' | 'updated'>): boolean {
  const sameFacts = (['contentType', 'cacheControl', 'contentDisposition'] as const).every(
    (name) => a[name] === b[name],
  );
  const [metadata = {}, other = {}] = [a.metadata, b.metadata];
  return (
    a.crc32c !== undefined &&
    a.crc32c === b.crc32c &&
    a.size === b.size &&
    sameFacts &&
    isDeepStrictEqual({ ...metadata }, { ...other })
  );
}

export function objectPath(bucket: string, key: string): string {
  return `/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`;
}

const GENERATION = /^[1-9][0-9]{0,18}$/;

/** Whether an etag can be one of this backend at all. */
export function isGeneration(etag: string): boolean {
  return GENERATION.test(etag);
}

/** The parameter that holds a write's condition. Generation 0 stands for "no such object". */
export function generationMatch(conditions: WriteConditions): string | undefined {
  return conditions.ifNoneMatch === '*' ? '0' : conditions.ifMatch;
}

/** @param metadata as it will be stored. @throws InvalidKeyError, InvalidOptionsError for what the service cannot hold */
export function assertStorable(key: string, metadata: ObjectMetadata, details: StorageErrorDetails): void {
  // https://cloud.google.com/storage/docs/objects#naming
  if (key.startsWith('.well-known/acme-challenge/')) {
    throw new InvalidKeyError({
      ...details,
      reason: 'a key on Google Cloud Storage must not start with ".well-known/acme-challenge/"',
    });
  }
  const bytes = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (bytes > MAX_METADATA_BYTES) {
    throw new InvalidOptionsError({
      ...details,
      reason: `the metadata has ${bytes} bytes, of which Google Cloud Storage holds ${MAX_METADATA_BYTES}`,
      advice: 'Keep long values in a file or a database.',
    });
  }
}
