/** Calls of the JSON API: credentials, parameters, repetition within the SDK's bounds, failures by reason. */
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { CheckedGcsOptions, GoogleAuthLike } from './gcs.options.js';
import { failureOf, GcsFailure } from './gcs-failure.js';
import type { GcsSdk } from './gcs-sdk.js';
import { HttpTransport, StaleSocketError, type HttpResponse } from './http-transport.js';

export interface GcsCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path below the endpoint, its parts encoded; or the whole URL of an upload session. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  readonly signal?: AbortSignal;
  /** Statuses that are answers and no failures. Default 200 and 204. */
  readonly accept?: readonly number[];
  /** Tried once only, for calls that know better how to go on. Default false. */
  readonly once?: boolean;
}

export interface GcsAnswer {
  readonly status: number;
  readonly response: HttpResponse;
  /** A failed try before this one may have taken effect. */
  readonly uncertain: boolean;
}

const OK = [200, 204];

export class GcsApi {
  readonly origin: string;
  readonly #auth: GoogleAuthLike | undefined;
  readonly #retry: GcsSdk['retry'];
  readonly #transport: HttpTransport;
  readonly #userProject: string | undefined;

  constructor(sdk: GcsSdk, options: CheckedGcsOptions) {
    this.origin = sdk.origin;
    this.#auth = sdk.auth;
    this.#retry = sdk.retry;
    this.#userProject = options.userProject;
    this.#transport = new HttpTransport(options.requestTimeout, options.agent);
  }

  /**
   * Makes the call, again where its failure may pass. The body of the answer must be consumed or destroyed.
   *
   * @throws GcsFailure, or the signal's reason
   */
  async send(call: GcsCall): Promise<GcsAnswer> {
    const started = Date.now();
    let uncertain = false;
    let stale = false;
    for (let tries = 0; ; tries++) {
      try {
        const response = await this.#exchange(call);
        return { status: response.statusCode, response, uncertain };
      } catch (error) {
        call.signal?.throwIfAborted();
        const failure = asFailure(call.method, error, uncertain);
        if (!stale && !call.once && error instanceof StaleSocketError) {
          // No fault of the service's: at once, and not counted. It is uncertain all the same.
          stale = true;
          uncertain = true;
          tries--;
          continue;
        }
        const delay = call.once ? undefined : this.retryDelay(failure, tries, started);
        if (delay === undefined) throw failure;
        uncertain ||= mayHaveTakenEffect(failure);
        await pause(delay, undefined, { signal: call.signal });
      }
    }
  }

  /** As send(), and reads the answer as JSON. */
  async json<T>(call: GcsCall): Promise<{ readonly value: T; readonly answer: GcsAnswer }> {
    const answer = await this.send(call);
    try {
      return { value: JSON.parse(await text(answer.response)) as T, answer };
    } catch (cause) {
      call.signal?.throwIfAborted();
      // The call went through, but its answer was cut off.
      throw new GcsFailure({ method: call.method, reason: 'brokenAnswer', uncertain: true, cause });
    }
  }

  /** As send(), for calls whose answer has nothing to say. */
  async done(call: GcsCall): Promise<GcsAnswer> {
    const answer = await this.send(call);
    answer.response.resume();
    return answer;
  }

  /** Milliseconds until the next try; undefined where there is none. The bounds and the judgement are the SDK's. */
  retryDelay(failure: GcsFailure, tries: number, started: number): number | undefined {
    const { autoRetry, maxRetries = 3, retryDelayMultiplier = 2, maxRetryDelay = 64, totalTimeout = 600 } = this.#retry;
    if (!autoRetry || tries >= maxRetries || !this.#mayPass(failure)) return undefined;
    const left = totalTimeout * 1000 - (Date.now() - started);
    const wanted = retryDelayMultiplier ** tries * 1000 + Math.random() * 1000;
    return left > 0 ? Math.min(wanted, maxRetryDelay * 1000, left) : undefined;
  }

  close(): void {
    this.#transport.close();
  }

  #mayPass({ status, reason, message }: GcsFailure): boolean {
    if (reason === 'ETIMEDOUT' || reason === 'brokenAnswer') return true;
    if (status === 403) return reason === 'rateLimitExceeded' || reason === 'userRateLimitExceeded';
    const judged = { code: status ?? reason, message, errors: [{ reason: reason ?? '', message }] };
    return (
      this.#retry.retryableErrorFn?.(judged as Parameters<NonNullable<GcsSdk['retry']['retryableErrorFn']>>[0]) ?? false
    );
  }

  async #exchange(call: GcsCall): Promise<HttpResponse> {
    const { method, path, query = {}, headers = {}, body, signal, accept = OK } = call;
    const session = path.startsWith('http');
    const url = new URL(session ? path : this.origin + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    if (this.#userProject && !session) url.searchParams.set('userProject', this.#userProject);
    signal?.throwIfAborted();
    const authorization = await this.#authorization(url);
    const response = await this.#transport.exchange({
      method,
      url,
      headers: { ...authorization, ...headers },
      body,
      signal,
    });
    if (accept.includes(response.statusCode)) return response;
    throw failureOf(method, response.statusCode, await text(response));
  }

  async #authorization(url: URL): Promise<Record<string, string>> {
    if (!this.#auth) return {};
    try {
      const headers = await this.#auth.getRequestHeaders(url.origin);
      return Object.fromEntries(headers instanceof Headers ? headers : Object.entries(headers));
    } catch (cause) {
      throw credentialsFailure(cause);
    }
  }
}

/** Whether the service may have done what was asked, though it did not say so. */
function mayHaveTakenEffect({ status, reason }: GcsFailure): boolean {
  return status === undefined ? reason !== 'ECONNREFUSED' && reason !== 'ENOTFOUND' : status >= 500 || status === 408;
}

function asFailure(method: string, error: unknown, uncertain: boolean): GcsFailure {
  if (error instanceof GcsFailure) {
    const { status, reason, message, cause } = error;
    return uncertain ? new GcsFailure({ method, status, reason, message, cause, uncertain }) : error;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return new GcsFailure({ method, reason: code, message, uncertain, cause: error });
}

/** The token endpoint's own answer: refused credentials are one thing, an endpoint out of reach another. */
function credentialsFailure(cause: unknown): GcsFailure {
  const { code, response } = cause as NodeJS.ErrnoException & { response?: { status?: number } };
  const refused = response?.status !== undefined && response.status < 500 && response.status !== 429;
  // Without the library's error as cause: it carries the request, and that the signed assertion.
  return new GcsFailure({
    method: 'POST',
    status: refused ? 401 : response?.status,
    reason: refused ? 'credentialsRefused' : (code ?? 'credentialsUnavailable'),
    message: 'no access token could be had',
  });
}
