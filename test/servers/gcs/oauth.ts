/** The token endpoint: signed assertions in, access tokens out, and the check of those on every call. */
import { randomBytes, verify, type KeyObject } from 'node:crypto';
import type { Call } from './call.js';
import { Refusal, sendJson } from './errors.js';

/** Google's addresses of it, which the auth library signs as the audience whatever address it really asks. */
const AUDIENCES = new Set<unknown>([
  'https://oauth2.googleapis.com/token',
  'https://www.googleapis.com/oauth2/v4/token',
]);
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const SCOPES =
  /(?:^| )https:\/\/www\.googleapis\.com\/auth\/(?:cloud-platform|devstorage\.(?:full_control|read_write))(?: |$)/;

export interface ServiceAccount {
  readonly email: string;
  readonly publicKey: KeyObject;
}

class OAuthRefusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

function decoded(part: string | undefined): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Record<string, unknown>;
  } catch {
    throw new OAuthRefusal('invalid_grant', 'Invalid JWT: not JSON.');
  }
}

export class TokenEndpoint {
  readonly #account: ServiceAccount;
  readonly #seconds: number;
  /** Tokens and the time they end, in milliseconds. */
  readonly #tokens = new Map<string, number>();
  issued = 0;

  /** @param seconds that a token lives */
  constructor(account: ServiceAccount, seconds: number) {
    this.#account = account;
    this.#seconds = seconds;
  }

  /** A new token, as the answer says it. */
  issue(): { readonly access_token: string; readonly expires_in: number; readonly token_type: 'Bearer' } {
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    this.#tokens.set(token, Date.now() + this.#seconds * 1000);
    this.issued++;
    return { access_token: token, expires_in: this.#seconds, token_type: 'Bearer' };
  }

  async answer(call: Call): Promise<void> {
    try {
      if (call.method !== 'POST') throw new OAuthRefusal('invalid_request', 'POST only', 405);
      const form = new URLSearchParams((await call.body()).toString());
      if (!call.header('content-type')?.startsWith('application/x-www-form-urlencoded')) {
        throw new OAuthRefusal('invalid_request', 'Bad content type');
      }
      if (form.get('grant_type') !== GRANT) throw new OAuthRefusal('unsupported_grant_type', 'Invalid grant_type');
      this.#verify(form.get('assertion') ?? '');
      sendJson(call.res, 200, this.issue());
    } catch (error) {
      if (!(error instanceof OAuthRefusal)) throw error;
      sendJson(call.res, error.status, { error: error.code, error_description: error.message });
    }
  }

  /** Makes every token given out so far worthless. */
  revokeAll(): void {
    this.#tokens.clear();
  }

  /** @throws Refusal 401 */
  assertToken(call: Call): void {
    const header = call.header('authorization');
    if (header === undefined) {
      throw new Refusal(401, 'required', 'Anonymous caller does not have storage access to this resource.', {
        'www-authenticate': 'Bearer realm="https://accounts.google.com/"',
      });
    }
    const token = /^Bearer (\S+)$/.exec(header)?.[1];
    const ends = token === undefined ? undefined : this.#tokens.get(token);
    if (ends === undefined || ends < Date.now()) throw new Refusal(401, 'authError', 'Invalid Credentials');
  }

  #verify(assertion: string): void {
    const [head, claims, signature, ...more] = assertion.split('.');
    if (signature === undefined || more.length > 0)
      throw new OAuthRefusal('invalid_grant', 'Invalid JWT: three parts.');
    const { alg } = decoded(head);
    if (alg !== 'RS256') throw new OAuthRefusal('invalid_grant', 'Invalid JWT: algorithm.');
    const signed = Buffer.from(`${head}.${claims}`);
    if (!verify('RSA-SHA256', signed, this.#account.publicKey, Buffer.from(signature, 'base64url'))) {
      throw new OAuthRefusal('invalid_grant', 'Invalid JWT Signature.');
    }
    const { iss, aud, iat, exp, scope } = decoded(claims);
    if (iss !== this.#account.email) throw new OAuthRefusal('invalid_grant', 'Invalid grant: account not found');
    if (!AUDIENCES.has(aud)) throw new OAuthRefusal('invalid_grant', 'Invalid JWT: audience.');
    const now = Date.now() / 1000;
    const timely = typeof iat === 'number' && typeof exp === 'number' && iat <= now + 300 && exp > now;
    if (!timely || exp - iat > 3600) throw new OAuthRefusal('invalid_grant', 'Invalid JWT: Token must be short-lived.');
    if (typeof scope !== 'string' || !SCOPES.test(scope)) throw new OAuthRefusal('invalid_scope', 'Bad scope');
  }
}
