/** What hands bytes out: the CDN, by signature or token, and the API's download, by signature and expiry. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { lookup } from 'mime-types';
import { checkedPublicId, RESOURCE_TYPES, TYPES, type Account, type StoredAsset } from './account.js';
import { onlyKnown, Refusal } from './exchange.js';
import { deliverySignature, same, tokenHmac } from './signatures.js';
import { checkSignature } from './upload-api.js';

const COMPONENT =
  /^(?:c_(?:scale|fit|limit|fill|pad|crop)|[wh]_[1-9]\d*|f_(?:auto|avif|gif|jpg|png|webp)|q_(?:auto|[1-9]\d?|100))$/;

interface DeliveryPath {
  readonly resourceType: string;
  readonly type: string;
  readonly signature: string | undefined;
  readonly transformation: string;
  readonly source: string;
}

/** `<resource type>/<type>/[s--...--/][<transformation>/]v<number>/<public id>[.<format>]` */
function parsePath(path: string): DeliveryPath {
  const match = /^([a-z]+)\/([a-z]+)\/(?:s--([\w-]+)--\/)?(?:(.+?)\/)?v\d{1,10}\/(.+)$/.exec(path);
  if (!match) throw new Refusal(400, `Invalid delivery path ${path}`);
  const [, resourceType = '', type = '', signature, transformation = '', source = ''] = match;
  if (!RESOURCE_TYPES.includes(resourceType)) throw new Refusal(400, `Invalid resource type ${resourceType}`);
  if (!TYPES.includes(type)) throw new Refusal(400, `Invalid type ${type}`);
  return { resourceType, type, signature, transformation, source };
}

function checkTransformation({ resourceType, transformation }: DeliveryPath): void {
  if (transformation === '') return;
  if (resourceType === 'raw') throw new Refusal(400, 'Raw files cannot be transformed');
  const parts = transformation.split(',');
  const names = parts.map((part) => part.slice(0, 2));
  if (!parts.every((part) => COMPONENT.test(part)) || new Set(names).size < names.length) {
    throw new Refusal(400, `Invalid transformation ${transformation}`);
  }
  if (names.includes('c_') && !names.includes('w_') && !names.includes('h_')) {
    throw new Refusal(400, 'A crop needs a width or a height');
  }
}

function checkToken(account: Account, token: string, pathname: string): void {
  const parts = /^exp=(\d+)~hmac=([0-9a-f]{64})$/.exec(token);
  if (!parts) throw new Refusal(401, 'Malformed auth token');
  const [, expiry = '', hmac = ''] = parts;
  if (!same(hmac, tokenHmac(expiry, pathname, account.settings.authTokenKey))) {
    throw new Refusal(401, 'Invalid auth token');
  }
  if (Number(expiry) < Date.now() / 1000) throw new Refusal(401, 'The auth token has expired');
}

/** @param path after the cloud name, as it stands in the URL */
export function handleDelivery(
  account: Account,
  url: URL,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const parsed = parsePath(path);
  onlyKnown(url.searchParams.keys(), ['__cld_token__']);
  checkTransformation(parsed);
  const { apiSecret, signatureAlgorithm } = account.settings;
  const token = url.searchParams.get('__cld_token__');
  if (token !== null) checkToken(account, token, url.pathname);
  else if (parsed.signature !== undefined) {
    const text = parsed.transformation === '' ? parsed.source : `${parsed.transformation}/${parsed.source}`;
    const expected = deliverySignature(text, apiSecret, signatureAlgorithm, parsed.signature.length === 32 ? 32 : 8);
    if (!same(parsed.signature, expected)) throw new Refusal(401, `Invalid signature s--${parsed.signature}--`);
  } else if (parsed.type !== 'upload' || parsed.transformation !== '') {
    throw new Refusal(401, 'A signature is required');
  }
  // Of images and videos the last extension is the format asked for.
  const source = decodeURIComponent(parsed.source);
  const dot = parsed.resourceType === 'raw' ? -1 : source.lastIndexOf('.');
  const publicId = dot < 0 ? source : source.slice(0, dot);
  const asset = account.deliver(path, account.find(parsed.resourceType, parsed.type, publicId));
  if (!asset) throw new Refusal(404, `Resource not found - ${publicId}`);
  const converted = dot >= 0 && source.slice(dot + 1) !== asset.format;
  sendBytes(asset, request, response, {
    etag: parsed.transformation === '' && !converted ? `"${asset.etag}"` : `"derived-${asset.etag}"`,
    'cache-control': 'private, no-transform, max-age=2592000',
    ...(parsed.transformation !== '' && { 'x-derived-by': parsed.transformation }),
  });
}

const DOWNLOAD = ['timestamp', 'public_id', 'format', 'type', 'attachment', 'expires_at', 'signature', 'api_key'];

export function handleDownload(
  account: Account,
  resourceType: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const fields = new Map<string, string>();
  onlyKnown(query.keys(), DOWNLOAD);
  for (const [name, value] of query) {
    if (fields.has(name)) throw new Refusal(400, `Parameter ${name} is given twice`);
    fields.set(name, value);
  }
  const expiry = fields.get('expires_at');
  checkSignature(fields, account, expiry === undefined ? 3600 : undefined);
  if (expiry !== undefined && Number(expiry) <= Date.now() / 1000) throw new Refusal(401, 'The link has expired');
  const type = fields.get('type') ?? 'private';
  const asset = account.get(resourceType, type, checkedPublicId(fields.get('public_id')));
  const format = fields.get('format') ?? '';
  // The service would convert: whoever asks for the original must name its format.
  if (format !== (asset.format ?? '')) {
    throw new Refusal(400, `The format of this file is ${asset.format ?? 'none'}, not ${format || 'none'}`);
  }
  const name = asset.publicId.slice(asset.publicId.lastIndexOf('/') + 1);
  sendBytes(asset, request, response, {
    etag: `"${asset.etag}"`,
    ...(fields.get('attachment') === 'true' && { 'content-disposition': `attachment; filename="${name}"` }),
  });
}

function sendBytes(
  asset: StoredAsset,
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  const { bytes, publicId, format, createdAt } = asset;
  const type = format === undefined ? lookup(publicId) : lookup(format);
  const common = {
    ...headers,
    'content-type': type || 'application/octet-stream',
    'last-modified': createdAt.toUTCString(),
    'accept-ranges': 'bytes',
  };
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  if (!range || (range[1] === '' && range[2] === '')) {
    response.writeHead(200, { ...common, 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
    return;
  }
  const start = range[1] === '' ? Math.max(0, bytes.length - Number(range[2])) : Number(range[1]);
  const end = range[1] === '' || range[2] === '' ? bytes.length - 1 : Math.min(Number(range[2]), bytes.length - 1);
  if (start > end || start >= bytes.length) {
    response.writeHead(416, { ...common, 'content-range': `bytes */${bytes.length}`, 'content-length': 0 }).end();
    return;
  }
  response.writeHead(206, {
    ...common,
    'content-range': `bytes ${start}-${end}/${bytes.length}`,
    'content-length': end - start + 1,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes.subarray(start, end + 1));
}
