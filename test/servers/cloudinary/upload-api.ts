/** The Upload API: upload (whole and in chunks), rename, destroy; every request signed. */
import type { IncomingHttpHeaders } from 'node:http';
import { checkedPublicId, RESOURCE_TYPES, TYPES, type Account, type StoredAsset } from './account.js';
import { onlyKnown, Refusal, type Form } from './exchange.js';
import { apiSignature, same, textToSign } from './signatures.js';

const HOUR = 3600;
const MIN_CHUNK = 5 * 1024 * 1024;
const MAX_CONTEXT_VALUE = 1024;
const COMMON = ['timestamp', 'signature', 'api_key', 'type'];
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  upload: ['public_id', 'overwrite', 'invalidate', 'unique_filename', 'use_filename', 'context', 'tags', ...COMMON],
  destroy: ['public_id', 'invalidate', ...COMMON],
  rename: ['from_public_id', 'to_public_id', 'overwrite', 'invalidate', ...COMMON],
};
const TRUE = new Set(['1', 'true']);
const FALSE = new Set(['0', 'false']);

/** @param maxAge seconds that the timestamp may be old; undefined where another parameter says when it ends */
export function checkSignature(fields: ReadonlyMap<string, string>, account: Account, maxAge?: number): void {
  const { apiKey, apiSecret, signatureAlgorithm } = account.settings;
  const key = fields.get('api_key');
  const signature = fields.get('signature');
  const timestamp = fields.get('timestamp') ?? '';
  if (key === undefined) throw new Refusal(401, 'Missing required parameter - api_key');
  if (key !== apiKey) throw new Refusal(401, `Unknown API key ${key}`);
  if (signature === undefined) throw new Refusal(401, 'Missing required parameter - signature');
  if (!/^\d{10}$/.test(timestamp)) throw new Refusal(400, 'Missing required parameter - timestamp');
  const text = textToSign(fields);
  if (!same(signature, apiSignature(text, apiSecret, signatureAlgorithm))) {
    throw new Refusal(401, `Invalid Signature ${signature}. String to sign - '${text}'.`);
  }
  const age = Date.now() / 1000 - Number(timestamp);
  if (maxAge === undefined) return;
  if (age > maxAge)
    throw new Refusal(400, `Stale request - reported time is ${timestamp} which is more than 1 hour ago`);
  if (age < -HOUR) throw new Refusal(400, `Invalid timestamp ${timestamp}: it lies in the future`);
}

function flag(fields: ReadonlyMap<string, string>, name: string, absent: boolean): boolean {
  const value = fields.get(name);
  if (value === undefined || value === '') return absent;
  if (!TRUE.has(value) && !FALSE.has(value)) throw new Refusal(400, `Invalid value for ${name}: ${value}`);
  return TRUE.has(value);
}

/** `key=value|key=value`, in which a backslash takes the meaning from "=", "|" and itself being one of the two. */
export function parseContext(text: string | undefined): Map<string, string> {
  const context = new Map<string, string>();
  if (text === undefined || text === '') return context;
  const pairs = text.split(/(?<!\\)\|/);
  if (pairs.length > 1000) throw new Refusal(400, 'Context has more than 1000 pairs');
  for (const pair of pairs) {
    const [key, value, ...rest] = pair.split(/(?<!\\)=/);
    if (!key || value === undefined || rest.length > 0) throw new Refusal(400, `Invalid context pair ${pair}`);
    if (value === '') throw new Refusal(400, `Context value of ${key} is empty`);
    const plain = value.replace(/\\([=|])/g, '$1');
    if (plain.length > MAX_CONTEXT_VALUE) throw new Refusal(400, `Context value of ${key} is too long`);
    if (/[\p{Cc}]/u.test(plain.replaceAll('\n', '')))
      throw new Refusal(400, `Context value of ${key} has control characters`);
    if (context.has(key)) throw new Refusal(400, `Context key ${key} is given twice`);
    context.set(key, plain);
  }
  return context;
}

/** The format that the bytes show; images and videos must show one. */
function formatOf(resourceType: string, bytes: Buffer): string | undefined {
  if (resourceType === 'raw') return undefined;
  const head = bytes.subarray(0, 12).toString('hex');
  const known = [
    ['image', 'png', /^89504e470d0a1a0a/],
    ['image', 'jpg', /^ffd8ff/],
    ['image', 'gif', /^474946383[79]61/],
    ['image', 'webp', /^52494646.{8}57454250/],
    ['video', 'mp4', /^.{8}66747970/],
    ['video', 'mp3', /^494433/],
    ['video', 'webm', /^1a45dfa3/],
  ] as const;
  const found = known.find(([kind, , pattern]) => kind === resourceType && pattern.test(head));
  if (!found)
    throw new Refusal(400, resourceType === 'image' ? 'Invalid image file' : 'Unsupported video format or file');
  return found[1];
}

