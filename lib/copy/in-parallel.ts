/** Work on entries of a stream, so many at once and no more. */

/**
 * Ends when the stream and all work have ended; the first failure stops taking entries, and is thrown once what is
 * under way has ended.
 */
export async function inParallel<T>(
  entries: AsyncIterable<T>,
  concurrency: number,
  work: (entry: T) => Promise<void>,
): Promise<void> {
  // An async generator queues calls of next(): the workers share one.
  const iterator = entries[Symbol.asyncIterator]();
  const failures: unknown[] = [];
  const worker = async () => {
    try {
      while (failures.length === 0) {
        const { done, value } = await iterator.next();
        if (done) return;
        await work(value);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failures.length === 0) return;
  await iterator.return?.();
  throw failures[0];
}
