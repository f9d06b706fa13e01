/**
 * Short calls of the file system, made in place by a process that has nothing else to do. The way to the thread pool and
 * back costs many times what a local disk takes to answer from its cache (docs/decisions/0155).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Bytes up to which reading and writing are short. */
export const SHORT_BYTES = 64 * 1024;
/** Milliseconds; a disk behind a network takes longer, and many calls at once serve it better. */
const SLOW = 0.25;
/** The share of slow calls is that of about so many. A share and not an average: a busy machine makes few of them long. */
const CALLS = 64;
const TOO_MANY = 0.5;
/** Milliseconds for which calls in place may follow each other while timers, signals, sockets and the pool wait. */
const TURN = 5;

let inPlace = false;
let slowShare = 0;
/** Turns of the event loop that came by themselves are not seen: one too many costs microseconds. */
let lastTurn = 0;

/** From now on short calls block this process, for as long as they are answered fast. Never for a process that serves. */
export function makeShortCallsInPlace(): void {
  inPlace = true;
  slowShare = 0;
}

/** Whether they are made in place now. */
export function callsAreInPlace(): boolean {
  return inPlace;
}

/** A call that can be made both ways. */
export function shortCall<A extends unknown[], R>(
  pooled: (...args: A) => Promise<R>,
  blocking: (...args: A) => R,
): (...args: A) => Promise<R> {
  // A failure must be a rejection, as from the pool.
  const timed = async (...args: A): Promise<R> => {
    const started = performance.now();
    try {
      return blocking(...args);
    } finally {
      const ended = performance.now();
      slowShare += ((ended - started > SLOW ? 1 : 0) - slowShare) / CALLS;
      if (slowShare > TOO_MANY) inPlace = false;
      // Promises alone never let the loop turn: callers that wait for nothing else would starve everybody.
      if (ended - lastTurn > TURN) {
        await nextTurn();
        lastTurn = performance.now();
      }
    }
  };
  return (...args) => (inPlace ? timed(...args) : pooled(...args));
}
