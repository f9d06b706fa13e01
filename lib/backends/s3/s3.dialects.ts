/** Differences between S3-compatible services, as data with its sources (docs/decisions/0067). */
import type { WriteKind } from '../../contract/index.js';

/** The services that are known by name; `generic` is any other. */
export type S3DialectName =
  'aws' | 'digitalocean' | 'wasabi' | 'backblaze' | 'minio' | 'cloudflare' | 'ceph' | 'generic';

export interface S3Dialect {
  readonly name: S3DialectName;
  /** Hosts that tell the service; a group named `region` gives the region. */
  readonly hosts?: RegExp;
  /** Regions by other names that hosts have for them. */
  readonly regionAliases?: Readonly<Record<string, string>>;
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
  /** UploadPartCopy takes a condition on the source; else the source is looked at again when its parts are copied. */
  readonly partCopyConditions: boolean;
  /** Presigned POST with a policy. */
  readonly post: boolean;
  /** Canned ACLs on objects. */
  readonly acl: boolean;
  /** Names of metadata may hold underscores. */
  readonly underscores: boolean;
  /** Tags on objects. */
  readonly tags: boolean;
  /** Multipart uploads take them when they begin; else they are set once the object is there. */
  readonly multipartTags: boolean;
  /** Headers that ask for encryption by the service. */
  readonly encryption: boolean;
  /** All parts of an upload but the last must have one size. */
  readonly equalParts: boolean;
  /** ListMultipartUploads takes any prefix; else it finds by a whole key, and all uploads without a prefix. */
  readonly uploadPrefixes: boolean;
}

// What S3 had before the headers of 2022 and later, which a service can be expected to know where its pages say nothing:
// no x-amz-checksum-*, and no conditions, so that none is ignored and overwrites in silence. Content-MD5 at every write
// is part of the S3 API since its first version.
const CONSERVATIVE = {
  pathStyle: false,
  checksums: 'md5',
  deleteDigest: 'md5',
  createOnly: [],
  ifMatch: [],
  partCopyConditions: true,
  post: true,
  acl: true,
  // nginx, which many gateways stand behind, drops such headers:
  // https://nginx.org/en/docs/http/ngx_http_core_module.html#underscores_in_headers
  underscores: false,
  tags: true,
  multipartTags: true,
  encryption: true,
  equalParts: false,
  uploadPrefixes: true,
} as const satisfies Omit<S3Dialect, 'name'>;

