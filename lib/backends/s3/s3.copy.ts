/** Copies and moves inside the store: in one request, or part by part above what one request can copy. */
import {
  PreconditionFailedError,
  StorageUnavailableError,
  type CopyOptions,
  type ObjectInfo,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { MultipartUpload, type UploadKeeper } from './multipart-upload.js';
import { assertHolds, conditionFields, hasConditions, newObject } from './new-object.js';
import { bareEtag, etagCondition } from './object-facts.js';
import type { S3Connection } from './s3.connection.js';
import { MAX_PARTS } from './s3.settings.js';
import { encodedPath } from './url-path.js';

const MIB = 1024 * 1024;
/** Parts of a copy are moved by the store itself, so they may be large. */
const COPY_PART_BYTES = 256 * MIB;
const TRIES = 5;

export interface CopyRequest {
  /** What the caller asked for, as errors tell it. */
  readonly operation: 'copy' | 'move';
  readonly from: StorageKey;
  readonly to: StorageKey;
  readonly options: CopyOptions;
}

/** The source was overwritten between the look at it and the copy. */
class SourceChanged extends Error {}

function sourceOf(connection: S3Connection, from: StorageKey): string {
  return `${connection.settings.bucket}/${encodedPath(from)}`;
}

function orSourceChanged(error: unknown, options: CopyOptions): unknown {
  if (!(error instanceof PreconditionFailedError)) return error;
  const { Condition } = (error.cause ?? {}) as { Condition?: string };
  return !hasConditions(options) || Condition?.includes('copy-source') ? new SourceChanged() : error;
}

async function copyWhole(connection: S3Connection, request: CopyRequest, source: ObjectInfo): Promise<ObjectInfo> {
  const { operation, from, to, options } = request;
  const { bucket, dialect, newObject: facts } = connection.settings;
  const details: StorageErrorDetails = { operation, backend: 's3', key: to };
  assertHolds(dialect, 'copy', options, details);
  const { ServerSideEncryption, SSEKMSKeyId, StorageClass, ACL } = facts;
  try {
    const answer = await connection.run(details, { signal: options.signal, conditions: options }, (client, sdk, send) =>
      client.send(
        new sdk.CopyObjectCommand({
          Bucket: bucket,
          Key: to,
          CopySource: sourceOf(connection, from),
          CopySourceIfMatch: etagCondition(dialect, source.etag),
          ...conditionFields(dialect, options),
          ServerSideEncryption,
          SSEKMSKeyId,
          StorageClass,
          ACL,
        }),
        send,
      ),
    );
    const { ETag, LastModified } = answer.CopyObjectResult ?? {};
    return { ...source, key: to, etag: bareEtag(ETag), lastModified: LastModified ?? new Date() };
  } catch (error) {
    throw orSourceChanged(error, options);
  }
}

async function copyParts(
  connection: S3Connection,
  request: CopyRequest,
  source: ObjectInfo,
  stat: () => Promise<ObjectInfo>,
  keeper: UploadKeeper,
): Promise<ObjectInfo> {
  const { operation, from, to, options } = request;
  const { dialect, copyLimit } = connection.settings;
  const details: StorageErrorDetails = { operation, backend: 's3', key: to };
  assertHolds(dialect, 'multipart', options, details);
  const object = newObject(connection.settings, to, { ...source, ...options }, details);
  const upload = new MultipartUpload(connection, object, keeper);
  const least = Math.ceil(source.size / MAX_PARTS / MIB) * MIB;
  const bytes = Math.max(Math.min(copyLimit, COPY_PART_BYTES), least);
  const CopySource = sourceOf(connection, from);
  const CopySourceIfMatch = dialect.partCopyConditions ? etagCondition(dialect, source.etag) : undefined;
  let copied = false;
  try {
    await upload.begin();
    for (let start = 0; start < source.size; start += bytes) {
      const end = Math.min(start + bytes, source.size) - 1;
      await upload.copyPart({ CopySource, CopySourceIfMatch, CopySourceRange: `bytes=${start}-${end}` });
    }
    await upload.settle();
    // Parts of one version only are between two looks that saw the same.
    if (!dialect.partCopyConditions && (await stat()).etag !== source.etag) throw new SourceChanged();
    copied = true;
    const etag = await upload.complete();
    const published = await keeper.look(object);
    return published?.info.etag === etag ? published.info : { ...source, key: to, etag, lastModified: new Date() };
  } catch (error) {
    await upload.abort();
    throw copied ? error : orSourceChanged(error, {});
  }
}

/** @param stat looks at the source, and is asked again when it has changed meanwhile */
export async function copyObject(
  connection: S3Connection,
  request: CopyRequest,
  stat: () => Promise<ObjectInfo>,
  keeper: UploadKeeper,
): Promise<ObjectInfo> {
  for (let tries = 1; ; tries++) {
    const source = await stat();
    try {
      if (source.size <= connection.settings.copyLimit) return await copyWhole(connection, request, source);
      return await copyParts(connection, request, source, stat, keeper);
    } catch (error) {
      if (!(error instanceof SourceChanged)) throw error;
      if (tries < TRIES) continue;
      throw new StorageUnavailableError({
        operation: request.operation,
        backend: 's3',
        key: request.from,
        reason: `the source changed ${TRIES} times while it was copied`,
      });
    }
  }
}

/** What makes a move of a copy. S3 has no condition on deletes that all services hold. */
export async function removeSource(
  connection: S3Connection,
  from: StorageKey,
  { signal }: Pick<CopyOptions, 'signal'>,
): Promise<void> {
  const details: StorageErrorDetails = {
    operation: 'move',
    backend: 's3',
    key: from,
    advice: 'The object is under its new key already, and still under this one: delete it here, or move it again.',
  };
  const { bucket } = connection.settings;
  await connection.run(details, { signal }, (client, sdk, send) =>
    client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: from }), send),
  );
}
