/** Options of the S3 backend. They name no type of the SDK, so that anyone may refer to them without it. */
import type { OperationOptions } from '../../contract/index.js';
import type { S3DialectName } from './s3.dialects.js';

/** Keys of a user or role. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
  /** When temporary credentials end: signed URLs end with them. */
  readonly expiration?: Date;
}

/** What the backend needs of a client that is handed in: an `S3Client` of `@aws-sdk/client-s3`. */
export interface S3ClientLike {
  /** Sends one command. */
  send(command: never, options?: never): Promise<unknown>;
  /** Closes its sockets. */
  destroy(): void;
  readonly config: object;
}

/** Addresses of a CDN that reads the bucket: CloudFront URLs, signed with a key pair of the distribution. */
export interface CloudFrontOptions {
  /** Base address of the distribution: `https://d111111abcdef8.cloudfront.net`. */
  readonly url: string;
  /** Id of the public key in the distribution's key group. */
  readonly keyPairId: string;
  /** RSA or ECDSA private key as PEM text. */
  readonly privateKey: string;
  readonly passphrase?: string;
}

/** Something that went wrong without failing the operation: worth a line in the log. */
export interface S3Warning {
  readonly message: string;
  readonly key?: string;
  readonly uploadId?: string;
  readonly cause?: unknown;
}

/** Options of the S3 backend. */
export interface S3BackendOptions {
  /** Name of the bucket. It has to exist. */
  readonly bucket: string;
  /** Which service it is. Default: told by the host of the endpoint; `aws` without an endpoint, else `generic`. */
  readonly dialect?: S3DialectName;
  /** Address of an S3-compatible service. Default: the dialect's own for the region. */
  readonly endpoint?: string;
  /** Default: told by the endpoint where its host names it, else the SDK's own look-up, else `us-east-1`. */
  readonly region?: string;
  /**
   * Keys, or a function that gives them (asked again when they have expired). Default: the SDK's whole chain:
   * environment, shared files, web identity, container and instance roles.
   */
  readonly credentials?: S3Credentials | (() => Promise<S3Credentials>);
  /** `host/bucket/key` instead of `bucket.host/key`. Default: as the dialect does. */
  readonly pathStyle?: boolean;
  /**
   * How parts and small bodies carry a checksum that the store verifies: as a CRC-32 header, as Content-MD5, as the
   * signed SHA-256 of the payload, or not. Default: the dialect's.
   */
  readonly checksums?: 'crc32' | 'md5' | 'sha256' | 'none';
  /** A ready `S3Client`. It is used as it is and not closed; the settings of a connection then have no effect. */
  readonly client?: S3ClientLike;
  /** More settings for the client that the backend makes, as the SDK names them: `useAccelerateEndpoint`, ... */
  readonly clientConfig?: Readonly<Record<string, unknown>>;

  /**
   * Bytes of one part of a multipart upload, 5 MiB to 5 GiB. Also the largest body sent in one request. Default 12 MiB. Parts
   * are smaller where uploads wait for room.
   */
  readonly partSize?: number;
  /** Parts of one upload on their way at once. Default 4. */
  readonly partConcurrency?: number;
  /**
   * Bytes that all uploads of this process together may hold in part buffers: one number for the process, set by the
   * last backend that names it. Default 64 MiB. Half of it is for bodies that are held until their commit.
   */
  readonly partBufferBytes?: number;

  /**
   * Largest object in bytes that is copied in one request, at most 5 GiB; larger ones are copied in parts. Default 256 MiB,
   * since a store may be silent for as long as it copies.
   */
  readonly copyLimit?: number;

  /** Requests tried at most, with back-off and jitter in between, by the SDK. Default 3. */
  readonly maxAttempts?: number;
  /**
   * Sockets at most. Default 64. Bodies that wait for a client have four times as many of their own, so that slow readers
   * take none from other requests. A request waits for a free one without a time-out, until its signal aborts it.
   */
  readonly maxSockets?: number;
  /** Seconds for a new connection to the store, TLS included. Default 5. */
  readonly connectTimeout?: number;
  /** Seconds of silence of the store after which a request fails; a reader may pause for longer. Default 30. */
  readonly idleTimeout?: number;
  /** Seconds after which an opened body of which nothing was read is given up. Default 60. */
  readonly unreadTimeout?: number;

  /** Server-side encryption of new objects: `AES256`, `aws:kms` or `aws:kms:dsse`. Default: the bucket's. */
  readonly encryption?: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  /** Id or ARN of the KMS key, where encryption is one of KMS. */
  readonly kmsKeyId?: string;
  /** Storage class of new objects, as the store names it: `STANDARD_IA`, ... Default: the store's. */
  readonly storageClass?: string;
  /** Tags of new objects. At most 10. A copy keeps the tags of its source instead. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Canned ACL of new objects, where the dialect knows ACLs. Default: none is sent, as buckets of today demand. */
  readonly acl?: string;

  /**
   * Who serves signed URLs: the store itself (`store`), or the app's signed routes, for buckets that clients cannot
   * reach (`app`). Default `store`.
   */
  readonly via?: 'store' | 'app';
  /**
   * Base address at which everybody can read the objects: getUrl() answers plain addresses below it, which never
   * expire. URLs that ask for a download name or a type are still signed by the bucket.
   */
  readonly publicUrl?: string;
  /** getUrl() answers signed URLs of a CloudFront distribution. Same exception as with publicUrl. */
  readonly cloudFront?: CloudFrontOptions;

  /** Told of what went wrong besides: an upload that may have stayed open. Default: process.emitWarning. */
  readonly onWarning?: (warning: S3Warning) => void;
}

/** Which unfinished uploads to remove. */
export interface SweepOptions extends OperationOptions {
  /** Seconds: only uploads begun longer ago are removed, so that none on its way is hit. Default 86,400 (a day). */
  readonly olderThan?: number;
  /**
   * String prefix of the keys. Default: the whole bucket, uploads of other programs included. (MinIO only finds uploads
   * that the server which answers remembers since its start; it removes old ones itself.)
   */
  readonly prefix?: string;
}

/** What became of unfinished uploads. */
export interface SweptUploads {
  /** Uploads that are gone. */
  readonly aborted: number;
  /** Younger ones, left alone. */
  readonly kept: number;
  readonly failed: readonly { readonly key: string; readonly uploadId: string; readonly error: Error }[];
}
