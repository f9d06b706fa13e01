/** How large an object is where an answer does not say it, as behind a proxy that compresses. */
import {
  InvalidRangeError,
  StorageUnavailableError,
  type ResolvedRange,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import type { GetObjectAnswer } from './get-object.js';
import { bareEtag, type ObjectHeaders } from './object-facts.js';
import type { S3Connection } from './s3.connection.js';

/** The part that an answer brings, and the size of the whole object; undefined where it says nothing. */
export function partOf({
  ContentRange,
  ContentLength,
}: Pick<GetObjectAnswer, 'ContentRange' | 'ContentLength'>):
  { readonly range: ResolvedRange; readonly size: number } | undefined {
  const found = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange ?? '');
  if (!found) return ContentLength === undefined ? undefined : wholeOf(ContentLength);
  const [start, end, size] = found.slice(1).map(Number) as [number, number, number];
  return { range: { start, end }, size };
}

/** An empty object has no range; its end stands before its start then. */
export function wholeOf(size: number): { readonly range: ResolvedRange; readonly size: number } {
  return { range: { start: 0, end: size - 1 }, size };
}

/**
 * Asks for the first byte, whose range tells the size.
 *
 * @throws StorageUnavailableError when that does not say it either, or the object is another one by now
 */
export async function sizeByRange(
  connection: S3Connection,
  key: StorageKey,
  { ETag }: Pick<ObjectHeaders, 'ETag'>,
  details: StorageErrorDetails,
  signal: AbortSignal | undefined,
): Promise<number> {
  const answer = await firstByte(connection, key, details, signal);
  if (!answer) return 0;
  if (bareEtag(answer.ETag) !== bareEtag(ETag)) {
    throw new StorageUnavailableError({ ...details, reason: 'the object changed while it was looked at' });
  }
  const part = partOf(answer);
  if (part) return part.size;
  throw new StorageUnavailableError({
    ...details,
    reason: 'the store does not say how large the object is',
    advice: 'Look for a proxy before it that takes Content-Length and Content-Range away.',
  });
}

/** Undefined for an empty object. */
async function firstByte(
  connection: S3Connection,
  key: StorageKey,
  details: StorageErrorDetails,
  signal: AbortSignal | undefined,
): Promise<GetObjectAnswer | undefined> {
  const input = { Bucket: connection.settings.bucket, Key: key, Range: 'bytes=0-0' };
  try {
    const answer = await connection.run(details, { signal }, (client, sdk, send) =>
      client.send(new sdk.GetObjectCommand(input), send),
    );
    (answer as GetObjectAnswer).Body.destroy();
    return answer as GetObjectAnswer;
  } catch (error) {
    if (error instanceof InvalidRangeError) return undefined;
    throw error;
  }
}
