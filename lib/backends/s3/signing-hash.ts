/** SHA-256 and its HMAC as the AWS signer asks for them, with what it computes anew for every URL kept. */
import { createHash, createHmac, createSecretKey, type Hash, type Hmac, type KeyObject } from 'node:crypto';

type Bytes = string | ArrayBuffer | ArrayBufferView;

function bytesOf(data: Bytes): Uint8Array | string {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

/** Keys by the bytes they were made of: the signer holds on to the key of the day and passes it again. */
const keys = new WeakMap<object, KeyObject>();

function keyOf(secret: Bytes): KeyObject | string {
  if (typeof secret === 'string') return secret;
  let key = keys.get(secret);
  if (!key) {
    key = createSecretKey(bytesOf(secret) as Uint8Array);
    keys.set(secret, key);
  }
  return key;
}

export class SigningHash {
  readonly #secret: Bytes | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: Bytes) {
    this.#secret = secret;
    this.#hash = this.#new();
  }

  #new(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(this.#secret));
  }

  update(data: Bytes): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#new();
  }
}
