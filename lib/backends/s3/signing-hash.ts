/** SHA-256 and its HMAC as the AWS signer asks for them, with what it computes anew for every URL kept. */
import { createHash, createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** What the signer makes a new one of for every hash. */
export interface SigningHashConstructor {
  new (secret?: Bytes): {
    update(data: Bytes): void;
    digest(): Promise<Uint8Array>;
    reset(): void;
  };
}

function bytesOf(data: Bytes): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function sha256(parts: readonly Uint8Array[]): Uint8Array {
  // In one call for what comes in one piece, which costs a third.
  if (parts.length === 1) return hash('sha256', parts[0]!, 'buffer');
  const running = createHash('sha256');
  for (const part of parts) running.update(part);
  return running.digest();
}

function hmac(key: KeyObject | string, parts: readonly Uint8Array[]): Uint8Array {
  const running = createHmac('sha256', key);
  for (const part of parts) running.update(part);
  return running.digest();
}

/** A constructor for one signer, which keeps nothing for longer than the signer lives. */
export function signingHash(): SigningHashConstructor {
  // The key of the day, by the bytes that the signer holds on to and passes again.
  const keys = new WeakMap<object, KeyObject>();
  // The signer finds its key of the day by an HMAC of the secret and the key id, the same for every URL.
  let last: { readonly secret: string; readonly data: Uint8Array; readonly digest: Uint8Array } | undefined;

  function withSecret(secret: string, parts: readonly Uint8Array[]): Uint8Array {
    const [data] = parts;
    if (data === undefined || parts.length > 1) return hmac(secret, parts);
    if (last?.secret !== secret || Buffer.compare(last.data, data) !== 0) {
      last = { secret, data, digest: hmac(secret, parts) };
    }
    return last.digest;
  }

  function withKey(secret: Exclude<Bytes, string>, parts: readonly Uint8Array[]): Uint8Array {
    let key = keys.get(secret);
    if (!key) {
      key = createSecretKey(bytesOf(secret));
      keys.set(secret, key);
    }
    return hmac(key, parts);
  }

  return class SigningHash {
    readonly #secret: Bytes | undefined;
    #parts: Uint8Array[] = [];

    constructor(secret?: Bytes) {
      this.#secret = secret;
    }

    update(data: Bytes): void {
      this.#parts.push(bytesOf(data));
    }

    async digest(): Promise<Uint8Array> {
      const secret = this.#secret;
      if (secret === undefined) return sha256(this.#parts);
      return typeof secret === 'string' ? withSecret(secret, this.#parts) : withKey(secret, this.#parts);
    }

    reset(): void {
      this.#parts = [];
    }
  };
}
