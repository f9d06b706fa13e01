/** Copies within the bucket, made by the service in as many steps as it wants. */
import type { CopyOptions, StorageKey } from '../../contract/index.js';
import type { GcsApi } from './gcs-api.js';
import { GcsFailure } from './gcs-failure.js';
import { generationMatch, objectPath, type ObjectResource } from './object-resource.js';
import { statObject } from './read-object.js';

interface RewriteAnswer {
  readonly done: boolean;
  readonly rewriteToken?: string;
  readonly resource?: ObjectResource;
}

/** Copies one generation of the source, with its type and metadata. Conditions are about the target. */
export async function rewriteObject(
  api: GcsApi,
  bucket: string,
  source: Pick<ObjectResource, 'name' | 'generation' | 'crc32c'>,
  to: StorageKey,
  options: CopyOptions,
): Promise<ObjectResource> {
  let rewriteToken: string | undefined;
  for (;;) {
    try {
      const { value } = await api.json<RewriteAnswer>({
        method: 'POST',
        path: `${objectPath(bucket, source.name)}/rewriteTo/b/${bucket}/o/${encodeURIComponent(to)}`,
        query: { sourceGeneration: source.generation, ifGenerationMatch: generationMatch(options), rewriteToken },
        signal: options.signal,
      });
      if (value.done && value.resource) return value.resource;
      ({ rewriteToken } = value);
    } catch (error) {
      const mine = error instanceof GcsFailure && error.uncertain && error.status === 412;
      const settled = mine ? await copiedMeanwhile(api, bucket, source, to) : undefined;
      if (settled) return settled;
      throw error;
    }
  }
}

/** The answer of an earlier try was lost, and its repetition met its own copy: newer than the source, and the same. */
async function copiedMeanwhile(
  api: GcsApi,
  bucket: string,
  source: Pick<ObjectResource, 'generation' | 'crc32c'>,
  to: StorageKey,
): Promise<ObjectResource | undefined> {
  try {
    const found = await statObject({ api, bucket }, to);
    const same = found.crc32c !== undefined && found.crc32c === source.crc32c;
    return same && BigInt(found.generation) > BigInt(source.generation) ? found : undefined;
  } catch {
    return undefined;
  }
}
