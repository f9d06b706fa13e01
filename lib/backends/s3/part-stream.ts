/** The chunks of a part as a stream for one attempt to send them: written to the socket in as few calls as can be. */
import { Readable } from 'node:stream';
import { leaveOnceAnswered } from './early-answer.js';

const READ_AHEAD = 1024 * 1024;
/** Encryption makes a copy of all that is written at once. */
const ENCRYPTED_AT_ONCE = 512 * 1024;

/** What is used of a request of node:http or node:https. Its `response` is an event that other streams do not have. */
interface Destination extends NodeJS.WritableStream {
  readonly protocol?: string;
  readonly destroyed?: boolean;
  readonly writableNeedDrain?: boolean;
  readonly writableFinished?: boolean;
  cork?(): void;
  uncork?(): void;
  destroy?(): void;
}

export class PartStream extends Readable {
  readonly #chunks: readonly Uint8Array[];
  #next = 0;

  constructor(chunks: readonly Uint8Array[]) {
    super({ highWaterMark: READ_AHEAD });
    this.#chunks = chunks;
  }

  override _read(): void {
    while (this.#next < this.#chunks.length) {
      if (!this.push(this.#chunks[this.#next++])) return;
    }
    this.push(null);
  }

  /**
   * All bytes are in memory already and stay there until they are sent, so waiting for a plain socket to drain saves
   * nothing. Corked, they leave in one gathering write: a system call for a part instead of one for each chunk, and the
   * other side is woken as rarely.
   */
  override pipe<T extends NodeJS.WritableStream>(destination: T & Destination): T {
    leaveOnceAnswered(destination);
    const atOnce = destination.protocol === 'https:' ? ENCRYPTED_AT_ONCE : Infinity;
    const write = () => {
      if (destination.destroyed) return;
      destination.cork?.();
      for (let bytes = 0; this.#next < this.#chunks.length && bytes < atOnce; this.#next++) {
        bytes += this.#chunks[this.#next]!.byteLength;
        destination.write(this.#chunks[this.#next]!);
      }
      if (this.#next < this.#chunks.length) {
        destination.uncork?.();
        if (destination.writableNeedDrain) destination.once('drain', write);
        else setImmediate(write);
        return;
      }
      // Ending undoes the cork.
      destination.end();
      this.resume();
    };
    write();
    return destination;
  }
}
