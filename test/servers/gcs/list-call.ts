/** Listings: prefix, delimiter, offsets, page tokens that belong to one listing. */
import type { Call } from './call.js';
import type { ServerContext } from './context.js';
import { badRequest, sendJson } from './errors.js';
import { resourceOf } from './object-resource.js';
import { LISTING, partial } from './partial-answer.js';

const PARAMETERS = [
  'prefix',
  'delimiter',
  'maxResults',
  'pageToken',
  'startOffset',
  'endOffset',
  'projection',
  'versions',
  'includeTrailingDelimiter',
];
const MOST = 1000;

function before(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

function pageTokenOf(listing: readonly (string | undefined)[], last: string): string {
  return Buffer.from(JSON.stringify([...listing.map((part) => part ?? null), last])).toString('base64');
}

function lastOf(token: string, listing: readonly (string | undefined)[]): string {
  try {
    const parts = JSON.parse(Buffer.from(token, 'base64').toString()) as unknown[];
    const last = parts.at(-1);
    if (typeof last === 'string' && pageTokenOf(listing, last) === token) return last;
  } catch {
    // Told below.
  }
  throw badRequest('Invalid argument: page token.', 'invalid');
}

export async function listObjects(context: ServerContext, call: Call, bucket: string): Promise<void> {
  const query = call.query(PARAMETERS);
  const { prefix = '', delimiter, maxResults = String(MOST), startOffset, endOffset, pageToken } = query;
  if (!/^[1-9][0-9]{0,8}$/.test(maxResults)) throw badRequest(`Invalid value for maxResults: ${maxResults}`);
  if (delimiter === '') throw badRequest('Invalid value for delimiter.');
  const limit = Math.min(Number(maxResults), MOST);
  const listing = [prefix, delimiter, startOffset, endOffset];
  const after = pageToken === undefined ? undefined : lastOf(pageToken, listing);
  const items: Record<string, unknown>[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  let more = false;
  for (const object of context.store.inOrder(bucket)) {
    const { name } = object;
    if (!name.startsWith(prefix)) continue;
    if (startOffset !== undefined && before(name, startOffset)) continue;
    if (endOffset !== undefined && !before(name, endOffset)) continue;
    const cut = delimiter === undefined ? -1 : name.indexOf(delimiter, prefix.length);
    const folder = cut < 0 ? undefined : name.slice(0, cut + delimiter!.length);
    const entry = folder ?? name;
    if (after !== undefined && !before(after, entry)) continue;
    if (folder !== undefined && folder === prefixes.at(-1)) continue;
    if (items.length + prefixes.length === limit) {
      more = true;
      break;
    }
    last = entry;
    if (folder === undefined) items.push(resourceOf(object, context.origin));
    else prefixes.push(folder);
  }
  const answer = {
    kind: 'storage#objects',
    ...(more && { nextPageToken: pageTokenOf(listing, last!) }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(items.length > 0 && { items }),
  };
  sendJson(call.res, 200, partial(answer, query.fields, LISTING));
}
