/** Makes and checks the URLs that the app itself serves. */
import {
  InvalidOptionsError,
  parseKey,
  PermissionDeniedError,
  safeName,
  StorageConfigurationError,
  type GetBinding,
  type PutBinding,
  type SignedUpload,
  type SignGetOptions,
  type SignPutOptions,
  type StorageKey,
  type StorageOperation,
  type UrlSigner,
} from '../contract/index.js';
import { decodeClaims, encodeClaims, readHead, type SignedClaims, type SignedPurpose } from './signed-token.js';
import { MAC_BYTES, SigningKeys } from './signing-keys.js';

export interface SignedUrlsOptions {
  /** The first signs, all verify: put a new one in front to rotate. Each has at least 32 bytes. */
  readonly secrets: readonly string[];
  /** Address of the routes, like `https://app.example/files`. A function is asked for each URL. */
  readonly baseUrl: string | (() => string);
}

/** What a URL whose signature holds allows. */
export interface SignedRequest extends Omit<SignedClaims, 'key'> {
  readonly key: StorageKey;
}

/** Everything that can be wrong with a signed URL looks the same from outside. */
export class InvalidSignedUrlError extends PermissionDeniedError {
  constructor(operation: StorageOperation, reason: string, cause?: unknown) {
    super({
      operation,
      reason: `the signed URL is refused: ${reason}`,
      advice: 'Ask for a new URL.',
      clientMessage: 'This link is not valid or has expired.',
      cause,
    });
  }
}

/**
 * Longest token in characters. With the name behind it a URL stays under the 8 KiB that proxies take for a request
 * line, and well under the 16 KiB that Node takes for all headers.
 */
const MAX_TOKEN = 6000;

/** Longest name behind the token, in bytes before percent-encoding. */
const MAX_NAME_BYTES = 200;

const BASE64URL = /^[A-Za-z0-9_-]+$/;

function bytesOf(token: unknown): Buffer | undefined {
  if (typeof token !== 'string' || token.length > MAX_TOKEN || !BASE64URL.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  // Other spellings of the same bytes exist (spare bits of the last character); only one is ours.
  return bytes.toString('base64url') === token && bytes.length > MAC_BYTES ? bytes : undefined;
}

function absolute(baseUrl: string): string {
  if (!/^https?:\/\/[^/?#]+(?:\/[^?#]*)?$/.test(baseUrl)) {
    throw new StorageConfigurationError({
      reason: `the base URL of signed routes, ${JSON.stringify(baseUrl)}, is not an http address without query`,
      advice: 'Set STORAGE_BASE_URL to the address of the routes, like https://app.example/files.',
    });
  }
  return baseUrl.endsWith('/') ? baseUrl.slice(0, -1) : baseUrl;
}

/** Signs and verifies URLs of the form `{baseUrl}/{token}/{name}`. The token says everything, the name is for people. */
export class SignedUrls implements UrlSigner {
  readonly getBindings: readonly GetBinding[] = ['expiry', 'disposition', 'filename', 'contentType'];
  readonly putBindings: readonly PutBinding[] = ['expiry', 'contentType', 'size', 'maxSize', 'createOnly', 'metadata'];
  readonly #keys: SigningKeys;
  readonly #baseUrl: () => string;

  /** @throws StorageConfigurationError */
  constructor(options: SignedUrlsOptions) {
    this.#keys = new SigningKeys(options.secrets);
    const { baseUrl } = options;
    if (typeof baseUrl === 'function') this.#baseUrl = () => absolute(baseUrl());
    else {
      const fixed = absolute(baseUrl);
      this.#baseUrl = () => fixed;
    }
  }

  signGet(storage: string, key: StorageKey, options: SignGetOptions): string {
    const { disposition, contentType } = options;
    const expires = expiryOf(options.expiresIn);
    return this.#url({ storage, purpose: 'get', key, expires, disposition, contentType });
  }

  signPut(storage: string, key: StorageKey, options: SignPutOptions): SignedUpload {
    const { contentType, size, maxSize, ifNoneMatch, metadata } = options;
    const expires = expiryOf(options.expiresIn);
    const createOnly = ifNoneMatch === '*';
    return {
      method: 'PUT',
      url: this.#url({ storage, purpose: 'put', key, expires, contentType, size, maxSize, createOnly, metadata }),
      headers: contentType === undefined ? {} : { 'Content-Type': contentType },
      expiresAt: new Date(expires * 1000),
    };
  }

  /** @throws InvalidSignedUrlError for whatever is wrong, an expired token included */
  verify(token: string, purpose: SignedPurpose): SignedRequest {
    const operation: StorageOperation = purpose === 'get' ? 'get' : 'put';
    const bytes = bytesOf(token);
    const head = bytes && readHead(bytes);
    if (!bytes || !head) throw new InvalidSignedUrlError(operation, 'it is malformed');
    const claims = bytes.subarray(0, -MAC_BYTES);
    if (!this.#keys.verify(head.keyId, head.purpose, claims, bytes.subarray(-MAC_BYTES))) {
      throw new InvalidSignedUrlError(operation, 'its signature does not hold');
    }
    if (head.purpose !== purpose) throw new InvalidSignedUrlError(operation, `it was not made for ${purpose}`);
    let request: SignedRequest;
    try {
      const decoded = decodeClaims(claims);
      request = { ...decoded, key: parseKey(decoded.key, { operation }) };
    } catch (error) {
      throw new InvalidSignedUrlError(operation, 'its claims cannot be read', error);
    }
    if (request.expires * 1000 <= Date.now()) throw new InvalidSignedUrlError(operation, 'it has expired');
    return request;
  }

  #url(claims: SignedClaims): string {
    const details = { operation: claims.purpose === 'get' ? ('getUrl' as const) : ('getUploadUrl' as const) };
    let token: string;
    try {
      const bytes = encodeClaims(claims, this.#keys.currentId);
      token = Buffer.concat([bytes, this.#keys.sign(claims.purpose, bytes)]).toString('base64url');
    } catch (error) {
      throw new InvalidOptionsError({ ...details, key: claims.key, reason: 'the URL cannot hold this', cause: error });
    }
    if (token.length > MAX_TOKEN) {
      throw new InvalidOptionsError({
        ...details,
        key: claims.key,
        reason: `the URL would have a token of ${token.length} characters, more than the ${MAX_TOKEN} that servers take`,
        advice: 'Bind less metadata or a shorter file name.',
      });
    }
    const name = safeName(claims.disposition?.filename ?? claims.key, { maxBytes: MAX_NAME_BYTES });
    return `${this.#baseUrl()}/${token}/${encodeURIComponent(name)}`;
  }
}

function expiryOf(expiresIn: number): number {
  // Tokens hold whole seconds: a URL lives at least as long as was asked.
  return Math.ceil(Date.now() / 1000) + expiresIn;
}

/** Name of the storage that a token claims to be of. To be verified by that storage's signer. */
export function claimedStorage(token: unknown): string | undefined {
  const bytes = bytesOf(token);
  return bytes && readHead(bytes)?.storage;
}
