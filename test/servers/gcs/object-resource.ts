/** Object resources: what clients may set, what the service answers, partial answers. */
import { badRequest } from './errors.js';
import type { LiveObject, ObjectFields } from './object-store.js';

const TEXT_FIELDS = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'customTime',
  'storageClass',
] as const;

export interface GivenResource {
  readonly name?: string;
  readonly fields: ObjectFields;
  readonly crc32c?: string;
  readonly md5Hash?: string;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string') throw badRequest(`Invalid value for: ${name} is not a string.`);
  return value;
}

function checkedMetadata(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('Invalid value for: metadata');
  let bytes = 0;
  for (const [name, entry] of Object.entries(value)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(textOf(entry, `metadata.${name}`));
  }
  if (bytes > 8192) throw badRequest('The total size of custom metadata exceeds 8192 bytes.');
  return value as Readonly<Record<string, string>>;
}

/** @throws Refusal for unknown fields, wrong types, ACLs (access is uniform here) */
export function givenResource(json: Record<string, unknown>): GivenResource {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === 'acl' || name === 'owner') {
      throw badRequest('Cannot insert legacy ACL for an object when uniform bucket-level access is enabled.');
    }
    if (name === 'metadata') fields.metadata = checkedMetadata(value);
    else if ((TEXT_FIELDS as readonly string[]).includes(name)) fields[name] = textOf(value, name);
    else if (!['name', 'bucket', 'crc32c', 'md5Hash', 'kind'].includes(name)) {
      throw badRequest(`Invalid JSON payload received. Unknown name "${name}": Cannot find field.`, 'badRequest');
    }
  }
  const { name, crc32c, md5Hash } = json as Record<string, string | undefined>;
  return { name, fields, crc32c, md5Hash };
}

/** https://cloud.google.com/storage/docs/objects#naming @throws Refusal */
export function checkedName(name: string | undefined): string {
  if (name === undefined || name === '') throw badRequest('Required', 'required');
  const length = Buffer.byteLength(name);
  const forbidden = name === '.' || name === '..' || /[\r\n]/.test(name) || !name.isWellFormed();
  if (length > 1024 || forbidden || name.startsWith('.well-known/acme-challenge/')) {
    throw badRequest(`Invalid argument: the object name is not valid.`);
  }
  return name;
}

export function resourceOf(object: LiveObject, origin: string): Record<string, unknown> {
  const { bucket, name, fields, bytes } = object;
  const generation = String(object.generation);
  const path = `/b/${bucket}/o/${encodeURIComponent(name)}`;
  return {
    kind: 'storage#object',
    id: `${bucket}/${name}/${generation}`,
    selfLink: `${origin}/storage/v1${path}`,
    mediaLink: `${origin}/download/storage/v1${path}?generation=${generation}&alt=media`,
    name,
    bucket,
    generation,
    metageneration: String(object.metageneration),
    storageClass: 'STANDARD',
    size: String(bytes.size),
    md5Hash: bytes.md5,
    crc32c: bytes.crc32c,
    etag: Buffer.from(`${generation}/${object.metageneration}`).toString('base64'),
    timeCreated: object.created.toISOString(),
    updated: object.updated.toISOString(),
    ...fields,
    ...(fields.metadata && Object.keys(fields.metadata).length === 0 && { metadata: undefined }),
  };
}
