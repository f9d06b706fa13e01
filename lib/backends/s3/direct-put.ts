/** PutObject as the headers it is made of, for a request that is sent past the SDK's layers. */
import type { Readable } from 'node:stream';
import type { ObjectInfo } from '../../contract/index.js';
import type { ChunkList } from './chunk-list.js';
import type { DirectResponse } from './direct-request.js';
import type { NewObject } from './new-object.js';
import { bareEtag } from './object-facts.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html */
export function directPut(
  { request }: NewObject,
  conditions: { readonly IfMatch?: string; readonly IfNoneMatch?: string },
  body: ChunkList,
): { readonly headers: Record<string, string | undefined>; readonly body: Readable | Uint8Array } {
  const headers: Record<string, string | undefined> = {
    'content-type': request.ContentType,
    'content-length': String(body.size),
    'cache-control': request.CacheControl,
    'content-disposition': request.ContentDisposition,
    'if-match': conditions.IfMatch,
    'if-none-match': conditions.IfNoneMatch,
    'x-amz-server-side-encryption': request.ServerSideEncryption,
    'x-amz-server-side-encryption-aws-kms-key-id': request.SSEKMSKeyId,
    'x-amz-storage-class': request.StorageClass,
    'x-amz-tagging': request.Tagging,
    'x-amz-acl': request.ACL,
    ...body.headers(),
  };
  for (const [name, value] of Object.entries(request.Metadata)) headers[`x-amz-meta-${name}`] = value;
  const chunks = body.chunks();
  // One chunk goes out in the same write as the headers.
  return { headers, body: chunks.length > 1 ? body.stream() : (chunks[0] ?? new Uint8Array()) };
}

export function directVersion({ headers, body }: DirectResponse): Pick<ObjectInfo, 'etag' | 'lastModified'> {
  body.resume();
  // The store does not tell the time of the write: that of its answer stands for it.
  const date = Date.parse(headers['date'] ?? '');
  return { etag: bareEtag(headers['etag']), lastModified: new Date(Number.isNaN(date) ? Date.now() : date) };
}
