/** Pages of objects out of Cloudinary's listings, which come in no promised order and know no delimiter. */
import { createHash } from 'node:crypto';
import {
  compareKeys,
  decodeCursor,
  encodeCursor,
  InvalidOptionsError,
  isPast,
  type ListPage,
  type ListPageOptions,
  type ObjectSummary,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { MAX_PAGE, type CloudinaryClient } from './cloudinary-client.js';
import { objectInfo, type Asset } from './context.js';
import type { AssetSearch, PublicIds } from './public-id.js';

interface Position {
  /** Index of the search. */
  readonly search: number;
  /** Cloudinary's cursor within it. */
  readonly cursor?: string;
}

const DETAILS: StorageErrorDetails = { operation: 'list', backend: 'cloudinary' };

function listingId(prefix: string): string {
  return createHash('sha256').update(prefix).digest('base64url').slice(0, 16);
}

function encodePosition(prefix: string, position: Position): string {
  return Buffer.from(JSON.stringify([listingId(prefix), position.search, position.cursor])).toString('base64url');
}

function decodePosition(text: string | undefined, prefix: string, searches: number): Position {
  if (text === undefined) return { search: 0 };
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(parts) && parts[0] === listingId(prefix)) {
      const search: unknown = parts[1];
      const cursor: unknown = parts[2] ?? undefined;
      const known = typeof search === 'number' && Number.isInteger(search) && search >= 0 && search < searches;
      if (known && (cursor === undefined || typeof cursor === 'string')) return { search, cursor };
    }
  } catch {
    // Not ours: told below.
  }
  throw new InvalidOptionsError({
    ...DETAILS,
    reason: 'the cursor does not belong to this listing',
    advice: 'Pass the cursor of the previous page with the same prefix and delimiter, or none.',
    clientMessage: 'The cursor does not belong to this listing.',
  });
}

export class Listing {
  readonly #client: CloudinaryClient;
  readonly #publicIds: PublicIds;

  constructor(client: CloudinaryClient, publicIds: PublicIds) {
    this.#client = client;
    this.#publicIds = publicIds;
  }

  page(options: ListPageOptions): Promise<ListPage> {
    return options.delimiter === undefined ? this.#plainPage(options) : this.#folderPage(options);
  }

  /** Follows Cloudinary's own cursor through one search after the other. */
  async #plainPage({ prefix, limit, cursor, signal }: ListPageOptions): Promise<ListPage> {
    const searches = this.#publicIds.searches(prefix);
    let position: Position | undefined = decodePosition(cursor, prefix, searches.length);
    const objects: ObjectSummary[] = [];
    while (position !== undefined && objects.length < limit) {
      const { found, next }: Fetched = await this.#fetch(searches, position, prefix, limit - objects.length, signal);
      objects.push(...found);
      position = next;
    }
    return { objects, prefixes: [], cursor: position && encodePosition(prefix, position) };
  }

  /**
   * The first names after the cursor of all there are: every page reads the whole of the prefix, in steps of 500, and
   * keeps no more than it gives.
   */
  async #folderPage({ prefix, delimiter, limit, cursor, signal }: ListPageOptions): Promise<ListPage> {
    const after = decodeCursor(cursor, prefix, 'cloudinary');
    const searches = this.#publicIds.searches(prefix);
    let kept = new Map<string, ObjectSummary | undefined>();
    let dropped = 0;
    const trim = () => {
      if (kept.size <= limit) return;
      dropped += kept.size - limit;
      kept = new Map([...kept].sort(([a], [b]) => compareKeys(a, b)).slice(0, limit));
    };
    let position: Position | undefined = { search: 0 };
    while (position !== undefined) {
      const { found, next }: Fetched = await this.#fetch(searches, position, prefix, MAX_PAGE, signal);
      for (const object of found) {
        const cut = object.key.indexOf(delimiter!, prefix.length);
        const name = cut < 0 ? object.key : object.key.slice(0, cut + 1);
        if (isPast(name, after)) kept.set(name, cut < 0 ? object : undefined);
      }
      trim();
      position = next;
    }
    const names = [...kept.keys()].sort(compareKeys);
    return {
      objects: names.flatMap((name) => kept.get(name) ?? []),
      prefixes: names.filter((name) => kept.get(name) === undefined),
      ...(dropped > 0 && { cursor: encodeCursor(prefix, names.at(-1)!) }),
    };
  }

  async #fetch(
    searches: readonly AssetSearch[],
    position: Position,
    prefix: string,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<Fetched> {
    const search = searches[position.search]!;
    const page = await this.#client.resources(
      { resourceType: search.resourceType, prefix: search.prefix, limit, cursor: position.cursor },
      DETAILS,
      signal,
    );
    const found = page.resources.flatMap((asset) => this.#summary(asset, search, prefix) ?? []);
    if (page.next_cursor !== undefined) {
      return { found, next: { search: position.search, cursor: page.next_cursor } };
    }
    const next = position.search + 1;
    return { found, next: next < searches.length ? { search: next } : undefined };
  }

  #summary(asset: Asset, search: AssetSearch, prefix: string): ObjectSummary | undefined {
    if (!this.#publicIds.belongs(asset.public_id, search)) return undefined;
    const key = this.#publicIds.keyOf({ resourceType: search.resourceType, publicId: asset.public_id });
    if (key === undefined || !key.startsWith(prefix)) return undefined;
    const { size, lastModified, etag } = objectInfo(key, asset);
    return { key, size, lastModified, etag };
  }
}

interface Fetched {
  readonly found: readonly ObjectSummary[];
  readonly next: Position | undefined;
}
