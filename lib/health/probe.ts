/** One bounded look at a storage. */
import { StorageError, StorageTimeoutError } from '../contract/index.js';
import type { StorageService } from '../storage.service.js';

export type ProbeOutcome =
  | { readonly healthy: true; readonly backend: string }
  /** `reason` is an error code and may be shown; `error` is for the log. */
  | { readonly healthy: false; readonly backend: string; readonly reason: string; readonly error: unknown };

/** Never rejects, and never takes longer than the time-out, whether or not the backend honours its signal. */
export async function probeStorage(
  storage: StorageService,
  options: { /** Seconds. */ readonly timeout: number; readonly write: boolean },
): Promise<ProbeOutcome> {
  const backend = storage.backendName;
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new StorageTimeoutError({
        operation: 'checkHealth',
        backend,
        reason: `the store did not answer in ${options.timeout} seconds`,
      });
      controller.abort(error);
      reject(error);
    }, options.timeout * 1000);
  });
  const check = storage.checkHealth({ write: options.write, signal: controller.signal });
  try {
    await Promise.race([check, late]);
    return { healthy: true, backend };
  } catch (error) {
    // The one that lost the race may still reject.
    check.catch(() => undefined);
    return { healthy: false, backend, reason: error instanceof StorageError ? error.code : 'unknown', error };
  } finally {
    clearTimeout(timer);
  }
}
