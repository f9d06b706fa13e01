/** Lines of a text that end with a line feed, and with nothing else: keys may hold characters that others break at. */

/** @param chunks decoded text, cut anywhere. The last line needs no end */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') yield rest;
}
