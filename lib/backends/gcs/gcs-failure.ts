/** Why a call of the service failed, before it is said in the storage's own words. */

export interface GcsFailureFacts {
  readonly method: string;
  /** HTTP status; undefined where there was no answer. */
  readonly status?: number;
  /** The service's reason, `notFound` for example, or the code of a network error. */
  readonly reason?: string;
  readonly message?: string;
  /** This try or an earlier one of the same call had no clear outcome, so it may have taken effect. */
  readonly uncertain?: boolean;
  /** The service never saw the request. */
  readonly unsent?: boolean;
  readonly cause?: unknown;
}

/** Reasons of the driver's own. */
export const SESSION_GONE = 'uploadSessionGone';
export const OVERTAKEN = 'overtaken';
export const SIGNING_DENIED = 'signingDenied';

/** Network errors that come before the request has left. */
const NO_CONNECTION = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Kept as the `cause` of storage errors. It holds no URL, because upload sessions and signed URLs are secrets. */
export class GcsFailure extends Error {
  readonly method: string;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly uncertain: boolean;
  readonly #facts: GcsFailureFacts;

  constructor(facts: GcsFailureFacts) {
    const { method, status, reason, message, uncertain = false, cause } = facts;
    super(
      `${method}: ${[status, reason, message].filter((part) => part !== undefined).join(' ')}`,
      cause === undefined ? undefined : { cause },
    );
    this.name = 'GcsFailure';
    this.method = method;
    this.status = status;
    this.reason = reason;
    this.uncertain = uncertain;
    this.#facts = facts;
  }

  /** Whether the service may have done what was asked, though it did not say so. */
  get mayHaveTakenEffect(): boolean {
    const { status, reason = '', unsent = false } = this.#facts;
    if (unsent) return false;
    return status === undefined ? !NO_CONNECTION.has(reason) : status >= 500 || status === 408;
  }

  /** The same failure with other facts. */
  with(facts: Partial<GcsFailureFacts>): GcsFailure {
    return new GcsFailure({ ...this.#facts, ...facts });
  }
}

interface JsonError {
  readonly error?: {
    readonly message?: string;
    readonly errors?: readonly { readonly reason?: string }[];
  };
}

/** Reads the service's JSON error. Plain text, as uploads and media answer it, is the message. */
export function failureOf(method: string, status: number, text: string): GcsFailure {
  let message: string | undefined = text.slice(0, 500) || undefined;
  let reason: string | undefined;
  try {
    const { error } = JSON.parse(text) as JsonError;
    if (typeof error === 'object') {
      ({ message } = error);
      reason = error.errors?.[0]?.reason;
    }
  } catch {
    // Not JSON: the text says it.
  }
  return new GcsFailure({ method, status, reason, message });
}
