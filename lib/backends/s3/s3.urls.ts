/** URLs of objects: signed by the bucket, by CloudFront, or plain where the objects are public. */
import { create as contentDisposition } from 'content-disposition';
import {
  InvalidOptionsError,
  NotSupportedError,
  type GetBinding,
  type PutBinding,
  type SignedUpload,
  type SignGetOptions,
  type SignPutOptions,
  type StorageErrorDetails,
  type StorageKey,
} from '../../contract/index.js';
import { assertHolds } from './new-object.js';
import type { S3Connection } from './s3.connection.js';
import { encodeMetadata } from './s3.metadata.js';
import { loadCloudFrontSigner } from './s3.sdk.js';
import { MAX_EXPIRY, MAX_SINGLE_BYTES, type S3Settings } from './s3.settings.js';
import { S3UrlSigner } from './s3.signer.js';
import { encodedPath } from './url-path.js';

/** What getUrl() binds. */
export function getBindings({ options }: S3Settings): readonly GetBinding[] {
  if (options.via === 'app') return [];
  const overrides: GetBinding[] = ['disposition', 'filename', 'contentType'];
  return options.publicUrl === undefined ? ['expiry', ...overrides] : overrides;
}

/** What getUploadUrl() binds. */
export function putBindings({ options, dialect }: S3Settings): readonly PutBinding[] {
  if (options.via === 'app') return [];
  return [
    'expiry',
    'contentType',
    'size',
    ...(dialect.post ? (['maxSize'] as const) : []),
    ...(dialect.createOnly.includes('single') ? (['createOnly'] as const) : []),
    'metadata',
  ];
}

export class S3Urls {
  readonly #settings: S3Settings;
  readonly #signer: S3UrlSigner;

  constructor(connection: S3Connection) {
    this.#settings = connection.settings;
    this.#signer = new S3UrlSigner(connection);
  }

  async getUrl(key: StorageKey, options: SignGetOptions, details: StorageErrorDetails): Promise<string> {
    const { publicUrl, cloudFront } = this.#settings.options;
    const { disposition, contentType, expiresIn } = options;
    // A CDN may drop what overrides the answer's headers: such URLs are the bucket's own.
    if (disposition === undefined && contentType === undefined) {
      if (publicUrl !== undefined) return address(publicUrl, key);
      if (cloudFront !== undefined) return this.#cloudFrontUrl(key, expiresIn, details);
    }
    const query: Record<string, string> = {};
    if (disposition) {
      query['response-content-disposition'] = contentDisposition(disposition.filename, { type: disposition.type });
    }
    if (contentType !== undefined) query['response-content-type'] = contentType;
    return (await this.#signer.sign({ method: 'GET', key, expiresIn, query }, details)).url;
  }

  async getUploadUrl(key: StorageKey, options: SignPutOptions, details: StorageErrorDetails): Promise<SignedUpload> {
    const { size, maxSize, expiresIn } = options;
    if (size !== undefined && size > Math.min(maxSize ?? size, MAX_SINGLE_BYTES)) {
      throw new InvalidOptionsError({
        ...details,
        reason: `one upload cannot have ${size} bytes`,
        advice: `At most ${Math.min(maxSize ?? MAX_SINGLE_BYTES, MAX_SINGLE_BYTES)} bytes are allowed.`,
      });
    }
    // Above what one request can carry, the store keeps the limit by itself.
    if (size === undefined && maxSize !== undefined && maxSize < MAX_SINGLE_BYTES) {
      return this.#form(key, options, maxSize, details);
    }
    assertHolds(this.#settings.dialect, 'single', options, details);
    const headers = {
      ...this.#objectHeaders(options, details),
      ...(options.ifNoneMatch !== undefined && { 'if-none-match': options.ifNoneMatch }),
    };
    // The client's HTTP library sets the length itself; it is signed all the same.
    const signed = { ...headers, ...(size !== undefined && { 'content-length': String(size) }) };
    const { url, expiresAt } = await this.#signer.sign({ method: 'PUT', key, expiresIn, headers: signed }, details);
    return { method: 'PUT', url, headers, expiresAt };
  }

  async #form(
    key: StorageKey,
    options: SignPutOptions,
    maxSize: number,
    details: StorageErrorDetails,
  ): Promise<SignedUpload> {
    if (!this.#settings.dialect.post || options.ifNoneMatch !== undefined) {
      throw new NotSupportedError({
        ...details,
        reason: this.#settings.dialect.post
          ? 'an upload form cannot bind that the key is free'
          : `${this.#settings.dialect.name} has no upload forms, which alone bind a largest size`,
        advice: 'Bind the exact size, or let the upload go through the app (via: "app").',
      });
    }
    const fields = this.#formFields(options, details);
    const request = { key, expiresIn: options.expiresIn, fields, maxSize };
    const { url, fields: all, expiresAt } = await this.#signer.signPost(request, details);
    return { method: 'POST', url, headers: {}, fields: all, expiresAt };
  }

  /** Type, metadata and what every new object of this storage gets. */
  #objectHeaders(options: SignPutOptions, details: StorageErrorDetails): Record<string, string> {
    const { Tagging, ACL } = this.#settings.newObject;
    return defined({
      'content-type': options.contentType,
      'x-amz-tagging': Tagging,
      'x-amz-acl': ACL,
      ...this.#commonHeaders(options, details),
    });
  }

  /** The same as fields of a form: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html */
  #formFields(options: SignPutOptions, details: StorageErrorDetails): Record<string, string> {
    const { tags } = this.#settings.options;
    return defined({
      'Content-Type': options.contentType,
      tagging: tags && taggingXml(tags),
      acl: this.#settings.newObject.ACL,
      ...this.#commonHeaders(options, details),
    });
  }

  /** What headers and form fields have one name for. */
  #commonHeaders({ metadata }: SignPutOptions, details: StorageErrorDetails): Record<string, string | undefined> {
    const { ServerSideEncryption, SSEKMSKeyId, StorageClass } = this.#settings.newObject;
    const headers: Record<string, string | undefined> = {
      'x-amz-server-side-encryption': ServerSideEncryption,
      'x-amz-server-side-encryption-aws-kms-key-id': SSEKMSKeyId,
      'x-amz-storage-class': StorageClass,
    };
    for (const [name, value] of Object.entries(
      encodeMetadata(metadata ?? {}, this.#settings.dialect.underscores, details),
    )) {
      headers[`x-amz-meta-${name}`] = value;
    }
    return headers;
  }

  async #cloudFrontUrl(key: StorageKey, expiresIn: number, details: StorageErrorDetails): Promise<string> {
    if (expiresIn > MAX_EXPIRY) {
      throw new InvalidOptionsError({ ...details, reason: `expiresIn is over the maximum of ${MAX_EXPIRY} seconds` });
    }
    const { url, keyPairId, privateKey, passphrase } = this.#settings.options.cloudFront!;
    const { getSignedUrl } = await loadCloudFrontSigner();
    // CloudFront counts whole seconds: never one more than was asked.
    const dateLessThan = new Date((Math.floor(Date.now() / 1000) + expiresIn) * 1000);
    return getSignedUrl({ url: address(url, key), keyPairId, privateKey, passphrase, dateLessThan });
  }
}

function defined(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function taggingXml(tags: Readonly<Record<string, string>>): string {
  const set = Object.entries(tags).map(
    ([name, value]) => `<Tag><Key>${xmlText(name)}</Key><Value>${xmlText(value)}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${set.join('')}</TagSet></Tagging>`;
}

function address(base: string, key: StorageKey): string {
  return `${base.replace(/\/+$/, '')}/${encodedPath(key)}`;
}
