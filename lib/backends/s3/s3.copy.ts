/** Copies and moves inside the store: in one request, or part by part above what one request may take. */
import {
  StorageUnavailableError,
  type CopyOptions,
  type ObjectInfo,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { copyParts } from './copy-parts.js';
import {
  foreignFacts,
  orSourceChanged,
  sourceFields,
  SourceChanged,
  type CopyRequest,
  type Source,
} from './copy-source.js';
import type { UploadKeeper } from './multipart-upload.js';
import { assertHolds, conditionFields, hasConditions, newObject, type NewObject } from './new-object.js';
import { bareEtag } from './object-facts.js';
import type { S3Connection } from './s3.connection.js';
import { mayHaveWorked } from './s3.errors.js';

const TRIES = 5;

/** The facts of the source with the mark of this write, by which a retried request knows its own work. */
function markedFacts({ request }: NewObject, source: Source) {
  const { ContentType, CacheControl, ContentDisposition, Metadata } = request;
  return {
    MetadataDirective: 'REPLACE' as const,
    ContentType,
    CacheControl,
    ContentDisposition,
    Metadata,
    ...foreignFacts(source),
  };
}

async function copyWhole(
  connection: S3Connection,
  request: CopyRequest,
  source: Source,
  keeper: UploadKeeper,
): Promise<ObjectInfo> {
  const { operation, from, to, options } = request;
  const { bucket, dialect, newObject: facts } = connection.settings;
  const details: StorageErrorDetails = { operation, backend: 's3', key: to };
  assertHolds(dialect, 'copy', options, details);
  const { ServerSideEncryption, SSEKMSKeyId, StorageClass, ACL } = facts;
  const marked = hasConditions(options)
    ? newObject(connection.settings, to, { ...source.info, ...options }, details)
    : undefined;
  try {
    const answer = await connection.run(details, { signal: options.signal, conditions: options }, (client, sdk, send) =>
      client.send(
        new sdk.CopyObjectCommand({
          Bucket: bucket,
          Key: to,
          ...sourceFields(connection, from, source),
          ...conditionFields(dialect, options),
          ...(marked && markedFacts(marked, source)),
          ServerSideEncryption,
          SSEKMSKeyId,
          StorageClass,
          ACL,
        }),
        send,
      ),
    );
    const { ETag, LastModified } = answer.CopyObjectResult ?? {};
    return { ...source.info, key: to, etag: bareEtag(ETag), lastModified: LastModified ?? new Date() };
  } catch (error) {
    const found = marked && mayHaveWorked(error) ? await keeper.look(marked) : undefined;
    if (marked && found?.mark === marked.mark) return found.info;
    throw orSourceChanged(error, options);
  }
}

/** @param stat looks at the source, and is asked again when it has changed meanwhile */
export async function copyObject(
  connection: S3Connection,
  request: CopyRequest,
  stat: () => Promise<Source>,
  keeper: UploadKeeper,
): Promise<ObjectInfo> {
  for (let tries = 1; ; tries++) {
    const source = await stat();
    try {
      const { copyLimit } = connection.settings;
      if (source.info.size <= copyLimit) return await copyWhole(connection, request, source, keeper);
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
