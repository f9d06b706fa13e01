/** Reading: facts and bytes of one generation, however many writers there are. */
import {
  PreconditionFailedError,
  resolveRange,
  StorageUnavailableError,
  type OpenedObject,
  type OpenOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { Readable } from 'node:stream';
import type { Crc32cFactory } from './crc32c.js';
import type { GcsApi } from './gcs-api.js';
import { isMissingObject } from './gcs-errors.js';
import { infoOf, OBJECT_FIELDS, objectPath, type ObjectResource } from './object-resource.js';
import { VerifiedBody } from './verified-body.js';

export interface ReadContext {
  readonly api: GcsApi;
  readonly crc32c: Crc32cFactory;
  readonly bucket: string;
}

/** The object is overwritten between two requests only so often. */
export const MOST_LOOKS = 10;

export async function statObject(
  { api, bucket }: Pick<ReadContext, 'api' | 'bucket'>,
  key: StorageKey,
  signal?: AbortSignal,
): Promise<ObjectResource> {
  const { value } = await api.json<ObjectResource>({
    method: 'GET',
    path: objectPath(bucket, key),
    query: { fields: OBJECT_FIELDS },
    signal,
  });
  return value;
}

/**
 * Looks at the object, then reads the very generation that was seen. Where that one is gone meanwhile, looks again.
 *
 * @throws PreconditionFailedError, InvalidRangeError, GcsFailure
 */
export async function openObject(
  context: ReadContext,
  key: StorageKey,
  options: OpenOptions,
  details: StorageErrorDetails,
): Promise<OpenedObject> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    const resource = await statObject(context, key, options.signal);
    const { generation } = resource;
    if (options.ifMatch !== undefined && options.ifMatch !== generation) throw new PreconditionFailedError(details);
    const info = infoOf(resource);
    const range = resolveRange(options.range, info.size, details);
    if (!range) return { info, range, body: Readable.from([], { objectMode: false }) };
    const whole = range.start === 0 && range.end === info.size - 1;
    try {
      const { response } = await context.api.send({
        method: 'GET',
        path: objectPath(context.bucket, key),
        query: { alt: 'media', generation },
        headers: {
          // Objects that are stored compressed come as they are stored: their size and sum are of those bytes.
          'accept-encoding': 'gzip',
          ...(!whole && { range: `bytes=${range.start}-${range.end}` }),
        },
        accept: [whole ? 200 : 206],
        signal: options.signal,
      });
      const length = range.end - range.start + 1;
      const sum = whole && resource.crc32c !== undefined ? context.crc32c() : undefined;
      const expected = { length, crc32c: resource.crc32c, sum, details, signal: options.signal };
      return { info, range, body: new VerifiedBody(response, expected) };
    } catch (error) {
      if (!isMissingObject(error)) throw error;
    }
  }
  throw new StorageUnavailableError({ ...details, reason: 'the file was replaced faster than it could be opened' });
}
