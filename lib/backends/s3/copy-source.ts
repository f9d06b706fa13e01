/** The object that a copy is made of: as it was looked at, and whether it is still the same. */
import {
  AlreadyExistsError,
  PreconditionFailedError,
  type CopyOptions,
  type ObjectInfo,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { hasConditions } from './new-object.js';
import { etagCondition, type ObjectHeaders } from './object-facts.js';
import type { S3Connection } from './s3.connection.js';
import { attemptsOf } from './s3.errors.js';
import { encodedPath } from './url-path.js';

export interface CopyRequest {
  /** What the caller asked for, as errors tell it. */
  readonly operation: 'copy' | 'move';
  readonly from: StorageKey;
  readonly to: StorageKey;
  readonly options: CopyOptions;
}

/** What a look at the source saw. */
export interface Source {
  readonly info: ObjectInfo;
  readonly headers: ObjectHeaders;
}

/** The source was overwritten between the look at it and the copy. */
export class SourceChanged extends Error {}

/** The source as requests name it, with the version that was looked at. */
export function sourceFields({ settings }: S3Connection, from: StorageKey, { info }: Source) {
  return {
    CopySource: `${settings.bucket}/${encodedPath(from)}`,
    CopySourceIfMatch: etagCondition(settings.dialect, info.etag),
  };
}

/** What other programs may have given to the source, and a copy has to keep. */
export function foreignFacts({ headers }: Source) {
  const { ContentEncoding, ContentLanguage, Expires } = headers;
  return { ContentEncoding, ContentLanguage, Expires };
}

/** Tells a condition on the source from one on the target, which AWS answers with the same code. */
export function orSourceChanged(error: unknown, options: CopyOptions): unknown {
  if (!(error instanceof PreconditionFailedError || error instanceof AlreadyExistsError)) return error;
  const { Condition } = (error.cause ?? {}) as { readonly Condition?: string };
  const ofSource = Condition === undefined ? !hasConditions(options) : /copy-source/i.test(Condition);
  return ofSource ? new SourceChanged() : error;
}

/**
 * The tags of the source, for a copy in parts, which takes none along by itself. None where they may not be read, or the
 * store knows no tags.
 */
export async function tagsOf(
  connection: S3Connection,
  { operation, from, options }: CopyRequest,
): Promise<string | undefined> {
  const { bucket, dialect } = connection.settings;
  if (!dialect.tags) return undefined;
  const details: StorageErrorDetails = { operation, backend: 's3', key: from };
  try {
    const { TagSet = [] } = await connection.run(details, { signal: options.signal }, (client, sdk, send) =>
      client.send(new sdk.GetObjectTaggingCommand({ Bucket: bucket, Key: from }), send),
    );
    if (TagSet.length === 0) return undefined;
    const pairs = TagSet.map(({ Key = '', Value = '' }): [string, string] => [Key, Value]);
    return new URLSearchParams(pairs).toString().replaceAll('+', '%20');
  } catch (error) {
    const { status } = attemptsOf((error as { cause?: unknown }).cause);
    if (status !== undefined && (status < 500 || status === 501)) return undefined;
    throw error;
  }
}
