/** URLs of one file at Cloudinary: for this process, for clients until an expiry, transformed, and for uploads. */
import {
  NotSupportedError,
  type ImageTransform,
  type SignedUpload,
  type StorageErrorDetails,
} from '../../contract/index.js';
import { DELIVERY_TYPE, type CloudinaryClient } from './cloudinary-client.js';
import type { CheckedOptions } from './cloudinary-options.js';
import type { CloudinarySdk } from './cloudinary-sdk.js';
import type { AssetName } from './public-id.js';

/** Cloudinary takes a signed upload for an hour from its timestamp. */
export const MAX_UPLOAD_SECONDS = 3600;

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Cloudinary's name of the format that a key's extension stands for; undefined where there is none. */
export function formatOfKey(key: string): string | undefined {
  const extension = /\.([A-Za-z0-9]+)$/.exec(key)?.[1]?.toLowerCase();
  return extension && ({ jpeg: 'jpg', jpe: 'jpg', tif: 'tiff' }[extension] ?? extension);
}

export class SignedUrls {
  readonly #client: CloudinaryClient;
  readonly #options: CheckedOptions;

  constructor(client: CloudinaryClient, options: CheckedOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Whether a transformed image can have a URL at all. */
  get transforms(): boolean {
    const { resourceType, authTokenKey, lastingTransformUrls } = this.#options;
    return resourceType !== 'raw' && (authTokenKey !== undefined || lastingTransformUrls);
  }

  /**
   * The original through the CDN; for this process, since it does not expire.
   *
   * @param format of images and videos as stored: any other would be a conversion
   * @param version part of the CDN's name for the bytes; any number is served the current ones
   */
  async delivery(name: AssetName, format: string | undefined, version: number): Promise<string> {
    const sdk = await this.#client.sdk();
    return this.#deliveryUrl(sdk, name, { version, ...(name.resourceType !== 'raw' && { format }) }, true);
  }

  /**
   * The original through the API, until it expires.
   *
   * @param format of images and videos as stored: any other would be a conversion
   */
  async download(name: AssetName, format: string | undefined, expiresIn: number): Promise<string> {
    const sdk = await this.#client.sdk();
    return sdk.utils.private_download_url(name.publicId, format ?? '', {
      ...this.#client.credentials(),
      resource_type: name.resourceType,
      type: DELIVERY_TYPE,
      expires_at: nowSeconds() + expiresIn,
    });
  }

  /** A changed image through the CDN. @throws NotSupportedError for raw files, and where the URL could not expire */
  async transformed(
    name: AssetName,
    transform: ImageTransform,
    expiresIn: number,
    details: StorageErrorDetails,
  ): Promise<string> {
    if (name.resourceType === 'raw') {
      throw new NotSupportedError({
        ...details,
        reason: 'this file is kept as raw bytes, which Cloudinary does not transform',
        advice: 'Set resourceType to "auto" and give the key the extension of its image format.',
      });
    }
    const { authTokenKey, lastingTransformUrls } = this.#options;
    if (authTokenKey === undefined && !lastingTransformUrls) {
      throw new NotSupportedError({
        ...details,
        reason: 'a URL of a transformed image would never expire',
        advice: 'Set authTokenKey where the account has token-based authentication, or allow lastingTransformUrls.',
      });
    }
    const sdk = await this.#client.sdk();
    const { width, height, crop = 'limit', format, quality } = transform;
    const url = this.#deliveryUrl(
      sdk,
      name,
      {
        ...(width !== undefined && { width }),
        ...(height !== undefined && { height }),
        ...((width !== undefined || height !== undefined) && { crop }),
        ...(format !== undefined && { fetch_format: format }),
        ...(quality !== undefined && { quality }),
      },
      authTokenKey === undefined,
    );
    if (authTokenKey === undefined) return url;
    const bound = { key: authTokenKey, url: new URL(url).pathname, expiration: nowSeconds() + expiresIn };
    // The typings demand an acl beside the url; with one, the token would not be bound to the url.
    const token = sdk.utils.generate_auth_token(
      bound as unknown as Parameters<typeof sdk.utils.generate_auth_token>[0],
    );
    return `${url}?${token}`;
  }

  /** @param context metadata as Cloudinary holds it. @param expiresIn seconds, at most MAX_UPLOAD_SECONDS */
  async upload(name: AssetName, context: Record<string, string>, expiresIn: number): Promise<SignedUpload> {
    const sdk = await this.#client.sdk();
    const pairs = Object.entries(context).map(([key, value]) => `${key}=${value.replace(/[=|]/g, '\\$&')}`);
    const now = nowSeconds();
    const signed = sdk.utils.sign_request(
      {
        // What is signed an hour ago less expiresIn is valid for expiresIn more.
        timestamp: now + expiresIn - MAX_UPLOAD_SECONDS,
        public_id: name.publicId,
        type: DELIVERY_TYPE,
        overwrite: 1,
        invalidate: 1,
        ...(pairs.length > 0 && { context: pairs.join('|') }),
      },
      this.#client.credentials(),
    );
    const { apiUrl, cloudName } = this.#options;
    return {
      method: 'POST',
      url: `${apiUrl}/v1_1/${cloudName}/${name.resourceType}/upload`,
      headers: {},
      fields: Object.fromEntries(Object.entries(signed).map(([field, value]) => [field, String(value)])),
      expiresAt: new Date((now + expiresIn) * 1000),
    };
  }

  #deliveryUrl(sdk: CloudinarySdk, name: AssetName, how: Record<string, unknown>, signed: boolean): string {
    const { cloudName, apiSecret, signatureAlgorithm, deliveryUrl } = this.#options;
    const url = sdk.url(name.publicId, {
      cloud_name: cloudName,
      api_secret: apiSecret,
      signature_algorithm: signatureAlgorithm,
      resource_type: name.resourceType,
      type: DELIVERY_TYPE,
      sign_url: signed,
      // Nothing of the SDK's global configuration may change the shape of the URL.
      auth_token: false as unknown as undefined,
      secure: true,
      private_cdn: false,
      cname: undefined,
      secure_distribution: 'res.cloudinary.com',
      secure_cdn_subdomain: false,
      cdn_subdomain: false,
      shorten: false,
      use_root_path: false,
      long_url_signature: false,
      force_version: true,
      urlAnalytics: false,
      ...how,
    });
    const path = url.slice(`https://res.cloudinary.com/${cloudName}`.length);
    return deliveryUrl + path;
  }
}
