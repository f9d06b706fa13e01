/** Small bodies: description and bytes in one request. */
import { randomUUID } from 'node:crypto';
import type { GcsApi } from './gcs-api.js';
import { OBJECT_FIELDS, sameObject, type ObjectResource } from './object-resource.js';
import { settledWrite } from './settled-write.js';

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
export function uploadSingle(api: GcsApi, upload: SingleUpload): Promise<ObjectResource> {
  const { bucket, key, resource, contentType, bytes, crc32c, ifGenerationMatch } = upload;
  const boundary = randomUUID();
  const body = [
    Buffer.from(
      `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${resource}\r\n` +
        `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`,
    ),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ];
  return settledWrite({
    api,
    bucket,
    key,
    ifGenerationMatch,
    send: async ({ ifGenerationMatch: condition, ...how }) => {
      const { value } = await api.json<ObjectResource>({
        method: 'POST',
        path: `/upload/storage/v1/b/${bucket}/o`,
        query: { uploadType: 'multipart', name: key, fields: OBJECT_FIELDS, ifGenerationMatch: condition },
        headers: { 'content-type': `multipart/related; boundary=${boundary}` },
        body,
        ...how,
      });
      return value;
    },
    isOurs: (found) => {
      const sent = JSON.parse(resource) as ObjectResource;
      return sameObject(found, { ...sent, size: String(bytes.byteLength), crc32c });
    },
  });
}
