/** What a backend can hold. The conformance suite reads these and fails a false claim. */

/** How a write reaches the store: in one request, in parts, or as a copy inside the store. */
export type WriteKind = 'single' | 'multipart' | 'copy';

/** What a signed URL for reading can bind beside key and method. */
export type GetBinding = 'expiry' | 'disposition' | 'filename' | 'contentType';

/** What a signed URL for uploading can bind beside key and method. */
export type PutBinding = 'expiry' | 'contentType' | 'size' | 'maxSize' | 'createOnly' | 'metadata';

/** What a store can do and where its limits are. The conformance suite holds each claim against the store. */
export interface StorageCapabilities {
  /** Writes at which `ifNoneMatch: '*'` holds. Elsewhere it is a NotSupportedError. */
  readonly createOnly: readonly WriteKind[];
  /** Writes at which `ifMatch` holds. Elsewhere it is a NotSupportedError. */
  readonly ifMatch: readonly WriteKind[];
  /** `utf8`: listings come in the order of the keys' UTF-8 bytes. */
  readonly ordering: 'utf8' | 'none';
  /** Longest key in UTF-8 bytes. */
  readonly maxKeyBytes: number;
  /** Longest segment of a key in UTF-8 bytes, where there is such a limit. */
  readonly maxSegmentBytes?: number;
  /** Largest object in bytes, where there is such a limit. */
  readonly maxObjectBytes?: number;
  /** Most bytes of metadata (keys and encoded values), where there is such a limit. */
  readonly maxMetadataBytes?: number;
  /** `a` and `a/b` cannot both be objects: the second is a KeyConflictError. */
  readonly hierarchical: boolean;
  /** Objects of zero bytes can be stored. */
  readonly emptyObjects: boolean;
  /** A staged object's bytes can be read before it is committed. */
  readonly stagedReads: boolean;
  /** `strong`: a read after a write sees it. */
  readonly consistency: 'strong' | 'eventual';
  /** Bindings of getUrl; empty means that there is no such URL. */
  readonly getUrl: readonly GetBinding[];
  /** Bindings of getUploadUrl; empty means that there is no such URL. */
  readonly getUploadUrl: readonly PutBinding[];
}
