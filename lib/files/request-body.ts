/** The body of an upload, read as it is asked for: a client that stops sending, or leaves, is noticed. */
import type { IncomingMessage } from 'node:http';
import { OperationAbortedError, UploadStalledError, type StorageErrorDetails } from '../contract/index.js';

/**
 * Yields the body's chunks. The clock runs only while the client is waited for, never while the store is slow. The
 * request is left open, so that an answer can still be sent.
 *
 * @param stallTimeout seconds
 * @throws UploadStalledError, OperationAbortedError
 */
export async function* receiveBody(
  req: IncomingMessage,
  stallTimeout: number,
  details: StorageErrorDetails,
): AsyncGenerator<Buffer, void, undefined> {
  let wake = () => {};
  const onEvent = () => wake();
  const events = ['readable', 'end', 'close', 'error'] as const;
  for (const event of events) req.on(event, onEvent);
  try {
    for (;;) {
      const chunk: unknown = req.read();
      if (chunk instanceof Buffer) {
        yield chunk;
        continue;
      }
      if (req.readableEnded) break;
      if (req.destroyed) {
        throw new OperationAbortedError({ ...details, reason: 'the client left', cause: req.errored ?? undefined });
      }
      let stalled = false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          stalled = true;
          resolve();
        }, stallTimeout * 1000);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (stalled) {
        throw new UploadStalledError({ ...details, reason: `the client sent nothing for ${stallTimeout} seconds` });
      }
    }
    // A connection that broke can look like an end.
    if (!req.complete) throw new OperationAbortedError({ ...details, reason: 'the client left' });
  } finally {
    wake();
    for (const event of events) req.off(event, onEvent);
    // Somebody has to hear of a connection that breaks later.
    req.on('error', () => {});
  }
}
