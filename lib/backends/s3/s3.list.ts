/** Listings: one page of the contract from as many requests as it takes. */
import {
  InvalidOptionsError,
  parseKey,
  parsePrefix,
  RESERVED_SEGMENT,
  StorageUnavailableError,
  type ListPage,
  type ListPageOptions,
  type ObjectSummary,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { bareEtag } from './object-facts.js';
import type { S3Connection } from './s3.connection.js';

const MOST_KEYS = 1000;

/**
 * Names are asked for percent-encoded, because XML cannot hold them all; a space may come as a plus sign. A service that
 * knows no encoding sends them as they are, and does not say that it encoded them.
 */
function decoded(name: string, encoding: string | undefined, details: StorageErrorDetails): string {
  if (encoding !== 'url') return name;
  try {
    return decodeURIComponent(name.replaceAll('+', '%20'));
  } catch (error) {
    throw new StorageUnavailableError({ ...details, reason: 'the listing of the store cannot be read', cause: error });
  }
}

/** What the library keeps for itself is no object of anybody. */
function isOwn(name: string): boolean {
  return name.split('/').includes(RESERVED_SEGMENT);
}

/** Objects of other programs may have names that are no keys here; they and the library's own are passed over. */
function keyOf(name: string): StorageKey | undefined {
  try {
    return parseKey(name);
  } catch {
    return undefined;
  }
}

function isFolder(name: string): boolean {
  try {
    return parsePrefix(name) !== '';
  } catch {
    return false;
  }
}

function tokenOf({ cursor, prefix, delimiter }: ListPageOptions): string | undefined {
  if (cursor === undefined) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(parts) && parts[0] === prefix && parts[1] === (delimiter ?? '') && typeof parts[2] === 'string') {
      return parts[2];
    }
  } catch {
    // Not ours: told below.
  }
  throw new InvalidOptionsError({
    operation: 'list',
    backend: 's3',
    reason: 'the cursor does not belong to this listing',
    advice: 'Pass the cursor of the previous page with the same prefix and delimiter, or none.',
    clientMessage: 'The cursor does not belong to this listing.',
  });
}

function cursorOf({ prefix, delimiter }: ListPageOptions, token: string): string {
  return Buffer.from(JSON.stringify([prefix, delimiter ?? '', token])).toString('base64url');
}

export async function listPage(connection: S3Connection, options: ListPageOptions): Promise<ListPage> {
  const { prefix, delimiter, limit, signal } = options;
  const details = { operation: 'list' as const, backend: 's3' };
  const objects: ObjectSummary[] = [];
  const prefixes: string[] = [];
  let passedOver = 0;
  let token = tokenOf(options);
  do {
    const page = await connection.run(details, { signal }, (client, sdk, send) =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: connection.settings.bucket,
          Prefix: prefix,
          Delimiter: delimiter,
          MaxKeys: Math.min(limit - objects.length - prefixes.length, MOST_KEYS),
          ContinuationToken: token,
          EncodingType: 'url',
        }),
        send,
      ),
    );
    for (const { Key, Size, LastModified, ETag } of page.Contents ?? []) {
      const name = decoded(Key!, page.EncodingType, details);
      const key = keyOf(name);
      if (key === undefined) {
        if (!isOwn(name)) passedOver++;
        continue;
      }
      objects.push({ key, size: Size ?? 0, lastModified: LastModified ?? new Date(0), etag: bareEtag(ETag) });
    }
    for (const { Prefix } of page.CommonPrefixes ?? []) {
      const folder = decoded(Prefix!, page.EncodingType, details);
      if (isFolder(folder)) prefixes.push(folder);
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined && objects.length + prefixes.length < limit);
  return {
    objects,
    prefixes,
    ...(token !== undefined && { cursor: cursorOf(options, token) }),
    ...(passedOver > 0 && { passedOver }),
  };
}
