/** What a new object is made of beside its bytes, as PutObject and CreateMultipartUpload take it. */
import { randomUUID } from 'node:crypto';
import type {
  StageOptions,
  StorageErrorDetails,
  StorageKey,
  WriteConditions,
  WriteKind,
} from '../../contract/index.js';
import { NotSupportedError } from '../../contract/index.js';
import { etagCondition } from './object-facts.js';
import type { S3Dialect } from './s3.dialects.js';
import { encodeMetadata, fitsMetadata, WRITE_MARK } from './s3.metadata.js';
import type { S3Settings } from './s3.settings.js';

/** A write that waits for its bytes. */
export interface NewObject {
  readonly key: StorageKey;
  readonly details: StorageErrorDetails;
  readonly options: StageOptions;
  /** Bucket, key, type, metadata, encryption: the same for both kinds of write. */
  readonly request: {
    readonly Bucket: string;
    readonly Key: string;
    readonly ContentType: string;
    readonly CacheControl?: string;
    readonly ContentDisposition?: string;
    readonly Metadata: Record<string, string>;
  } & S3Settings['newObject'];
  /** Stored by conditional writes and multipart uploads, so that a retried request knows its own work. */
  readonly mark: string;
  /** The metadata with the mark; undefined where it leaves no room for one. */
  readonly markedMetadata: Record<string, string> | undefined;
}

/** 90 random bits in 16 characters, of the kind for which Node keeps random bytes ready. */
function newMark(): string {
  return Buffer.from(randomUUID().replaceAll('-', '').slice(0, 24), 'hex').toString('base64url');
}

export function hasConditions(conditions: WriteConditions): boolean {
  return conditions.ifNoneMatch !== undefined || conditions.ifMatch !== undefined;
}

/** @throws InvalidOptionsError for metadata that does not fit */
export function newObject(
  settings: S3Settings,
  key: StorageKey,
  options: StageOptions,
  details: StorageErrorDetails,
): NewObject {
  const mark = newMark();
  const metadata = encodeMetadata(
    { ...options.metadata, ...(hasConditions(options) && { [WRITE_MARK]: mark }) },
    settings.dialect.underscores,
    details,
  );
  const marked = { ...metadata, [WRITE_MARK]: mark };
  return {
    key,
    details,
    options,
    mark,
    markedMetadata: fitsMetadata(marked) ? marked : undefined,
    request: {
      Bucket: settings.bucket,
      Key: key,
      ContentType: options.contentType,
      CacheControl: options.cacheControl,
      ContentDisposition: options.contentDisposition,
      Metadata: metadata,
      ...settings.newObject,
    },
  };
}

const KINDS: Readonly<Record<WriteKind, string>> = {
  single: 'of a body that is sent in one request',
  multipart: 'of a body that is sent in parts',
  copy: 'that is a copy inside the store',
};

/** The conditions that the store does not hold at this kind of write, with the kinds at which it does. */
function unheld(dialect: S3Dialect, kind: WriteKind, conditions: WriteConditions) {
  const all = [['ifNoneMatch', dialect.createOnly] as const, ['ifMatch', dialect.ifMatch] as const];
  return all.filter(([name, kinds]) => conditions[name] !== undefined && !kinds.includes(kind));
}

/** Whether the store holds all conditions at this kind of write. */
export function holds(dialect: S3Dialect, kind: WriteKind, conditions: WriteConditions): boolean {
  return unheld(dialect, kind, conditions).length === 0;
}

/** @throws NotSupportedError for a condition that the store does not hold at this kind of write */
export function assertHolds(
  dialect: S3Dialect,
  kind: WriteKind,
  conditions: WriteConditions,
  details: StorageErrorDetails,
): void {
  for (const [name, kinds] of unheld(dialect, kind, conditions)) {
    throw new NotSupportedError({
      ...details,
      reason: `${dialect.name} does not hold ${name} at a write ${KINDS[kind]}`,
      advice:
        kind === 'multipart' && kinds.includes('single')
          ? 'Bodies up to partSize are sent in one request, where it holds.'
          : 'Write without the condition.',
    });
  }
}

/** The conditions as request fields. */
export function conditionFields(dialect: S3Dialect, { ifMatch, ifNoneMatch }: WriteConditions) {
  return { IfMatch: etagCondition(dialect, ifMatch), IfNoneMatch: ifNoneMatch };
}
