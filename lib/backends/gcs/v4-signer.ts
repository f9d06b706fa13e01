/** Who signs: a private key at hand, parsed once; else the IAM service through the SDK's credentials. */
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { PermissionDeniedError, StorageConfigurationError, type StorageErrorDetails } from '../../contract/index.js';
import type { GoogleAuthLike } from './gcs.options.js';
import type { V4Signer } from './v4-signature.js';

/** Signatures made on the spot in one turn of the event loop: about 2 milliseconds of RSA. */
const PER_TURN = 8;

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
    sign: async (text) => {
      if (thisTurn === 0) setImmediate(() => (thisTurn = 0));
      const bytes = Buffer.from(text);
      const signature = thisTurn++ < PER_TURN ? sign('RSA-SHA256', bytes, key) : await signOnPool(key, bytes);
      return signature.toString('hex');
    },
  };
}

function iamSigner(email: string, auth: GoogleAuthLike, details: StorageErrorDetails): V4Signer {
  return {
    email,
    sign: async (text) => {
      try {
        return Buffer.from(await auth.sign(text), 'base64').toString('hex');
      } catch (cause) {
        throw new PermissionDeniedError({
          ...details,
          reason: 'the URL could not be signed',
          advice:
            'Without a private key the IAM service signs: give the service account the role Service Account Token ' +
            'Creator on itself, or use a service account key.',
          cause,
        });
      }
    },
  };
}

/** @throws StorageConfigurationError where the credentials cannot sign */
export async function makeSigner(auth: GoogleAuthLike | undefined, details: StorageErrorDetails): Promise<V4Signer> {
  const advice = 'Signed URLs need a service account: its key file, or the identity of a Google machine.';
  if (!auth) {
    throw new StorageConfigurationError({ ...details, reason: 'an anonymous backend cannot sign URLs', advice });
  }
  let credentials: Awaited<ReturnType<GoogleAuthLike['getCredentials']>>;
  try {
    credentials = await auth.getCredentials();
  } catch (cause) {
    throw new StorageConfigurationError({ ...details, reason: 'the credentials cannot be read', advice, cause });
  }
  const { client_email: email, private_key: privateKey } = credentials;
  if (!email) {
    throw new StorageConfigurationError({ ...details, reason: 'the credentials are of no service account', advice });
  }
  if (!privateKey) return iamSigner(email, auth, details);
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
