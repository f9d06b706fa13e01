/** Keys for signed URLs: one per secret and purpose, derived once. */
import { createHmac, createSecretKey, hkdfSync, timingSafeEqual, type KeyObject } from 'node:crypto';
import { StorageConfigurationError } from '../contract/index.js';
import { KEY_ID_BYTES, type SignedPurpose } from './signed-token.js';

export const MAC_BYTES = 32;

/** NIST SP 800-107, 5.3.4: an HMAC key should be as long as the digest. */
export const MIN_SECRET_BYTES = 32;

interface SigningKey {
  /** Names the secret in a token without telling anything of it. */
  readonly id: Buffer;
  readonly keys: Readonly<Record<SignedPurpose, KeyObject>>;
}

/** HKDF (RFC 5869) with one label per use, so that no key ever serves two purposes. */
function derive(secret: string, label: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `nestjs-storage/signed-url/v1/${label}`, bytes));
}

function signingKey(secret: string): SigningKey {
  if (typeof secret !== 'string' || Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    throw new StorageConfigurationError({
      reason: `a secret for signed URLs has fewer than ${MIN_SECRET_BYTES} bytes`,
      advice: 'Set STORAGE_URL_SECRET to the output of: openssl rand -base64 32',
    });
  }
  const purposeKey = (purpose: SignedPurpose) => createSecretKey(derive(secret, purpose, MAC_BYTES));
  return { id: derive(secret, 'key-id', KEY_ID_BYTES), keys: { get: purposeKey('get'), put: purposeKey('put') } };
}

function mac(key: SigningKey, purpose: SignedPurpose, claims: Buffer): Buffer {
  return createHmac('sha256', key.keys[purpose]).update(claims).digest();
}

/** The secrets of one signer: the first signs, all verify. */
export class SigningKeys {
  readonly #current: SigningKey;
  readonly #byId: ReadonlyMap<string, SigningKey>;

  /** @throws StorageConfigurationError for no secret or a short one */
  constructor(secrets: readonly string[]) {
    const keys = secrets.map(signingKey);
    if (!keys[0]) throw new StorageConfigurationError({ reason: 'signed URLs need at least one secret' });
    [this.#current] = keys as [SigningKey, ...SigningKey[]];
    this.#byId = new Map(keys.map((key) => [key.id.toString('latin1'), key]));
  }

  get currentId(): Buffer {
    return this.#current.id;
  }

  sign(purpose: SignedPurpose, claims: Buffer): Buffer {
    return mac(this.#current, purpose, claims);
  }

  /** In constant time over digests of fixed length. */
  verify(keyId: string, purpose: SignedPurpose, claims: Buffer, given: Buffer): boolean {
    const key = this.#byId.get(keyId);
    return key !== undefined && given.length === MAC_BYTES && timingSafeEqual(mac(key, purpose, claims), given);
  }
}
