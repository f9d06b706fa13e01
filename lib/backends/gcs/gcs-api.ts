/** Calls of the JSON API: credentials, parameters, repetition within the SDK's bounds, failures by reason. */
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { Authorization, type AuthorizationHeaders } from './authorization.js';
import type { CheckedGcsOptions } from './gcs.options.js';
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
  /** Not repeated where it may have taken effect, since its repetition could undo another's write. Default false. */
  readonly onceUnclear?: boolean;
  /** Tries that came before this call and count with its own. Default 0. */
  readonly tried?: number;
}

export interface GcsAnswer {
  readonly status: number;
  readonly response: HttpResponse;
  /** A try before this one may have taken effect. */
  readonly uncertain: boolean;
}

const OK = [200, 204];

export class GcsApi {
  readonly origin: string;
  readonly #authorization: Authorization;
  readonly #retry: GcsSdk['retry'];
  readonly #transport: HttpTransport;
  readonly #userProject: string | undefined;

  constructor(sdk: GcsSdk, options: CheckedGcsOptions) {
    this.origin = sdk.origin;
    this.#authorization = new Authorization(sdk.auth, options.requestTimeout);
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
    for (let tries = call.tried ?? 0; ; tries++) {
      try {
        const response = await this.#exchange(call);
        return { status: response.statusCode, response, uncertain };
      } catch (error) {
        call.signal?.throwIfAborted();
        const failure = asFailure(call.method, error);
        uncertain ||= failure.mayHaveTakenEffect;
        const repeated = !call.once && !(call.onceUnclear && failure.mayHaveTakenEffect);
        if (repeated && !stale && isStale(failure)) {
          // No fault of the service's: at once, and not counted. It is uncertain all the same.
          stale = true;
          tries--;
          continue;
        }
        const delay = repeated ? this.retryDelay(failure, tries, started) : undefined;
        if (delay === undefined) throw uncertain ? failure.with({ uncertain }) : failure;
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
    const exchange = (authorization: AuthorizationHeaders) =>
      this.#transport.exchange({ method, url, headers: { ...authorization, ...headers }, body, signal });
    const authorization = await this.#authorization.headers(url.origin, signal);
    const response = await exchange(authorization);
    if (accept.includes(response.statusCode)) return response;
    const failure = failureOf(method, response.statusCode, await text(response));
    const renewed =
      failure.status === 401 ? await this.#authorization.renewed(authorization, url.origin, signal) : undefined;
    if (!renewed) throw failure;
    const second = await exchange(renewed);
    if (accept.includes(second.statusCode)) return second;
    throw failureOf(method, second.statusCode, await text(second));
  }
}

/** A kept-alive socket that had died in the meantime: most likely the service never saw the request. */
export function isStale({ cause }: GcsFailure): boolean {
  return cause instanceof StaleSocketError;
}

function asFailure(method: string, error: unknown): GcsFailure {
  if (error instanceof GcsFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new GcsFailure({ method, reason: code, message, cause: error });
}
