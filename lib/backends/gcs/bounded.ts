/** A bound for work that knows neither signal nor time-out. */
import { IdleTimeoutError } from './http-transport.js';

/**
 * Waits for the work, but no longer than this, and not once the signal has fired. The work itself goes on, and nobody
 * hears of its outcome.
 *
 * @throws IdleTimeoutError, the signal's reason, or the work's error
 */
export async function bounded<T>(work: () => Promise<T>, seconds: number, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  let settle = () => {};
  const ended = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new IdleTimeoutError(seconds)), seconds * 1000);
    const abort = () => reject(signal!.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
  });
  try {
    return await Promise.race([work(), ended]);
  } finally {
    settle();
  }
}