function describe(asset: StoredAsset): Record<string, unknown> {
  return {
    asset_id: asset.assetId,
    public_id: asset.publicId,
    ...(asset.format !== undefined && { format: asset.format }),
    version: asset.version,
    resource_type: asset.resourceType,
    type: asset.type,
    created_at: asset.createdAt.toISOString().replace(/\.\d+Z$/, 'Z'),
    bytes: asset.bytes.length,
    etag: asset.etag,
    tags: [],
    ...(asset.context.size > 0 && { context: { custom: Object.fromEntries(asset.context) } }),
  };
}

interface UploadRequest {
  readonly resourceType: string;
  readonly action: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: Form;
}

/** @returns the JSON of the answer */
export function handleUploadApi(account: Account, request: UploadRequest): unknown {
  const { resourceType, action, form } = request;
  const { fields } = form;
  if (!RESOURCE_TYPES.includes(resourceType)) throw new Refusal(400, `Unsupported resource type ${resourceType}`);
  const known = PARAMETERS[action];
  if (!known) throw new Refusal(404, `Unknown action ${action}`);
  onlyKnown(fields.keys(), known);
  checkSignature(fields, account, HOUR);
  const type = fields.get('type') ?? 'upload';
  if (!TYPES.includes(type)) throw new Refusal(400, `Invalid type ${type}`);
  const invalidate = flag(fields, 'invalidate', false);
  if (action === 'upload') return upload(account, request, type, invalidate);
  if (form.file) throw new Refusal(400, `Unexpected file in ${action}`);
  if (action === 'destroy') {
    const gone = account.remove(resourceType, type, checkedPublicId(fields.get('public_id')), invalidate);
    return { result: gone ? 'ok' : 'not found' };
  }
  const from = account.get(resourceType, type, checkedPublicId(fields.get('from_public_id'), 'from_public_id'));
  const to = checkedPublicId(fields.get('to_public_id'), 'to_public_id');
  if (account.find(resourceType, type, to) && !flag(fields, 'overwrite', false)) {
    throw new Refusal(400, `to_public_id(${to}) already exists`);
  }
  return describe(account.rename(from, to, invalidate));
}

function upload(account: Account, { resourceType, headers, form }: UploadRequest, type: string, invalidate: boolean) {
  const { fields, file } = form;
  const publicId = checkedPublicId(fields.get('public_id'));
  const context = parseContext(fields.get('context'));
  flag(fields, 'unique_filename', true);
  flag(fields, 'use_filename', false);
  const overwrite = flag(fields, 'overwrite', true);
  if (!file) throw new Refusal(400, 'Missing required parameter - file');
  const bytes = wholeFile(account, headers, file.bytes, `${resourceType}/${type}/${publicId}`);
  if (bytes === undefined) {
    return { done: false, kind: 'upload', public_id: publicId, resource_type: resourceType, type };
  }
  const { maxFileBytes } = account.settings;
  if (bytes.length === 0) throw new Refusal(400, 'Empty file');
  if (bytes.length > maxFileBytes) {
    throw new Refusal(400, `File size too large. Got ${bytes.length}. Maximum is ${maxFileBytes}.`);
  }
  const format = formatOf(resourceType, bytes);
  const old = account.find(resourceType, type, publicId);
  // Without overwrite the old asset is the answer, and a success.
  if (old && !overwrite) return { ...describe(old), existing: true };
  return describe(account.store({ resourceType, type, publicId, bytes, format, context }, invalidate));
}

/** Undefined while parts are missing. */
function wholeFile(account: Account, headers: IncomingHttpHeaders, bytes: Buffer, name: string): Buffer | undefined {
  const uploadId = headers['x-unique-upload-id'];
  const given = headers['content-range'];
  if (uploadId === undefined && given === undefined) return bytes;
  if (typeof uploadId !== 'string' || uploadId === '') throw new Refusal(400, 'Content-Range needs X-Unique-Upload-Id');
  const range = /^bytes (\d+)-(\d+)\/(-1|\d+)$/.exec(given ?? '');
  if (!range) throw new Refusal(400, `Invalid Content-Range ${given}`);
  const [start, end, total] = [Number(range[1]), Number(range[2]), Number(range[3])];
  const id = `${uploadId} ${name}`;
  const open = account.uploads.get(id) ?? { chunks: [], received: 0 };
  if (end - start + 1 !== bytes.length)
    throw new Refusal(400, `Content-Range ${given} is not of ${bytes.length} bytes`);
  if (start !== open.received) throw new Refusal(400, `Expected a chunk at ${open.received}, got one at ${start}`);
  const last = end + 1 === total;
  if (total !== -1 && end + 1 > total) throw new Refusal(400, `Content-Range ${given} ends after its total`);
  if (!last && bytes.length < MIN_CHUNK) throw new Refusal(400, 'All parts except EOF-chunk must be larger than 5mb');
  open.chunks.push(bytes);
  open.received += bytes.length;
  if (!last) {
    account.uploads.set(id, open);
    return undefined;
  }
  account.uploads.delete(id);
  return Buffer.concat(open.chunks);
}
