/** The driver contract: the smallest set of primitives that a store can honour, stream first. */
import type { Readable } from 'node:stream';
import type { StorageCapabilities } from './capabilities.js';
import type {
  ByteRange,
  CopyOptions,
  DeleteManyResult,
  ListPage,
  ListPageOptions,
  ObjectInfo,
  OpenedObject,
  OpenOptions,
  OperationOptions,
  SignedUpload,
  SignGetOptions,
  SignPutOptions,
  StagedInfo,
  StageOptions,
} from './objects.js';
import type { StorageKey } from './storage-key.js';

/** How thoroughly to look whether the store can be used. */
export interface CheckOptions extends OperationOptions {
  /** Also write, read back and remove one small hidden object. */
  readonly write: boolean;
}

/** A body that is stored but not yet published. Exactly one of commit() and abort() ends it. */
export interface StagedObject {
  readonly info: StagedInfo;
  /** Reads the staged bytes. Only where `capabilities.stagedReads`. */
  open?(range?: ByteRange): Promise<Readable>;
  /**
   * Whether the staged bytes, read back, are these; not after commit() or abort(). Optional: a cheaper open() for who
   * holds the bytes, only where `capabilities.stagedReads`.
   */
  matches?(bytes: Uint8Array): Promise<boolean>;
  /**
   * Publishes the object in one step, conditions included: until it resolves, readers see the old object whole; if it
   * rejects, they go on seeing it and nothing of the staged body is left. A second call gives the same answer.
   */
  commit(): Promise<ObjectInfo>;
  /** Throws the staged body away. Does nothing after a commit or an earlier abort. */
  abort(): Promise<void>;
}

/**
 * What a store must do to be a backend. Apps do not call this: they inject StorageService, which checks keys, options
 * and bodies first. A driver may rely on that: keys are parsed, limits are integers, metadata is valid, and a body
 * whose size or checksum is wrong throws before its end.
 *
 * Every method rejects with a StorageError that names operation, key and backend and keeps the cause; a fired signal
 * rejects with OperationAbortedError. Extend BaseStorageBackend to get the parts that can be derived from others.
 *
 * @publicApi
 */
export interface StorageBackend {
  /** Short name of the kind of store, for errors, logs and health: `local`, `s3`. */
  readonly name: string;
  readonly capabilities: StorageCapabilities;
  /**
   * Where the objects are, without secrets, ending with `/`: equal for two backends of the same objects, and the
   * beginning of it for what lies within. Left out where that cannot be told: in memory, behind a client of the app.
   */
  readonly location?: string;

  /**
   * Throws what stage() would be refused with before it reads a byte: for the key, the size, the metadata as this store
   * encodes it, a condition. Asks nobody and writes nothing. Without it the capabilities are looked at.
   *
   * @throws InvalidKeyError, InvalidOptionsError, FileTooLargeError, NotSupportedError
   */
  assertStorable?(key: StorageKey, options: StageOptions): void;

  /**
   * Takes in a body without publishing it. Length is known only where `options.size` is set. The driver reads the body
   * to its end, or stops and lets the iterator go; chunks may be kept. If the body throws, stage() rejects with that
   * very error, and nothing is left. A condition that cannot hold at this kind of write is a NotSupportedError, before
   * a byte is written where possible, and never a silent overwrite.
   */
  stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject>;

  /**
   * Opens an object for reading. Info and bytes are of one version, however many writers there are. A range that
   * reaches past the end is cut; one that starts past it is an InvalidRangeError. A body that cannot be read to its
   * end is destroyed with an error, never ended.
   *
   * @throws StorageFileNotFoundError, PreconditionFailedError (`ifMatch`), InvalidRangeError
   */
  open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject>;

  /** @throws StorageFileNotFoundError */
  stat(key: StorageKey, options?: OperationOptions): Promise<ObjectInfo>;

  /** False where there was nothing. (A store that does not tell answers true.) */
  delete(key: StorageKey, options?: OperationOptions): Promise<boolean>;

  /** Deletes all it can; one failure does not stop the rest. */
  deleteMany(keys: readonly StorageKey[], options?: OperationOptions): Promise<DeleteManyResult>;

  /** Copies bytes, type and metadata. Conditions are about the target. @throws StorageFileNotFoundError */
  copy(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo>;

  /** As copy, then the source is gone. On a failure at least one of the two is whole. */
  move(from: StorageKey, to: StorageKey, options?: CopyOptions): Promise<ObjectInfo>;

  /** One page, in key order where `capabilities.ordering` says so. @throws InvalidOptionsError for a foreign cursor */
  list(options: ListPageOptions): Promise<ListPage>;

  /** A URL that reads this one object until it expires. @throws NotSupportedError */
  getUrl(key: StorageKey, options: SignGetOptions): Promise<string>;

  /** What a client needs to write this one object until it expires. @throws NotSupportedError */
  getUploadUrl(key: StorageKey, options: SignPutOptions): Promise<SignedUpload>;

  /** Resolves when the store can be used. Read-only unless `write`. */
  check(options: CheckOptions): Promise<void>;

  /** Lets go of sockets, timers and descriptors. The backend is not used afterwards. */
  close(): Promise<void>;
}
