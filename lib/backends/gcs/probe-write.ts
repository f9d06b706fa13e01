/** The write probe of the health check: one small object under one fixed hidden key, written, read and removed. */
import { buffer } from 'node:stream/consumers';
import { RESERVED_SEGMENT } from '../../contract/index.js';
import { isMissingObject } from './gcs-errors.js';
import { GcsFailure } from './gcs-failure.js';
import { objectPath } from './object-resource.js';
import type { ReadContext } from './read-object.js';
import { uploadSingle } from './single-upload.js';

const KEY = `${RESERVED_SEGMENT}/health`;
const BYTES = Buffer.from('ok');
const CONTENT_TYPE = 'text/plain';

/** Several instances may probe at once: each reads and removes its own generation, and finds nothing wrong if it is gone. */
export async function probeWrite({ api, crc32c, bucket }: ReadContext, signal?: AbortSignal): Promise<void> {
  const sum = crc32c();
  sum.update(BYTES);
  const { generation } = await uploadSingle(api, {
    bucket,
    key: KEY,
    resource: JSON.stringify({ name: KEY, contentType: CONTENT_TYPE, crc32c: sum.digest() }),
    contentType: CONTENT_TYPE,
    bytes: BYTES,
    crc32c: sum.digest(),
    ifGenerationMatch: undefined,
  });
  const path = objectPath(bucket, KEY);
  try {
    const { response } = await api.send({ method: 'GET', path, query: { alt: 'media', generation }, signal });
    const read = await buffer(response);
    if (!read.equals(BYTES))
      throw new GcsFailure({ method: 'GET', reason: 'wrongBytes', message: 'the probe differs' });
  } catch (error) {
    if (!isMissingObject(error)) throw error;
  } finally {
    await api.done({ method: 'DELETE', path, query: { ifGenerationMatch: generation }, accept: [204, 404, 412] });
  }
}
