/** The Authorization of requests: the SDK's token, and a new one where the service no longer takes it. */
import { bounded } from './bounded.js';
import type { GoogleAuthLike } from './gcs.options.js';
import { isRefusal, vendorFailure } from './vendor-failure.js';

export type AuthorizationHeaders = Readonly<Record<string, string>>;

/** Of the auth library's clients, what lets go of a token. */
interface TokenHolder {
  readonly credentials?: { readonly access_token?: string | null };
  setCredentials?(credentials: object): void;
}

export class Authorization {
  readonly #auth: GoogleAuthLike | undefined;
  readonly #seconds: number;

  /** @param seconds that a token may take */
  constructor(auth: GoogleAuthLike | undefined, seconds: number) {
    this.#auth = auth;
    this.#seconds = seconds;
  }

  /** @throws GcsFailure where no token is to be had, or the signal's reason */
  async headers(origin: string, signal?: AbortSignal): Promise<AuthorizationHeaders> {
    const auth = this.#auth;
    if (!auth) return {};
    try {
      const headers = await bounded(async () => auth.getRequestHeaders(origin), this.#seconds, signal);
      return Object.fromEntries(headers instanceof Headers ? headers : Object.entries(headers));
    } catch (error) {
      signal?.throwIfAborted();
      const failure = vendorFailure(error, 'no access token could be had');
      // A token endpoint that refuses the credentials is one thing, one out of reach another.
      throw failure.with(
        isRefusal(failure)
          ? { status: 401, reason: 'credentialsRefused' }
          : { reason: failure.reason ?? 'credentialsUnavailable' },
      );
    }
  }

  /** Others than those the service has refused, which may have been revoked before their time; undefined without. */
  async renewed(
    refused: AuthorizationHeaders,
    origin: string,
    signal?: AbortSignal,
  ): Promise<AuthorizationHeaders | undefined> {
    await this.#letGo(Object.values(refused));
    const headers = await this.headers(origin, signal);
    const known = new Set(Object.values(refused));
    return Object.values(headers).every((value) => known.has(value)) ? undefined : headers;
  }

  /** The library asks for a new token once the one it holds is over. */
  async #letGo(refused: readonly string[]): Promise<void> {
    const holder = (await this.#auth?.getClient?.()) as TokenHolder | undefined;
    const { credentials } = holder ?? {};
    const token = credentials?.access_token;
    // Another call may have fetched the new one already.
    if (token && refused.includes(`Bearer ${token}`)) holder?.setCredentials?.({ ...credentials, expiry_date: 1 });
  }
}
