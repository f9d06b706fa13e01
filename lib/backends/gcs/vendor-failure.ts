/** Failures of Google's auth library: what they say, without the request they carry, which holds secrets. */
import { GcsFailure } from './gcs-failure.js';

const NETWORK = /^(?:ETIMEDOUT|ECONN|EAI_AGAIN|ENOTFOUND|EHOST|ENET|EPIPE)/;

interface LibraryError {
  /** Of the network, or the status once more, as a number or as text. */
  readonly code?: string | number;
  readonly status?: number;
  readonly message?: string;
  readonly response?: { readonly status?: number };
}

/**
 * An error of the library as a failure that never reached the service.
 *
 * @param what did not happen, before the library's own words
 */
export function vendorFailure(error: unknown, what: string): GcsFailure {
  const { code, status, response, message = '' } = (error ?? {}) as LibraryError;
  const answered = response?.status ?? status ?? (/^[1-5]\d\d$/.test(String(code)) ? Number(code) : undefined);
  return new GcsFailure({
    method: 'POST',
    status: answered,
    reason: answered === undefined && typeof code === 'string' ? code : undefined,
    message: `${what}: ${message.slice(0, 300)}`,
    unsent: true,
  });
}

/** Whether the library's way to Google may be open the next time. */
export function isPassing(failure: GcsFailure): boolean {
  return failure.status === undefined ? NETWORK.test(failure.reason ?? '') : !isRefusal(failure);
}

/** Whether it was looked at and turned down, so that asking again is of no use. */
export function isRefusal({ status }: GcsFailure): boolean {
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}
