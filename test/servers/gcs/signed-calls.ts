/** The XML API as far as signed URLs reach: GET, HEAD and PUT of one object, with what their signature binds. */
import { createHash } from 'node:crypto';
import type { Call } from './call.js';
import { assertSums, sumsOfHeader } from './checksums.js';
import type { ServerContext } from './context.js';
import { Refusal } from './errors.js';
import { sendMedia } from './media.js';
import { checkedName } from './object-resource.js';
import { StoredBytes } from './stored-bytes.js';
import { verifyV4 } from './v4-verifier.js';

/** Host without its port, as signers write it (the service itself has none). */
function signedHeaders(call: Call): Record<string, string | undefined> {
  const headers = Object.fromEntries(Object.keys(call.req.headers).map((name) => [name, call.header(name)]));
  return { ...headers, host: call.header('host')?.replace(/:\d+$/, '') };
}

function xmlRefusal(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error;
  const codes: Record<string, string> = { conditionNotMet: 'PreconditionFailed', invalid: 'InvalidArgument' };
  const missing = /bucket does not exist/.test(error.message) ? 'NoSuchBucket' : 'NoSuchKey';
  const code = error.reason === 'notFound' ? missing : (codes[error.reason] ?? error.reason);
  return new Refusal(error.status, code, error.message, error.headers);
}

export async function answerSigned(context: ServerContext, call: Call): Promise<void> {
  try {
    const { method, rawPath: path, rawQuery } = call;
    const query = verifyV4({ method, path, rawQuery, headers: signedHeaders(call) }, context.account, context.now());
    const [, bucket = '', ...rest] = decodeURIComponent(path).split('/');
    const name = checkedName(rest.join('/'));
    if (method === 'PUT') return await put(context, call, bucket, name);
    if (method !== 'GET' && method !== 'HEAD') throw new Refusal(405, 'MethodNotAllowed', 'Not here.');
    await get(context, call, bucket, name, query);
  } catch (error) {
    throw xmlRefusal(error);
  }
}

async function get(
  context: ServerContext,
  call: Call,
  bucket: string,
  name: string,
  query: ReadonlyMap<string, string>,
): Promise<void> {
  const object = context.store.find(bucket, name);
  const generation = query.get('generation');
  if (!object || (generation !== undefined && generation !== String(object.generation))) {
    throw new Refusal(404, 'NoSuchKey', 'The specified key does not exist.');
  }
  const overrides: Record<string, string> = { etag: `"${Buffer.from(object.bytes.md5, 'base64').toString('hex')}"` };
  for (const [key, value] of Object.entries(object.fields.metadata ?? {})) {
    if (/^[\x20-\x7e]*$/.test(value)) overrides[`x-goog-meta-${key}`] = value;
  }
  for (const header of ['content-disposition', 'content-type']) {
    const value = query.get(`response-${header}`);
    if (value !== undefined) overrides[header] = value;
  }
  await sendMedia(call, object, overrides);
}

function assertLength(call: Call, length: number): void {
  const bound = call.header('x-goog-content-length-range');
  if (bound === undefined) return;
  const [, least, most] = /^(\d+),(\d+)$/.exec(bound) ?? [];
  if (least === undefined) throw new Refusal(400, 'InvalidArgument', 'x-goog-content-length-range is malformed.');
  if (length > Number(most)) throw new Refusal(400, 'EntityTooLarge', 'The upload is too large.');
  if (length < Number(least)) throw new Refusal(400, 'EntityTooSmall', 'The upload is too small.');
}

async function put(context: ServerContext, call: Call, bucket: string, name: string): Promise<void> {
  const announced = call.header('content-length');
  if (announced !== undefined) assertLength(call, Number(announced));
  const objects = context.store.bucket(bucket);
  const body = await call.body();
  assertLength(call, body.length);
  const hash = call.header('x-goog-content-sha256');
  if (hash !== undefined && hash !== 'UNSIGNED-PAYLOAD' && createHash('sha256').update(body).digest('hex') !== hash) {
    throw new Refusal(400, 'XAmzContentSHA256Mismatch', 'The payload is not the signed one.');
  }
  const bytes = StoredBytes.of(context.folder, body);
  const md5 = call.header('content-md5');
  assertSums(bytes, sumsOfHeader(call.header('x-goog-hash')), md5 === undefined ? {} : { md5Hash: md5 });
  const wanted = call.header('x-goog-if-generation-match');
  if (wanted !== undefined && wanted !== String(objects.get(name)?.generation ?? 0n)) {
    throw new Refusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold.');
  }
  const metadata = Object.fromEntries(
    Object.keys(call.req.headers)
      .filter((header) => header.startsWith('x-goog-meta-'))
      .map((header) => [header.slice('x-goog-meta-'.length), call.header(header)!]),
  );
  const contentType = call.header('content-type') ?? 'application/octet-stream';
  const object = context.store.publish(
    bucket,
    name,
    {
      contentType,
      ...(Object.keys(metadata).length > 0 && { metadata }),
      ...(call.header('cache-control') && { cacheControl: call.header('cache-control') }),
      ...(call.header('content-disposition') && { contentDisposition: call.header('content-disposition') }),
    },
    bytes,
  );
  const etag = `"${Buffer.from(object.bytes.md5, 'base64').toString('hex')}"`;
  call.res.writeHead(200, { etag, 'x-goog-generation': String(object.generation), 'content-length': '0' }).end();
}
