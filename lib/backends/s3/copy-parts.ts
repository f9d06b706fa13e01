/** A copy of what is too large for one request: the store fills the parts of an upload from the source. */
import type { ObjectInfo, StorageErrorDetails } from '../../contract/index.js';
import {
  foreignFacts,
  orSourceChanged,
  sourceFields,
  SourceChanged,
  tagsOf,
  type CopyRequest,
  type Source,
} from './copy-source.js';
import { tagPublished } from './multipart-tags.js';
import { MultipartUpload, type UploadKeeper } from './multipart-upload.js';
import { assertHolds, newObject } from './new-object.js';
import type { S3Connection } from './s3.connection.js';
import { MAX_PARTS } from './s3.settings.js';

const MIB = 1024 * 1024;
/** The store is silent while it copies a part: each has to be done well within the idle time-out. */
const COPY_PART_BYTES = 64 * MIB;

export async function copyParts(
  connection: S3Connection,
  request: CopyRequest,
  source: Source,
  stat: () => Promise<Source>,
  keeper: UploadKeeper,
): Promise<ObjectInfo> {
  const { operation, from, to, options } = request;
  const { dialect, copyLimit } = connection.settings;
  const details: StorageErrorDetails = { operation, backend: 's3', key: to };
  assertHolds(dialect, 'multipart', options, details);
  const { info } = source;
  const plain = newObject(connection.settings, to, { ...info, ...options }, details);
  const made = { ...plain.request, ...foreignFacts(source), Tagging: await tagsOf(connection, request) };
  const object = { ...plain, request: made };
  const upload = new MultipartUpload(connection, object, keeper);
  const least = Math.ceil(info.size / MAX_PARTS / MIB) * MIB;
  const bytes = Math.max(Math.min(copyLimit, COPY_PART_BYTES), least);
  const { CopySource, CopySourceIfMatch } = sourceFields(connection, from, source);
  const version = { CopySource, CopySourceIfMatch: dialect.partCopyConditions ? CopySourceIfMatch : undefined };
  let copied = false;
  try {
    await upload.begin();
    for (let start = 0; start < info.size; start += bytes) {
      const end = Math.min(start + bytes, info.size) - 1;
      await upload.copyPart({ ...version, CopySourceRange: `bytes=${start}-${end}` });
    }
    await upload.settle();
    // Parts of one version only are between two looks that saw the same.
    if (!dialect.partCopyConditions && (await stat()).info.etag !== info.etag) throw new SourceChanged();
    copied = true;
    const etag = await upload.complete();
    await tagPublished(connection, object);
    const published = await keeper.look(object);
    return published?.info.etag === etag ? published.info : { ...info, key: to, etag, lastModified: new Date() };
  } catch (error) {
    await upload.abort();
    throw copied ? error : orSourceChanged(error, {});
  }
}
