/** The Admin API: Basic authentication, an hourly limit, details, listings and deletion by name. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { RESOURCE_TYPES, TYPES, type Account, type StoredAsset } from './account.js';
import { onlyKnown, Refusal } from './exchange.js';
import { same } from './signatures.js';

const MAX_RESULTS = 500;
const DEFAULT_RESULTS = 10;
const MAX_DELETE = 100;

export interface AdminRequest {
  readonly method: string;
  /** Decoded segments after the cloud name. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export function rateHeaders(account: Account): Record<string, string> {
  const hour = 3_600_000;
  return {
    'x-featureratelimit-limit': String(account.settings.adminLimit),
    'x-featureratelimit-remaining': String(Math.max(0, account.settings.adminLimit - account.adminCalls)),
    'x-featureratelimit-reset': new Date(Math.ceil(Date.now() / hour) * hour).toUTCString(),
  };
}

function authenticate(account: Account, authorization: string | undefined): void {
  const { apiKey, apiSecret } = account.settings;
  if (authorization === undefined) throw new Refusal(401, 'Authorization Required');
  const expected = `Basic ${Buffer.from(`${apiKey}:${apiSecret}`).toString('base64')}`;
  if (!same(authorization, expected)) throw new Refusal(401, 'api_secret mismatch');
}

function describe(asset: StoredAsset, withContext: boolean): Record<string, unknown> {
  return {
    asset_id: asset.assetId,
    public_id: asset.publicId,
    ...(asset.format !== undefined && { format: asset.format }),
    version: asset.version,
    resource_type: asset.resourceType,
    type: asset.type,
    created_at: asset.createdAt.toISOString().replace(/\.\d+Z$/, 'Z'),
    bytes: asset.bytes.length,
    access_mode: 'public',
    ...(withContext && asset.context.size > 0 && { context: { custom: Object.fromEntries(asset.context) } }),
  };
}

/** A place in a listing that the names alone decide, and that is no order of theirs. */
function place({ publicId }: StoredAsset): string {
  return createHash('sha256').update(publicId).digest('hex');
}

export function handleAdminApi(account: Account, request: AdminRequest): unknown {
  authenticate(account, request.headers.authorization);
  const { adminLimit } = account.settings;
  if (account.adminCalls >= adminLimit) {
    throw new Refusal(420, `Rate Limit Exceeded. Limit of ${adminLimit} api operations reached. Try again later.`);
  }
  account.adminCalls++;
  const [area, resourceType, type, ...rest] = request.path;
  if (area === 'ping' && request.path.length === 1 && request.method === 'GET') {
    onlyKnown(request.query.keys(), []);
    return { status: 'ok' };
  }
  if (area !== 'resources') throw new Refusal(404, `Unknown path ${request.path.join('/')}`);
  if (!RESOURCE_TYPES.includes(resourceType ?? '')) throw new Refusal(400, `Invalid resource type ${resourceType}`);
  if (!TYPES.includes(type ?? '')) throw new Refusal(400, `Invalid type ${type}`);
  if (request.method === 'GET' && rest.length === 1) {
    onlyKnown(request.query.keys(), []);
    const asset = account.get(resourceType!, type!, rest[0]!);
    return { ...describe(asset, true), ...(account.settings.etagInDetails && { etag: asset.etag }) };
  }
  if (request.method === 'GET' && rest.length === 0) return list(account, resourceType!, type!, request.query);
  if (request.method === 'DELETE' && rest.length === 0) return removeMany(account, resourceType!, type!, request.body);
  throw new Refusal(404, `Unknown request ${request.method} ${request.path.join('/')}`);
}

function list(account: Account, resourceType: string, type: string, query: URLSearchParams): unknown {
  onlyKnown(query.keys(), ['prefix', 'max_results', 'next_cursor', 'context']);
  const most = Number(query.get('max_results') ?? DEFAULT_RESULTS);
  if (!Number.isInteger(most) || most < 1 || most > MAX_RESULTS) {
    throw new Refusal(400, `Invalid value ${query.get('max_results')} for parameter max_results: 1 to ${MAX_RESULTS}`);
  }
  const prefix = query.get('prefix') ?? '';
  const cursor = query.get('next_cursor');
  const after = cursor === null ? '' : Buffer.from(cursor, 'base64url').toString();
  if (cursor !== null && !/^[0-9a-f]{64}$/.test(after))
    throw new Refusal(400, 'Invalid value for parameter next_cursor');
  const found = [...account.assets.values()]
    .filter((asset) => asset.resourceType === resourceType && asset.type === type && asset.publicId.startsWith(prefix))
    .map((asset) => ({ asset, at: place(asset) }))
    .filter(({ at }) => at > after)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const page = found.slice(0, most);
  return {
    resources: page.map(({ asset }) => describe(asset, query.get('context') === 'true')),
    ...(found.length > most && { next_cursor: Buffer.from(page.at(-1)!.at).toString('base64url') }),
  };
}

function removeMany(account: Account, resourceType: string, type: string, body: Buffer): unknown {
  const params = new URLSearchParams(body.toString());
  onlyKnown(params.keys(), ['public_ids[]', 'invalidate']);
  const names = params.getAll('public_ids[]');
  if (names.length === 0) throw new Refusal(400, 'Missing required parameter - public_ids');
  if (names.length > MAX_DELETE)
    throw new Refusal(400, `Too many public_ids: ${names.length} of at most ${MAX_DELETE}`);
  const invalidate = params.get('invalidate') === 'true';
  const deleted = names.map((name) => [
    name,
    account.remove(resourceType, type, name, invalidate) ? 'deleted' : 'not_found',
  ]);
  return { deleted: Object.fromEntries(deleted), partial: false };
}
