/** Listings, by the service's own page tokens. */
import {
  compareKeys,
  decodeCursor,
  encodeCursor,
  InvalidKeyError,
  InvalidOptionsError,
  parseKey,
  RESERVED_SEGMENT,
  type ListPage,
  type ListPageOptions,
} from '../../contract/index.js';
import type { GcsApi } from './gcs-api.js';
import { GcsFailure } from './gcs-failure.js';
import { summaryOf, type ObjectResource } from './object-resource.js';

interface ObjectsAnswer {
  readonly items?: readonly ObjectResource[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

/** Most entries that the service puts into one page. */
const MOST_PER_CALL = 1000;

/** Buckets may hold names that are no keys here, such as the "folder/" marks of the console: they are passed over. */
function isKey(name: string): boolean {
  try {
    parseKey(name);
    return true;
  } catch (error) {
    if (error instanceof InvalidKeyError) return false;
    throw error;
  }
}

/** What the library keeps for itself is no object of anybody. */
function isOwn(name: string): boolean {
  return name.split('/').includes(RESERVED_SEGMENT);
}

function isShown(prefix: string): boolean {
  return prefix !== `${RESERVED_SEGMENT}/` && isKey(prefix.slice(0, -1));
}

export async function listObjects(api: GcsApi, bucket: string, options: ListPageOptions): Promise<ListPage> {
  const { prefix, delimiter, limit, signal } = options;
  const pageToken = decodeCursor(options.cursor, prefix, 'gcs');
  try {
    const { value } = await api.json<ObjectsAnswer>({
      method: 'GET',
      path: `/storage/v1/b/${bucket}/o`,
      query: {
        prefix: prefix || undefined,
        delimiter,
        maxResults: String(Math.min(limit, MOST_PER_CALL)),
        pageToken,
        fields: 'nextPageToken,prefixes,items(name,size,generation,updated)',
      },
      signal,
    });
    const { items = [], prefixes = [], nextPageToken } = value;
    const objects = items.filter((item) => isKey(item.name)).map(summaryOf);
    const passedOver = items.filter((item) => !isKey(item.name) && !isOwn(item.name)).length;
    return {
      objects,
      prefixes: prefixes.filter(isShown).sort(compareKeys),
      ...(nextPageToken && { cursor: encodeCursor(prefix, nextPageToken) }),
      ...(passedOver > 0 && { passedOver }),
    };
  } catch (error) {
    if (pageToken === undefined || !(error instanceof GcsFailure) || error.status !== 400) throw error;
    throw new InvalidOptionsError({
      operation: 'list',
      backend: 'gcs',
      reason: 'the store does not accept the cursor',
      advice: 'Pass the cursor of the previous page with the same prefix and delimiter, or none.',
      clientMessage: 'The cursor does not belong to this listing.',
      cause: error,
    });
  }
}
