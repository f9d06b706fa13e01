/** Differences between S3-compatible services, as data. Each entry names the source of what it says. */
import type { WriteKind } from '../../contract/index.js';

/** The services that are known by name; `generic` is any other. */
export type S3DialectName =
  'aws' | 'digitalocean' | 'wasabi' | 'backblaze' | 'minio' | 'cloudflare' | 'ceph' | 'generic';

export interface S3Dialect {
  readonly name: S3DialectName;
  /** Hosts that tell the service; a group named `region` gives the region. */
  readonly hosts?: RegExp;
  /** Address of the service in a region; undefined where it cannot be told without more. */
  readonly endpoint?: (region: string) => string;
  /** Region where none is named. */
  readonly region?: string;
  /** `host/bucket/key` instead of `bucket.host/key`. */
  readonly pathStyle: boolean;
  /** The checksum of bodies that the service verifies. */
  readonly checksums: 'crc32' | 'md5' | 'sha256';
  /** The digest that DeleteObjects must carry. */
  readonly deleteDigest: 'crc32' | 'md5';
  readonly createOnly: readonly WriteKind[];
  readonly ifMatch: readonly WriteKind[];
  /** If-Match takes the ETag without its quotes. */
  readonly bareIfMatch?: boolean;
  /** Presigned POST with a policy. */
  readonly post: boolean;
  /** Canned ACLs on objects. */
  readonly acl: boolean;
  /** Names of metadata may hold underscores. */
  readonly underscores: boolean;
  /** Tags on objects. */
  readonly tags: boolean;
  /** All parts of an upload but the last must have one size. (The upload engine always keeps to that.) */
  readonly equalParts: boolean;
}

// Every service of this list checks the x-amz-content-sha256 header of Signature Version 4 against the body and takes
// Content-MD5, both of which are older than the x-amz-checksum-* headers of 2022.
const CONSERVATIVE = {
  pathStyle: false,
  checksums: 'md5',
  deleteDigest: 'md5',
  createOnly: [],
  ifMatch: [],
  post: true,
  acl: true,
  // nginx, which many gateways stand behind, drops such headers:
  // https://nginx.org/en/docs/http/ngx_http_core_module.html#underscores_in_headers
  underscores: false,
  tags: true,
  equalParts: false,
} as const satisfies Omit<S3Dialect, 'name'>;

