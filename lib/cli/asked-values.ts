/** Values of the command line: times, sizes, counts and metadata as people write them. */
import { InvalidArgumentError } from 'commander';
import ms, { type StringValue } from 'ms';
import { parseByteSize } from '../service/byte-size.js';

/** Seconds: `900`, or a text such as `15m`, `12h` or `7d`. */
export function secondsOf(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : toSeconds(text);
  if (seconds === undefined || !Number.isSafeInteger(seconds) || seconds < 1) {
    throw new InvalidArgumentError('Use whole seconds, or a time such as 15m, 12h or 7d.');
  }
  return seconds;
}

function toSeconds(text: string): number | undefined {
  // The library reads `-1h` and `1.5` too.
  if (!/^\d+(?:\.\d+)? ?[a-z]+$/i.test(text)) return undefined;
  const milliseconds = ms(text as StringValue) as number | undefined;
  return milliseconds === undefined ? undefined : milliseconds / 1000;
}

/** Bytes: `1024`, or a text such as `20mb`. */
export function bytesOf(text: string): number {
  const parsed = parseByteSize(text);
  if (parsed === undefined) throw new InvalidArgumentError('Use bytes, or a size such as 500kb, 20mb or 5gb.');
  return parsed;
}

export function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError('Use a whole number from 1.');
  }
  return count;
}

/** Adds one `key=value`, for an option that may be given many times. */
export function metadataOf(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const split = text.indexOf('=');
  if (split < 1) throw new InvalidArgumentError('Use key=value, such as author=ada.');
  return { ...before, [text.slice(0, split)]: text.slice(split + 1) };
}

/** Adds one value, for an option that may be given many times. */
export function oneMore(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
