/** Tags of an object made of parts, for stores that take none when an upload begins: they follow a moment later. */
import type { NewObject } from './new-object.js';
import type { S3Connection } from './s3.connection.js';
import { warn } from './s3.warnings.js';

/** Never rejects: the object is there, so that a failure is a warning. */
export async function tagPublished(connection: S3Connection, { details, request }: NewObject): Promise<void> {
  const { dialect, options } = connection.settings;
  const { Bucket, Key, Tagging } = request;
  if (Tagging === undefined || dialect.multipartTags) return;
  const TagSet = [...new URLSearchParams(Tagging)].map(([name, value]) => ({ Key: name, Value: value }));
  try {
    await connection.run(details, {}, (client, sdk) =>
      client.send(new sdk.PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } })),
    );
  } catch (cause) {
    warn(options, { message: 'An object was made without the tags that it should have.', key: Key, cause });
  }
}