const DIALECTS: readonly S3Dialect[] = [
  {
    name: 'aws',
    // https://docs.aws.amazon.com/general/latest/gr/s3.html
    hosts: /(?:^|\.)s3[.-](?:dualstack\.|fips\.)*(?:(?<region>[a-z]{2}(?:-[a-z]+)+-\d)\.)?amazonaws\.com(?:\.cn)?$/,
    pathStyle: false,
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    checksums: 'crc32',
    deleteDigest: 'crc32',
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html (PutObject, CompleteMultipartUpload,
    // CopyObject)
    createOnly: ['single', 'multipart', 'copy'],
    ifMatch: ['single', 'multipart', 'copy'],
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    post: true,
    // New buckets refuse ACLs unless object ownership is changed, so none is sent by default:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    acl: true,
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: any header name
    underscores: true,
    tags: true,
    equalParts: false,
  },
  {
    ...CONSERVATIVE,
    name: 'digitalocean',
    // https://docs.digitalocean.com/reference/api/spaces/ (endpoint; object ACLs and tags; the checksums that the SDK
    // sends since January 2025 broke uploads there)
    hosts: /(?:^|\.)(?<region>[a-z]{3}\d)\.digitaloceanspaces\.com$/,
    endpoint: (region) => `https://${region}.digitaloceanspaces.com`,
  },
  {
    ...CONSERVATIVE,
    name: 'wasabi',
    // https://docs.wasabi.com/docs/what-are-the-service-urls-for-wasabi-s-different-storage-regions
    hosts: /(?:^|\.)s3\.(?:(?<region>[a-z]{2}-[a-z]+-\d)\.)?wasabisys\.com$/,
    endpoint: (region) => `https://s3.${region}.wasabisys.com`,
    region: 'us-east-1',
  },
  {
    ...CONSERVATIVE,
    name: 'backblaze',
    // https://www.backblaze.com/docs/cloud-storage-s3-compatible-api (no POST Object among the calls),
    // https://www.backblaze.com/apidocs/s3-put-object (an ACL must be the bucket's), and
    // https://www.backblaze.com/apidocs/s3-copy-object (x-amz-tagging is rejected)
    hosts: /(?:^|\.)s3\.(?<region>[a-z]{2}-[a-z]+-\d{3})\.backblazeb2\.com$/,
    endpoint: (region) => `https://s3.${region}.backblazeb2.com`,
    post: false,
    acl: false,
    tags: false,
  },
  {
    ...CONSERVATIVE,
    name: 'minio',
    // https://min.io/docs/minio/linux/reference/s3-api-compatibility.html
    hosts: /(?:^|\.)(?:minio\.[a-z0-9.-]+|play\.min\.io)$/,
    region: 'us-east-1',
    // Virtual-hosted addresses need MINIO_DOMAIN: https://min.io/docs/minio/linux/reference/minio-server/settings/core.html
    pathStyle: true,
    checksums: 'crc32',
    // https://github.com/minio/minio/issues/20845: releases before 2025 refuse DeleteObjects without Content-MD5
    deleteDigest: 'md5',
    // https://github.com/minio/minio/pull/11946 and its successors: both headers at PutObject and at completion
    createOnly: ['single', 'multipart'],
    ifMatch: ['single', 'multipart'],
    acl: false,
  },
  {
    ...CONSERVATIVE,
    name: 'cloudflare',
    // https://developers.cloudflare.com/r2/api/s3/api/ (region auto, no ACLs, no tags)
    hosts: /(?:^|\.)[0-9a-f]{32}(?:\.(?:eu|fedramp))?\.r2\.cloudflarestorage\.com$/,
    region: 'auto',
    // https://developers.cloudflare.com/r2/api/s3/conditional-operations/ (PutObject and CompleteMultipartUpload; at
    // CopyObject only under header names of its own)
    createOnly: ['single', 'multipart'],
    ifMatch: ['single', 'multipart'],
    // https://developers.cloudflare.com/r2/api/s3/presigned-urls/ (no POST forms)
    post: false,
    acl: false,
    tags: false,
    // https://developers.cloudflare.com/r2/objects/multipart-objects/ (part size limits)
    equalParts: true,
  },
  {
    ...CONSERVATIVE,
    name: 'ceph',
    region: 'us-east-1',
    // https://docs.ceph.com/en/latest/radosgw/s3/commons/ (bucket names in the host need a DNS name set up)
    pathStyle: true,
    // Tried on 16.2: a wrong x-amz-content-sha256 is refused with XAmzContentSHA256Mismatch.
    checksums: 'sha256',
    // Tried on 16.2: both hold at PutObject; If-None-Match is ignored when a multipart upload completes and at copies,
    // and If-Match compares with the ETag as it stands, without quotes. Underscores in names of
    // metadata come back as hyphens.
    createOnly: ['single'],
    ifMatch: ['single'],
    bareIfMatch: true,
  },
  { ...CONSERVATIVE, name: 'generic', region: 'us-east-1', pathStyle: true, acl: true },
];

/** Names of all presets. */
export const S3_DIALECTS: readonly S3DialectName[] = DIALECTS.map((dialect) => dialect.name);

/** The preset of a service, by its name. */
export function dialectNamed(name: S3DialectName): S3Dialect | undefined {
  return DIALECTS.find((dialect) => dialect.name === name);
}

/** The preset of the service behind an endpoint, and the region that its host names. */
export function dialectOf(endpoint: string | undefined): { dialect: S3Dialect; region?: string } {
  if (endpoint === undefined) return { dialect: dialectNamed('aws')! };
  const { hostname } = new URL(endpoint);
  for (const dialect of DIALECTS) {
    const found = dialect.hosts?.exec(hostname);
    if (found) return { dialect, region: found.groups?.['region'] };
  }
  return { dialect: dialectNamed('generic')! };
}