const DIALECTS: readonly S3Dialect[] = [
  {
    name: 'aws',
    // https://docs.aws.amazon.com/general/latest/gr/s3.html, and those inside a network of one's own:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/privatelink-interface-endpoints.html
    hosts:
      /(?:^|\.)s3[.-](?:dualstack\.|fips\.)*(?:(?<region>[a-z]{2}(?:-[a-z]+)+-\d)\.)?(?:vpce\.)?amazonaws\.com(?:\.cn)?$/,
    pathStyle: false,
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    checksums: 'crc32',
    deleteDigest: 'crc32',
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html (PutObject, CompleteMultipartUpload,
    // CopyObject)
    createOnly: ['single', 'multipart', 'copy'],
    ifMatch: ['single', 'multipart', 'copy'],
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
    partCopyConditions: true,
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    post: true,
    // New buckets refuse ACLs unless object ownership is changed, so none is sent by default:
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    acl: true,
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: any header name
    underscores: true,
    tags: true,
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
    multipartTags: true,
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
    encryption: true,
    equalParts: false,
    uploadPrefixes: true,
  },
  {
    ...CONSERVATIVE,
    name: 'digitalocean',
    // https://docs.digitalocean.com/reference/api/spaces/ (endpoint of a region, bucket in the host) and
    // https://docs.digitalocean.com/products/spaces/details/availability/ (regions)
    hosts: /(?:^|\.)(?<region>[a-z]{3}\d)\.digitaloceanspaces\.com$/,
    endpoint: (region) => `https://${region}.digitaloceanspaces.com`,
    // https://docs.digitalocean.com/reference/api/spaces-api/ told in 2025 that SDKs with checksums of their own (from
    // 15 January 2025 on) can neither upload nor delete there. The page of today says nothing of checksums.
    checksums: 'md5',
    deleteDigest: 'md5',
    // The same page: ACLs and tags of objects. Conditions and upload forms are on no page of the vendor's; forms are
    // what Uppy's companion uses with Spaces: https://github.com/transloadit/uppy/issues/5052
    acl: true,
    tags: true,
    post: true,
  },
  {
    ...CONSERVATIVE,
    name: 'wasabi',
    // https://docs.wasabi.com/docs/service-urls-for-wasabis-storage-regions (with the other names of hosts; without a
    // region it is us-east-1)
    hosts: /(?:^|\.)s3\.(?:(?<region>[a-z]{2}-[a-z]+-\d|[a-z]{2}-\d)\.)?wasabisys\.com$/,
    regionAliases: {
      'nl-1': 'eu-central-1',
      'de-1': 'eu-central-2',
      'uk-1': 'eu-west-1',
      'fr-1': 'eu-west-2',
      'uk-2': 'eu-west-3',
      'it-1': 'eu-south-1',
    },
    endpoint: (region) => `https://s3.${region}.wasabisys.com`,
    region: 'us-east-1',
    // https://docs.wasabi.com/apidocs/rest-api-introduction: both styles work, and this one is recommended. The page's
    // errors BadDigest and XAmzContentSHA256Mismatch are those of a verified Content-MD5 and x-amz-content-sha256.
    pathStyle: true,
    // No page says what the API does with x-amz-checksum-*; a body with one as its trailer was refused:
    // https://github.com/boto/boto3/issues/4102
    checksums: 'md5',
    deleteDigest: 'md5',
    // https://knowledgebase.wasabi.com/hc/en-us/articles/115002579951-Using-policies-vs-ACLs-in-Wasabi
    acl: true,
    // https://docs.wasabi.com/apidocs/object-tagging-with-the-wasabi-s3-api
    tags: true,
    // https://docs.wasabi.com/docs/how-does-wasabi-handle-multipart-uploads: as on AWS
    equalParts: false,
    // https://docs.wasabi.com/apidocs/wasabi-api: S3 as it is but for the differences that the guide lists, and upload
    // forms are not among them. Conditional writes are younger than the guide, and on no page.
    post: true,
  },
  {
    ...CONSERVATIVE,
    name: 'backblaze',
    // https://www.backblaze.com/docs/cloud-storage-call-the-s3-compatible-api (endpoint of a region, both styles)
    hosts: /(?:^|\.)s3\.(?<region>[a-z]{2}-[a-z]+-\d{3})\.backblazeb2\.com$/,
    endpoint: (region) => `https://s3.${region}.backblazeb2.com`,
    // https://www.backblaze.com/docs/cloud-storage-use-the-aws-sdk-for-python-with-backblaze-b2: x-amz-checksum-* is not
    // accepted, releases of the SDK from before it are recommended; those send Content-MD5 with DeleteObjects. With
    // uploads it is on no page; it is accepted: https://github.com/grafana/mimir/issues/7270
    checksums: 'md5',
    deleteDigest: 'md5',
    // The list of calls on the first page has no POST Object.
    post: false,
    // https://www.backblaze.com/docs/cloud-storage-s3-compatible-api: ACLs of buckets alone;
    // https://www.backblaze.com/apidocs/s3-put-object: none but the bucket's own, and no conditions among the headers
    acl: false,
    // https://www.backblaze.com/apidocs/s3-copy-object (x-amz-tagging is rejected)
    tags: false,
    // https://www.backblaze.com/apidocs/s3-upload-part: where Live Read is on
    equalParts: true,
  },
  {
    ...CONSERVATIVE,
    name: 'minio',
    // There is no host of the vendor's but the playground's; others go by the name that people give to the machine.
    hosts: /(?:^|\.)minio(?:\.[a-z0-9.-]+)?$|^play\.min\.io$/,
    // https://github.com/minio/docs/blob/main/source/integrations/aws-cli-with-minio.md
    region: 'us-east-1',
    // https://github.com/minio/docs/blob/main/source/administration/object-management.rst: the default, the other style
    // needs MINIO_DOMAIN
    pathStyle: true,
    // https://github.com/minio/minio/pull/15433, since RELEASE.2022-09-01
    checksums: 'crc32',
    // https://github.com/minio/minio/issues/20845: releases before 2025-01-20 refuse DeleteObjects without Content-MD5,
    // later ones take either (validateLengthAndChecksum in cmd/utils.go)
    deleteDigest: 'md5',
    // https://github.com/minio/minio/pull/19448 and https://github.com/minio/minio/pull/19713: `If-None-Match: *` and
    // If-Match at PutObject and at completion, since RELEASE.2024-05-27; https://github.com/minio/minio/pull/21567:
    // If-Match of an object that is gone fails, since RELEASE.2025-09-07. CopyObjectHandler reads conditions on the
    // source alone.
    createOnly: ['single', 'multipart'],
    ifMatch: ['single', 'multipart'],
    // https://github.com/minio/minio/blob/master/cmd/api-router.go (PostPolicyBucketHandler)
    post: true,
    // https://github.com/minio/docs/blob/main/source/reference/s3-api-compatibility.rst: no ACLs, tags;
    // ListMultipartUploads needs the whole key. Without a prefix it answers all that the server remembers:
    // https://github.com/minio/minio/pull/20407
    acl: false,
    tags: true,
    uploadPrefixes: false,
  },
  {
    ...CONSERVATIVE,
    name: 'cloudflare',
    // https://developers.cloudflare.com/r2/reference/data-location/ (jurisdictions: eu, fedramp, us and whatever follows)
    hosts: /(?:^|\.)[0-9a-f]{32}(?:\.[a-z]+)?\.r2\.cloudflarestorage\.com$/,
    // https://developers.cloudflare.com/r2/api/s3/api/: region, Content-MD5 at PutObject and UploadPart, no ACLs, no tags,
    // no x-amz-server-side-encryption. CRC-32 is taken as well, but only since 2025:
    // https://github.com/cloudflare/cloudflare-docs/pull/19236
    region: 'auto',
    checksums: 'md5',
    acl: false,
    tags: false,
    encryption: false,
    // Both styles are in the vendor's examples, this one in those of boto3
    // (https://developers.cloudflare.com/r2/examples/aws/boto3/). No page shows the other one with a jurisdiction, and
    // rclone never uses it: https://github.com/rclone/rclone/blob/master/backend/s3/provider/Cloudflare.yaml
    pathStyle: true,
    // No page says what DeleteObjects must carry. With a CRC-32 it was refused until 2025, as above.
    deleteDigest: 'md5',
    // https://developers.cloudflare.com/r2/api/s3/conditional-operations/ (PutObject and CompleteMultipartUpload; at
    // CopyObject only under header names of its own)
    createOnly: ['single', 'multipart'],
    ifMatch: ['single', 'multipart'],
    // The compatibility page: UploadPartCopy has no x-amz-copy-source-if-*.
    partCopyConditions: false,
    // https://developers.cloudflare.com/r2/api/s3/presigned-urls/ (no POST forms)
    post: false,
    // https://developers.cloudflare.com/r2/objects/multipart-objects/
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
    // metadata come back as hyphens. Tags given when a multipart upload begins are ignored.
    createOnly: ['single'],
    ifMatch: ['single'],
    bareIfMatch: true,
    multipartTags: false,
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
    if (!found) continue;
    const region = found.groups?.['region'];
    return { dialect, region: dialect.regionAliases?.[region ?? ''] ?? region };
  }
  return { dialect: dialectNamed('generic')! };
}
