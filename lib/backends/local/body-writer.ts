/** Takes a body to a file in large writes: chunks are gathered, not copied, and the next ones are read meanwhile. */
import { fdatasync, writeAll } from './fs-calls.js';

/** Bytes that are gathered before a write. Twice that is held at most: one batch on its way, one growing. */
export const BATCH_BYTES = 1024 * 1024;
/** Chunks are merged in such groups, so that a body of tiny ones makes no endless list. */
const MERGE = 512;

/** Writes a whole body. @returns its size in bytes */
export async function writeBody(
  body: AsyncIterable<Uint8Array>,
  fd: number,
  options: { readonly durable: boolean },
): Promise<number> {
  let chunks: Uint8Array[] = [];
  let merged = 0;
  let gathered = 0;
  let written = 0;
  let underway: Promise<void> = Promise.resolve();

  const flush = async () => {
    await underway;
    if (gathered === 0) return;
    underway = writeAll(fd, chunks, written);
    // Told when it is awaited; a failure must not surface as unhandled before.
    underway.catch(() => undefined);
    written += gathered;
    chunks = [];
    merged = 0;
    gathered = 0;
  };

  try {
    for await (const chunk of body) {
      if (chunk.byteLength === 0) continue;
      chunks.push(chunk);
      gathered += chunk.byteLength;
      if (chunks.length - merged >= MERGE) {
        chunks.push(Buffer.concat(chunks.splice(merged)));
        merged = chunks.length;
      }
      if (gathered >= BATCH_BYTES) await flush();
    }
    await flush();
    await underway;
    // A large body is brought to the disk while it is staged: the commit has then little left to wait for.
    if (options.durable && written > BATCH_BYTES) await fdatasync(fd);
    return written;
  } catch (error) {
    // The descriptor is closed next: no write may still be using it.
    await underway.catch(() => undefined);
    throw error;
  }
}

/** A body that ends with an error as soon as the signal fires, even while its source is silent. */
export class StoppableBody implements AsyncIterable<Uint8Array> {
  /** The source itself failed. */
  failed = false;
  readonly #source: AsyncIterable<Uint8Array>;
  readonly #signal: AbortSignal | undefined;
  readonly #abortedError: () => Error;

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined, abortedError: () => Error) {
    this.#source = source;
    this.#signal = signal;
    this.#abortedError = abortedError;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = this.#source[Symbol.asyncIterator]();
    let stop: (() => void) | undefined;
    const onAbort = () => stop?.();
    this.#signal?.addEventListener('abort', onAbort);
    let state: 'idle' | 'asked' | 'ended' = 'idle';
    try {
      for (;;) {
        if (this.#signal?.aborted) throw this.#abortedError();
        state = 'asked';
        // One listener for all chunks: racing each against one promise would keep a reaction for every chunk.
        const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
          stop = () => reject(this.#abortedError());
          iterator.next().then(resolve, (error: unknown) => {
            state = 'ended';
            this.failed = true;
            reject(error);
          });
        });
        state = next.done ? 'ended' : 'idle';
        if (next.done) return;
        yield next.value;
      }
    } finally {
      this.#signal?.removeEventListener('abort', onAbort);
      if (state !== 'ended') {
        const returned = Promise.resolve(iterator.return?.()).catch(() => undefined);
        // A source that was asked and is silent answers when it wakes: nobody waits for that.
        if (state === 'idle') await returned;
      }
    }
  }
}
