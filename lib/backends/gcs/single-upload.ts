/** Small bodies: description and bytes in one request. */
import { randomUUID } from 'node:crypto';
import type { GcsAnswer, GcsApi } from './gcs-api.js';
import { GcsFailure } from './gcs-failure.js';
import { OBJECT_FIELDS, objectPath, type ObjectResource } from './object-resource.js';

export interface SingleUpload {
  readonly bucket: string;
  readonly key: string;
  /** The object resource as JSON, with the CRC32C that the service holds the bytes against. */
  readonly resource: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly crc32c: string;
  readonly ifGenerationMatch: string | undefined;
}

/**
 * Writes the object in one request. It cannot be called off once begun: a request that was cut off might still have
 * been carried out.
 */
export async function uploadSingle(api: GcsApi, upload: SingleUpload): Promise<ObjectResource> {
  const { bucket, key, resource, contentType, bytes, ifGenerationMatch } = upload;
  const boundary = randomUUID();
  const started = performance.now();
  try {
    const { value } = await api.json<ObjectResource>({
      method: 'POST',
      path: `/upload/storage/v1/b/${bucket}/o`,
      query: { uploadType: 'multipart', name: key, fields: OBJECT_FIELDS, ifGenerationMatch },
      headers: { 'content-type': `multipart/related; boundary=${boundary}` },
      body: [
        Buffer.from(
          `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n` +
            `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`,
        ),
        bytes,
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ],
    });
    return value;
  } catch (error) {
    const mine = error instanceof GcsFailure && error.uncertain ? await foundAsMine(api, upload, started) : undefined;
    if (mine) return mine;
    throw error;
  }
}

/**
 * The answer of an earlier try was lost, and a later one failed: perhaps on the object that the first had written.
 * It is ours if it was created while we were trying, by the service's own clock, with just these bytes.
 */
async function foundAsMine(api: GcsApi, upload: SingleUpload, started: number): Promise<ObjectResource | undefined> {
  try {
    const { value, answer } = await api.json<ObjectResource>({
      method: 'GET',
      path: objectPath(upload.bucket, upload.key),
      query: { fields: OBJECT_FIELDS },
    });
    if (value.crc32c !== upload.crc32c || Number(value.size) !== upload.bytes.byteLength) return undefined;
    const { metadata = {} } = JSON.parse(upload.resource) as { metadata?: Record<string, string> };
    const same = value.contentType === upload.contentType && sameEntries(value.metadata ?? {}, metadata);
    return same && createdSince(value, answer, performance.now() - started) ? value : undefined;
  } catch {
    // It cannot be told: the failure of the upload stands.
    return undefined;
  }
}

function createdSince(resource: ObjectResource, { response }: GcsAnswer, elapsed: number): boolean {
  const now = Date.parse(response.headers.date ?? '');
  // The Date header has whole seconds.
  return Date.parse(resource.timeCreated ?? '') >= now - elapsed - 1000;
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
