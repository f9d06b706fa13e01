/** Who signs: a private key at hand, parsed once; else the IAM service through the SDK's credentials. */
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { StorageConfigurationError, type StorageErrorDetails } from '../../contract/index.js';
import { bounded } from './bounded.js';
import { SIGNING_DENIED } from './gcs-failure.js';
import type { GoogleAuthLike } from './gcs.options.js';
import { MAX_V4_EXPIRY, type V4Signer } from './v4-signature.js';
import { isPassing, isRefusal, vendorFailure } from './vendor-failure.js';

/** Signatures made on the spot in one turn of the event loop: about 2 milliseconds of RSA. */
const PER_TURN = 8;

/**
 * Seconds. The keys of the IAM service change, and what they signed ends with them, but not before this:
 * https://cloud.google.com/storage/docs/authentication/creating-signatures
 */
const MAX_IAM_EXPIRY = 43_200;

// With a callback Node signs on its thread pool.
const signOnPool = promisify(
  (key: KeyObject, text: Buffer, done: (error: Error | null, signature: Buffer) => void): void =>
    sign('RSA-SHA256', text, key, done),
);

/** A few links are signed at once, without a thread's detour; a page of a thousand goes to the pool and stalls nothing. */
export function keySigner(email: string, privateKey: string): V4Signer {
  const key = createPrivateKey(privateKey);
  let thisTurn = 0;
  return {
    email,
    maxExpiry: MAX_V4_EXPIRY,
    sign: async (text) => {
      if (thisTurn === 0) setImmediate(() => (thisTurn = 0));
      const bytes = Buffer.from(text);
      const signature = thisTurn++ < PER_TURN ? sign('RSA-SHA256', bytes, key) : await signOnPool(key, bytes);
      return signature.toString('hex');
    },
  };
}

/** @param seconds that a signature may take. The signer throws GcsFailure, or the signal's reason */
function iamSigner(email: string, auth: GoogleAuthLike, seconds: number): V4Signer {
  return {
    email,
    maxExpiry: MAX_IAM_EXPIRY,
    sign: async (text, signal) => {
      try {
        return Buffer.from(await bounded(async () => auth.sign(text), seconds, signal), 'base64').toString('hex');
      } catch (error) {
        signal?.throwIfAborted();
        const failure = vendorFailure(error, 'the IAM service signed nothing');
        throw isRefusal(failure) ? failure.with({ reason: SIGNING_DENIED }) : failure;
      }
    },
  };
}

/**
 * @param seconds that the credentials, and a signature of the IAM service, may take
 * @throws StorageConfigurationError where the credentials cannot sign
 */
export async function makeSigner(
  auth: GoogleAuthLike | undefined,
  seconds: number,
  details: StorageErrorDetails,
): Promise<V4Signer> {
  const advice = 'Signed URLs need a service account: its key file, or the identity of a Google machine.';
  if (!auth) {
    throw new StorageConfigurationError({ ...details, reason: 'an anonymous backend cannot sign URLs', advice });
  }
  let credentials: Awaited<ReturnType<GoogleAuthLike['getCredentials']>>;
  try {
    credentials = await bounded(async () => auth.getCredentials(), seconds);
  } catch (cause) {
    const failure = vendorFailure(cause, 'the credentials could not be looked up');
    // The metadata server may answer the next time.
    if (isPassing(failure)) throw failure;
    throw new StorageConfigurationError({ ...details, reason: 'the credentials cannot be read', advice, cause });
  }
  const { client_email: email, private_key: privateKey } = credentials;
  if (!email) {
    throw new StorageConfigurationError({ ...details, reason: 'the credentials are of no service account', advice });
  }
  if (!privateKey) return iamSigner(email, auth, seconds);
  try {
    return keySigner(email, privateKey);
  } catch {
    // OpenSSL's error is not kept: it may quote the key.
    throw new StorageConfigurationError({
      ...details,
      reason: 'the private key of the credentials cannot be parsed',
      advice: 'In a variable, line breaks of the key must stand as \\n within the JSON.',
    });
  }
}
