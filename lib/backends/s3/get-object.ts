/** Opens an object for reading: directly where that goes well, else through all of the SDK. */
import type { GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { StorageErrorDetails } from '../../contract/index.js';
import { goOnFrom, succeeded, type DirectRequests, type DirectResponse } from './direct-request.js';
import type { ObjectHeaders } from './object-facts.js';
import type { S3Sdk } from './s3.sdk.js';

/** What is read of the answer. */
export interface GetObjectAnswer extends ObjectHeaders {
  readonly ContentRange?: string;
  readonly Body: Readable;
}

const META = 'x-amz-meta-';

function answerOf({ headers, body }: DirectResponse): GetObjectAnswer {
  const modified = Date.parse(headers['last-modified'] ?? '');
  const length = headers['content-length'];
  const metadata: [string, string][] = [];
  for (const name in headers) {
    const value = headers[name];
    if (name.startsWith(META) && value !== undefined) metadata.push([name.slice(META.length), value]);
  }
  return {
    Body: body,
    ETag: headers['etag'],
    ContentType: headers['content-type'],
    ContentLength: length === undefined ? undefined : Number(length),
    ContentRange: headers['content-range'],
    CacheControl: headers['cache-control'],
    ContentDisposition: headers['content-disposition'],
    LastModified: Number.isNaN(modified) ? undefined : new Date(modified),
    Metadata: Object.fromEntries(metadata),
  };
}

export async function getObject(
  { client, sdk, direct }: { readonly client: S3Client; readonly sdk: S3Sdk; readonly direct: DirectRequests },
  input: Pick<GetObjectCommandInput, 'Bucket' | 'Range' | 'IfMatch'> & { readonly Key: string },
  details: StorageErrorDetails,
  signal: AbortSignal | undefined,
): Promise<GetObjectAnswer> {
  const headers = { range: input.Range, 'if-match': input.IfMatch };
  const attempt = await direct.attempt({ method: 'GET', key: input.Key, headers }, details, signal);
  const response = succeeded(attempt);
  if (response) return answerOf(response);
  const command = new sdk.GetObjectCommand(input);
  goOnFrom(command, attempt);
  return (await client.send(command, { abortSignal: signal })) as GetObjectAnswer;
}
