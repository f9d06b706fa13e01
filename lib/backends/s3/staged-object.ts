/** A body that was taken in, waiting to be published or thrown away. */
import { OperationAbortedError, type ObjectInfo, type StagedObject } from '../../contract/index.js';
import type { ChunkList } from './chunk-list.js';
import { tagPublished } from './multipart-tags.js';
import type { MultipartUpload, UploadKeeper } from './multipart-upload.js';
import { assertHolds, conditionFields, hasConditions, type NewObject } from './new-object.js';
import { bareEtag } from './object-facts.js';
import { directPut, directVersion } from './direct-put.js';
import { goOnFrom, succeeded } from './direct-request.js';
import { attachBody, watchDate } from './request-body.js';
import type { S3Connection } from './s3.connection.js';
import { mayHaveWorked } from './s3.errors.js';
import type { Taken } from './upload.js';

type Version = Pick<ObjectInfo, 'etag' | 'lastModified'>;

function version({ etag, lastModified }: Version): Version {
  return { etag, lastModified };
}

async function putHeld(
  connection: S3Connection,
  object: NewObject,
  keeper: UploadKeeper,
  body: ChunkList,
): Promise<Version> {
  const { details, options, request } = object;
  const { dialect } = connection.settings;
  assertHolds(dialect, 'single', options, details);
  try {
    // The caller's signal has no say here: whether the object is visible would not be known.
    return await connection.run(details, { conditions: options }, async (client, sdk) => {
      const conditions = conditionFields(dialect, options);
      const attempt = await connection.direct.attempt(
        { method: 'PUT', key: object.key, ...directPut(object, conditions, body) },
        details,
        undefined,
      );
      const response = succeeded(attempt);
      if (response) return directVersion(response);
      const command = new sdk.PutObjectCommand({ ...request, ContentLength: body.size, ...conditions });
      attachBody(command, () => body.stream(), body.headers());
      goOnFrom(command, attempt);
      const date = watchDate(command);
      const answer = await client.send(command);
      return { etag: bareEtag(answer.ETag), lastModified: date() };
    });
  } catch (error) {
    // The first of several tries may have done the work, and its own object be what the next one met.
    if (!hasConditions(options) || !mayHaveWorked(error)) throw error;
    const found = await keeper.look(object);
    if (found?.mark !== object.mark) throw error;
    return found!.info;
  }
}

async function publishUpload(
  connection: S3Connection,
  object: NewObject,
  keeper: UploadKeeper,
  upload: MultipartUpload,
): Promise<Version> {
  try {
    const etag = await upload.complete();
    await tagPublished(connection, object);
    // Only the store knows the date that it gave to the object. A look that fails takes nothing from the write.
    const found = await keeper.look(object);
    const ours = etag === '' ? found?.mark === object.mark : found?.info.etag === etag;
    return ours ? found!.info : { etag, lastModified: new Date() };
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

export function stagedObject(
  connection: S3Connection,
  object: NewObject,
  keeper: UploadKeeper,
  taken: Taken,
): StagedObject {
  const { key, options, details } = object;
  const { contentType, metadata, cacheControl, contentDisposition, signal } = options;
  const info = { key, size: taken.size, contentType, metadata: { ...metadata }, cacheControl, contentDisposition };
  let outcome: Promise<ObjectInfo> | undefined;
  let aborted: Promise<void> | undefined;

  const discard = async () => {
    if ('held' in taken) taken.release();
    else await taken.upload.abort();
  };
  const publish = async (): Promise<ObjectInfo> => {
    if (aborted || signal?.aborted) {
      await (aborted ?? discard());
      throw new OperationAbortedError({ ...details, cause: signal?.reason });
    }
    if (!('held' in taken)) {
      const published = await publishUpload(connection, object, keeper, taken.upload);
      return { ...info, ...version(published) };
    }
    try {
      return { ...info, ...version(await putHeld(connection, object, keeper, taken.held)) };
    } finally {
      taken.release();
    }
  };
  return {
    info,
    commit: () => {
      outcome ??= publish();
      return outcome;
    },
    abort: async () => {
      if (outcome) return;
      aborted ??= discard();
      await aborted;
    },
  };
}
