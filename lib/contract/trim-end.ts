/** Cutting characters off the end of texts that clients wrote. */

/** Without the characters that it ends with. In one pass: `/[. ]+$/` takes seconds for a long run in the middle. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
