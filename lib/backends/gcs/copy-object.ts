/** Copies within the bucket, made by the service in as many steps as it wants. */
import {
  StorageUnavailableError,
  type CopyOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import type { GcsApi } from './gcs-api.js';
import { isMissingObject, toStorageError } from './gcs-errors.js';
import { generationMatch, objectPath, sameObject, type ObjectResource } from './object-resource.js';
import { MOST_LOOKS, statObject } from './read-object.js';
import { settledWrite, type WriteTry } from './settled-write.js';

interface RewriteAnswer {
  readonly done: boolean;
  readonly rewriteToken?: string;
  readonly resource?: ObjectResource;
}

export interface CopiedGeneration {
  readonly target: ObjectResource;
  /** Of the source, as it was copied. */
  readonly generation: string;
}

/**
 * Looks at the source, then copies the very generation that was seen. Where that one is gone meanwhile, looks again.
 *
 * @param details of the target, whose errors are told as StorageErrors. @throws GcsFailure of the source
 */
export async function copyObject(
  api: GcsApi,
  bucket: string,
  from: StorageKey,
  to: StorageKey,
  options: CopyOptions,
  details: StorageErrorDetails,
): Promise<CopiedGeneration> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const source = await statObject({ api, bucket }, from, options.signal);
    try {
      return { target: await rewriteObject(api, bucket, source, to, options), generation: source.generation };
    } catch (error) {
      if (!isMissingObject(error)) throw toStorageError(error, details, options.signal, options);
    }
  }
  throw new StorageUnavailableError({ ...details, reason: 'the file was replaced faster than it could be copied' });
}

/** Copies one generation of the source, with its type and metadata. Conditions are about the target. */
function rewriteObject(
  api: GcsApi,
  bucket: string,
  source: ObjectResource,
  to: StorageKey,
  options: CopyOptions,
): Promise<ObjectResource> {
  const { signal } = options;
  const path = `${objectPath(bucket, source.name)}/rewriteTo/b/${bucket}/o/${encodeURIComponent(to)}`;
  const send = async ({ ifGenerationMatch, ...how }: WriteTry) => {
    let rewriteToken: string | undefined;
    for (;;) {
      const query = { sourceGeneration: source.generation, ifGenerationMatch, rewriteToken };
      const { value } = await api.json<RewriteAnswer>({ method: 'POST', path, query, signal, ...how });
      if (value.done && value.resource) return value.resource;
      ({ rewriteToken } = value);
    }
  };
  return settledWrite({
    api,
    bucket,
    key: to,
    ifGenerationMatch: generationMatch(options),
    signal,
    send,
    isOurs: (found) => sameObject(found, source),
  });
}
