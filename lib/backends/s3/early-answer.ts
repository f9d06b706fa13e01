/** Answers that come before their request has been read to its end. */
import type { Readable } from 'node:stream';

interface SentRequest {
  readonly writableFinished?: boolean;
  once(event: 'response', heard: (response: Readable) => void): unknown;
  destroy?(): unknown;
}

/** A store that refuses a body may never read the rest of it, and the socket would wait for that in vain. */
export function leaveOnceAnswered(request: SentRequest): void {
  request.once('response', (response) => {
    response.once('end', () => {
      if (!request.writableFinished) request.destroy?.();
    });
  });
}
