/** Uploads in one request, and the start of resumable ones. */
import { parsedObject, type Call, type Query } from './call.js';
import { assertSums, sumsOfHeader } from './checksums.js';
import type { ServerContext } from './context.js';
import { badRequest, sendJson } from './errors.js';
import { arrived, type UploadFault } from './faults.js';
import { checkedName, givenResource, resourceOf, type GivenResource } from './object-resource.js';
import { assertFields, OBJECT, partial } from './partial-answer.js';
import { assertPreconditions, TARGET_CONDITIONS } from './preconditions.js';
import { StoredBytes } from './stored-bytes.js';

const PARAMETERS = ['uploadType', 'name', 'predefinedAcl', 'projection', 'contentEncoding', ...TARGET_CONDITIONS];

interface Part {
  readonly type: string;
  readonly body: Buffer;
}

/** The two parts of multipart/related. @throws Refusal for anything but that */
function partsOf(bytes: Buffer, contentType: string): readonly [Part, Part] {
  const boundary = /^multipart\/related;\s*boundary=("?)([^";]+)\1$/i.exec(contentType)?.[2];
  if (boundary === undefined) throw badRequest('Bad content type. Please use multipart.', 'badContent');
  const malformed = badRequest('Missing end boundary in multipart body.', 'badContent');
  const opening = Buffer.from(`--${boundary}\r\n`);
  const between = Buffer.from(`\r\n--${boundary}`);
  if (!bytes.subarray(0, opening.length).equals(opening)) throw malformed;
  const parts: Part[] = [];
  let at = opening.length;
  for (;;) {
    const blank = bytes.indexOf('\r\n\r\n', at);
    const end = bytes.indexOf(between, blank);
    if (blank < 0 || end < 0) throw malformed;
    const type = /^content-type:\s*(.+)$/im.exec(bytes.toString('latin1', at, blank))?.[1]?.trim();
    if (type === undefined) throw badRequest('Content-Type of a part is missing.', 'badContent');
    parts.push({ type, body: bytes.subarray(blank + 4, end) });
    const after = bytes.toString('latin1', end + between.length, end + between.length + 4);
    at = end + between.length + 2;
    if (after.startsWith('--')) break;
    if (!after.startsWith('\r\n')) throw malformed;
  }
  const [first, second] = parts;
  if (parts.length !== 2 || !/^application\/json\b/.test(first!.type)) {
    throw badRequest('Multipart must contain exactly two parts, the first of them JSON.', 'badContent');
  }
  return [first!, second!];
}

function nameOf(query: Query, resource: GivenResource): string {
  if (query.name !== undefined && resource.name !== undefined && query.name !== resource.name) {
    throw badRequest('Value of the name parameter differs from the name of the resource.');
  }
  return checkedName(query.name ?? resource.name);
}

function checkedQuery(call: Call): Query {
  const query = call.query(PARAMETERS);
  assertFields(query.fields, OBJECT);
  if (query.predefinedAcl !== undefined) {
    throw badRequest('Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.');
  }
  return query;
}

async function insert(
  context: ServerContext,
  call: Call,
  bucket: string,
  query: Query,
  parts: readonly [Part, Part],
  fault: UploadFault | undefined,
) {
  const resource = givenResource(parsedObject(parts[0].body));
  const name = nameOf(query, resource);
  const bytes = StoredBytes.of(context.folder, arrived(parts[1].body, fault));
  if (fault !== 'store-other-bytes') assertSums(bytes, resource, sumsOfHeader(call.header('x-goog-hash')));
  assertPreconditions(context.store.find(bucket, name), query, false);
  const fields = { contentType: parts[1].type, ...resource.fields };
  const object = context.store.publish(bucket, name, fields, bytes);
  sendJson(call.res, 200, partial(resourceOf(object, context.origin), query.fields, OBJECT));
}

export async function postUpload(
  context: ServerContext,
  call: Call,
  bucket: string,
  fault?: UploadFault,
): Promise<void> {
  const query = checkedQuery(call);
  context.store.bucket(bucket);
  const type = call.header('content-type') ?? '';
  if (query.uploadType === 'multipart') {
    return insert(context, call, bucket, query, partsOf(await call.body(), type), fault);
  }
  if (query.uploadType === 'media') {
    const media = { type: type || 'application/octet-stream', body: await call.body() };
    return insert(context, call, bucket, query, [{ type: 'application/json', body: Buffer.from('{}') }, media], fault);
  }
  if (query.uploadType !== 'resumable') throw badRequest(`Invalid value for uploadType: ${query.uploadType}`);
  const resource = givenResource(await call.jsonBody());
  const name = nameOf(query, resource);
  const length = call.header('x-upload-content-length');
  if (length !== undefined && !/^[0-9]+$/.test(length)) throw badRequest('Invalid X-Upload-Content-Length.');
  assertPreconditions(context.store.find(bucket, name), query, false);
  const contentType = call.header('x-upload-content-type') ?? 'application/octet-stream';
  const id = context.sessions.start({
    bucket,
    name,
    query,
    resource: { ...resource, fields: { contentType, ...resource.fields } },
    total: length === undefined ? undefined : Number(length),
  });
  const location = `${context.origin}/upload/storage/v1/b/${bucket}/o?uploadType=resumable&upload_id=${id}`;
  call.res.writeHead(200, { location, 'x-guploader-uploadid': id, 'content-length': '0' }).end();
}
