/**
 * Presigned URLs. The AWS packages' signer does the signing; what its high-level function does anew for every URL
 * (endpoint resolution, the middleware of a command, the making of a signer) is done once here.
 */
import type { S3Client } from '@aws-sdk/client-s3';
import type { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import {
  InvalidOptionsError,
  NotSupportedError,
  PermissionDeniedError,
  type StorageErrorDetails,
} from '../../contract/index.js';
import type { S3Connection } from './s3.connection.js';
import { toStorageError } from './s3.errors.js';
import type { S3Credentials } from './s3.options.js';
import { loadPostPolicies, loadPresigner } from './s3.sdk.js';
import { MAX_EXPIRY } from './s3.settings.js';
import { signingDate } from './signing-date.js';
import { signingHash } from './signing-hash.js';
import { encodedPath, encodedQuery } from './url-path.js';

export interface UrlToSign {
  readonly method: 'GET' | 'PUT';
  readonly key: string;
  readonly expiresIn: number;
  readonly query?: Readonly<Record<string, string>>;
  /** All of them are signed: the request has to carry them as they are. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PostToSign {
  readonly key: string;
  readonly expiresIn: number;
  readonly fields: Readonly<Record<string, string>>;
  /** Largest size in bytes. */
  readonly maxSize: number;
}

export interface Signed {
  readonly url: string;
  readonly expiresAt: Date;
}

/** What all URLs of the bucket have in common. */
interface Address {
  readonly client: S3Client;
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  /** Before the key, ending with a slash. */
  readonly path: string;
  readonly region: string;
  readonly service: string;
}

interface Signer {
  readonly credentials: S3Credentials;
  readonly presigner: S3RequestPresigner;
}

const PROBE = 'k';

export class S3UrlSigner {
  readonly #connection: S3Connection;
  #address: Address | undefined;
  #signer: Signer | undefined;

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  /** @throws InvalidOptionsError for an expiry above 7 days, PermissionDeniedError when the credentials have expired */
  async sign(request: UrlToSign, details: StorageErrorDetails): Promise<Signed> {
    const { method, key, query, headers } = request;
    const address = this.#address ?? (await this.#resolve(details));
    const { presigner, credentials } = await this.#current(address, details);
    const now = nowOf(address);
    const expiresIn = cappedExpiry(request.expiresIn, credentials, now, details);
    const { protocol, hostname, port } = address;
    // Headers that went into the query would be bound as well, but not every store applies them from there.
    const bound = headers && new Set(Object.keys(headers));
    const signed = await presigner.presign(
      {
        method,
        protocol,
        hostname,
        port,
        path: address.path + encodedPath(key),
        // The signer works on a copy of the query, but sets headers in what it is given.
        query: query as Record<string, string> | undefined,
        headers: { ...headers },
      },
      {
        expiresIn,
        signingDate: signingDate(now),
        signingRegion: address.region,
        signingService: address.service,
        signableHeaders: bound,
        unhoistableHeaders: bound,
      },
    );
    return {
      url: `${protocol}//${signed.headers['host']}${signed.path}?${encodedQuery(signed.query ?? {})}`,
      expiresAt: new Date(now + expiresIn * 1000),
    };
  }

  /** A form with a policy on key, size, type and whatever else its fields hold. */
  async signPost(
    request: PostToSign,
    details: StorageErrorDetails,
  ): Promise<Signed & { readonly fields: Readonly<Record<string, string>> }> {
    const { key, fields, maxSize } = request;
    if (key.includes('${filename}')) {
      throw new NotSupportedError({
        ...details,
        reason: 'in an upload form the store would put the name of the file in place of ${filename}',
        advice: 'Choose another key, or bind an exact size.',
      });
    }
    const { createPresignedPost } = await loadPostPolicies();
    const address = this.#address ?? (await this.#resolve(details));
    const { credentials } = await this.#current(address, details);
    const now = nowOf(address);
    const expiresIn = cappedExpiry(request.expiresIn, credentials, now, details);
    const post = await this.#connection.run(details, {}, (client) =>
      createPresignedPost(client as Parameters<typeof createPresignedPost>[0], {
        Bucket: this.#connection.settings.bucket,
        Key: key,
        Fields: { ...fields },
        Conditions: [['content-length-range', 0, maxSize]],
        Expires: expiresIn,
      }),
    );
    return { url: post.url, fields: post.fields, expiresAt: new Date(now + expiresIn * 1000) };
  }

  /** Where the SDK itself would send a request for this bucket, and for what region and service it would sign. */
  async #resolve(details: StorageErrorDetails): Promise<Address> {
    const { getSignedUrl } = await loadPresigner();
    const { bucket } = this.#connection.settings;
    const [client, url] = await this.#connection.run(details, {}, async (ready, sdk) => {
      const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: PROBE });
      return [ready, await getSignedUrl(ready, command)] as const;
    });
    const { protocol, hostname, port, pathname, searchParams } = new URL(url);
    const [region, service] = (searchParams.get('X-Amz-Credential') ?? '').split('/').slice(2);
    if (region === undefined || service === undefined) {
      throw new NotSupportedError({ ...details, reason: 'URLs of this kind of bucket cannot be signed' });
    }
    const path = pathname.slice(0, -PROBE.length);
    this.#address = { client, protocol, hostname, port: port === '' ? undefined : Number(port), path, region, service };
    return this.#address;
  }

  /** Without run() and further layers: they would cost as much as the signature. */
  async #current({ client, region }: Address, details: StorageErrorDetails): Promise<Signer> {
    let credentials: S3Credentials;
    try {
      credentials = await client.config.credentials();
    } catch (error) {
      throw toStorageError(error, { details });
    }
    if (this.#signer?.credentials !== credentials) {
      const { S3RequestPresigner } = await loadPresigner();
      const presigner = new S3RequestPresigner({ credentials, region, sha256: signingHash() });
      this.#signer = { credentials, presigner };
    }
    return this.#signer;
  }
}

function nowOf({ client }: Address): number {
  return Date.now() + client.config.systemClockOffset;
}

/** A URL dies with the temporary credentials that signed it, whatever it says itself. */
function cappedExpiry(asked: number, credentials: S3Credentials, now: number, details: StorageErrorDetails): number {
  if (asked > MAX_EXPIRY) {
    throw new InvalidOptionsError({
      ...details,
      reason: `expiresIn of ${asked} seconds is over the ${MAX_EXPIRY} (7 days) that S3 allows`,
      advice: 'Ask for less, and sign again when it is needed.',
    });
  }
  if (credentials.expiration === undefined) return asked;
  const left = Math.floor((credentials.expiration.getTime() - now) / 1000);
  if (left < 1) {
    throw new PermissionDeniedError({
      ...details,
      reason: 'the temporary credentials have expired',
      advice: 'Let the credentials be renewed.',
    });
  }
  return Math.min(asked, left);
}
