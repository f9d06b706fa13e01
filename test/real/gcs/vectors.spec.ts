/** Google's published V4 vectors, against the driver's signer and the contract server's verifier. */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { signV4Url } from '../../../lib/backends/gcs/v4-signature.js';
import { keySigner } from '../../../lib/backends/gcs/v4-signer.js';
import { verifyPolicySignature, verifyV4 } from '../../servers/gcs/v4-verifier.js';

interface UrlVector {
  readonly description: string;
  readonly bucket: string;
  readonly object?: string;
  readonly method: string;
  readonly expiration: number | string;
  readonly timestamp: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly queryParameters?: Readonly<Record<string, string>>;
  readonly scheme?: string;
  readonly urlStyle?: string;
  readonly bucketBoundHostname?: string;
  readonly hostname?: string;
  readonly clientEndpoint?: string;
  readonly emulatorHostname?: string;
  readonly universeDomain?: string;
  readonly expectedUrl: string;
}

interface PolicyVector {
  readonly description: string;
  readonly policyOutput: { readonly fields: Readonly<Record<string, string>> };
}

const folder = 'test/real/gcs/vectors';

function read<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
}

const vectors = read<{ signingV4Tests: UrlVector[]; postPolicyV4Tests: PolicyVector[] }>('v4_signatures.json');
const account = read<{ client_email: string; private_key: string }>('service-account.json');
const signer = keySigner(account.client_email, account.private_key);
const known = { email: account.client_email, publicKey: createPublicKey(account.private_key) };

/** Where a client of these settings sends its requests. */
function originOf(vector: UrlVector): string {
  const { scheme = 'https', urlStyle, bucket, bucketBoundHostname, universeDomain = 'googleapis.com' } = vector;
  if (urlStyle === 'VIRTUAL_HOSTED_STYLE') return `${scheme}://${bucket}.storage.${universeDomain}`;
  if (bucketBoundHostname !== undefined) return `${scheme}://${bucketBoundHostname}`;
  const host = vector.hostname ?? vector.clientEndpoint ?? vector.emulatorHostname ?? `storage.${universeDomain}`;
  return /^https?:/.test(host) ? host : `${scheme}://${host}`;
}

/** In one order of parameters, without a default port. */
function comparable(text: string): string {
  const url = new URL(text);
  return `${url.origin}${url.pathname}?${url.search.slice(1).split('&').sort().join('&')}`;
}

describe('signed URLs of the published vectors', () => {
  it.each(vectors.signingV4Tests.map((vector): [string, UrlVector] => [vector.description, vector]))(
    '%s',
    async (_description, vector) => {
      const { bucket, object, method, headers = {}, queryParameters = {}, expiration, timestamp } = vector;
      const inPath = vector.urlStyle === undefined || vector.urlStyle === 'PATH_STYLE';
      const path = `${inPath ? `/${bucket}` : ''}${object === undefined ? '' : `/${object}`}`;
      const url = await signV4Url(
        {
          method,
          origin: originOf(vector),
          path,
          headers,
          query: queryParameters,
          expiresIn: Number(expiration),
          date: new Date(timestamp),
        },
        signer,
      );
      expect(comparable(url)).toBe(comparable(vector.expectedUrl));
      const { pathname, search, hostname } = new URL(vector.expectedUrl);
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      const request = { method, path: pathname, rawQuery: search.slice(1), headers: { ...lower, host: hostname } };
      expect(verifyV4(request, known, new Date(timestamp), 'any').get('X-Goog-Algorithm')).toBe('GOOG4-RSA-SHA256');
      const forged = { ...request, method: method === 'GET' ? 'PUT' : 'GET' };
      expect(() => verifyV4(forged, known, new Date(timestamp), 'any')).toThrow('Access denied.');
    },
  );
});

const policies = vectors.postPolicyV4Tests;

/** Policies are no part of the driver; its key signs them all the same. */
describe('signatures of the published policies', () => {
  it.each(policies.map((vector): [string, PolicyVector] => [vector.description, vector]))(
    '%s',
    async (_description, { policyOutput: { fields } }) => {
      const signature = fields['x-goog-signature']!;
      expect(await signer.sign(fields.policy!)).toBe(signature);
      expect(verifyPolicySignature(fields.policy!, signature, known)).toBe(true);
      expect(verifyPolicySignature(`${fields.policy!}=`, signature, known)).toBe(false);
    },
  );
});

it('has all that were published', () => {
  expect([vectors.signingV4Tests.length, policies.length]).toEqual([29, 11]);
});
