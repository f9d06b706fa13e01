/** Deleting many objects: batches of 1,000, with every failed key told. */
import { createHash } from 'node:crypto';
import type { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import type { DeleteManyResult, OperationOptions, StorageErrorDetails, StorageKey } from '../../contract/index.js';
import type { S3Connection } from './s3.connection.js';
import { toStorageError } from './s3.errors.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const BATCH = 1000;

// The SDK sends a CRC-32 only, which services that ask for Content-MD5 do not take for it:
// https://github.com/aws/aws-sdk-js-v3/issues/6920
function digestWithMd5(command: DeleteObjectsCommand): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const request = args.request as { headers: Record<string, string>; body: string | Uint8Array };
      for (const name of Object.keys(request.headers)) {
        if (/^x-amz-(?:sdk-)?checksum-/i.test(name)) delete request.headers[name];
      }
      request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'storageDeleteDigest' },
  );
}

async function deleteBatch(
  connection: S3Connection,
  keys: readonly StorageKey[],
  details: StorageErrorDetails,
  options: OperationOptions,
): Promise<DeleteManyResult> {
  const { bucket, dialect } = connection.settings;
  const answer = await connection.run(details, options, (client, sdk, send) => {
    const command = new sdk.DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
    });
    if (dialect.deleteDigest === 'md5') digestWithMd5(command);
    return client.send(command, send);
  });
  const failed = (answer.Errors ?? []).map(({ Key, Code, Message }) => ({
    key: Key as StorageKey,
    error: toStorageError(Object.assign(new Error(Message), { name: Code }), { details: { ...details, key: Key } }),
  }));
  const left = new Set<string>(failed.map(({ key }) => key));
  return { deleted: keys.filter((key) => !left.has(key)), failed };
}

/** A batch that fails as a whole counts its keys as failed and does not stop the others. */
export async function deleteMany(
  connection: S3Connection,
  keys: readonly StorageKey[],
  options: OperationOptions,
): Promise<DeleteManyResult> {
  const details = { operation: 'delete' as const, backend: 's3' };
  const deleted: StorageKey[] = [];
  const failed: { key: StorageKey; error: Error }[] = [];
  const unique = [...new Set(keys)];
  for (let at = 0; at < unique.length; at += BATCH) {
    const batch = unique.slice(at, at + BATCH);
    try {
      const result = await deleteBatch(connection, batch, details, options);
      deleted.push(...result.deleted);
      failed.push(...result.failed);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      failed.push(...batch.map((key) => ({ key, error: error as Error })));
    }
  }
  return { deleted, failed };
}
