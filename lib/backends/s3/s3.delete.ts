/** Deleting many objects: batches of 1,000, with every failed key told. */
import { createHash } from 'node:crypto';
import type { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import type { DeleteManyResult, OperationOptions, StorageErrorDetails, StorageKey } from '../../contract/index.js';
import type { S3Connection } from './s3.connection.js';
import { toStorageError } from './s3.errors.js';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
const BATCH = 1000;
/** Characters that keys may have and XML may not (https://www.w3.org/TR/xml/#charsets): a batch would fail as a whole. */
const NOT_IN_XML = /[\uFFFE\uFFFF]/;
/** Requests for one key each that are on their way at once. */
const SINGLY_AT_ONCE = 8;

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

type Delete = (
  connection: S3Connection,
  keys: readonly StorageKey[],
  details: StorageErrorDetails,
  options: OperationOptions,
) => Promise<DeleteManyResult>;

const deleteBatch: Delete = async (connection, keys, details, options) => {
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
};

const deleteSingly: Delete = async (connection, keys, details, options) => {
  const { bucket } = connection.settings;
  const deleteOne = (key: StorageKey) =>
    connection.run({ ...details, key }, options, (client, sdk, send) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key }), send),
    );
  const outcomes = await Promise.allSettled(keys.map(deleteOne));
  // Keys left out because of an abort are no failures of theirs.
  const aborted = options.signal?.aborted && outcomes.find((outcome) => outcome.status === 'rejected');
  if (aborted) throw aborted.reason;
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ key: keys[index]!, error: outcome.reason as Error }] : [],
  );
  return { deleted: keys.filter((_, index) => outcomes[index]!.status === 'fulfilled'), failed };
};

/** Keys in groups of at most so many, each with what deletes it. */
function groups(
  keys: readonly StorageKey[],
  most: number,
  send: Delete,
): { send: Delete; batch: readonly StorageKey[] }[] {
  const count = Math.ceil(keys.length / most);
  return Array.from({ length: count }, (_, index) => ({ send, batch: keys.slice(index * most, (index + 1) * most) }));
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
  const batches = groups(
    unique.filter((key) => !NOT_IN_XML.test(key)),
    BATCH,
    deleteBatch,
  );
  const single = groups(
    unique.filter((key) => NOT_IN_XML.test(key)),
    SINGLY_AT_ONCE,
    deleteSingly,
  );
  for (const { send, batch } of [...batches, ...single]) {
    try {
      const result = await send(connection, batch, details, options);
      deleted.push(...result.deleted);
      failed.push(...result.failed);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      failed.push(...batch.map((key) => ({ key, error: error as Error })));
    }
  }
  return { deleted, failed };
}
