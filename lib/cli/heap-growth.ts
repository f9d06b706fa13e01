/** How far the heap of this process may grow before it is collected. */
import { setFlagsFromString } from 'node:v8';

/** Per cent of what is in use. Left to itself V8 lets garbage grow to three times that (docs/decisions/0173). */
const GROWTH = 80;
/** Newest release of Node that was seen to know the flag. Of one that it does not know V8 complains on standard error. */
const NEWEST = 24;

/** For a process of our own only: the setting is for all of it. */
export function keepHeapSmall(): void {
  const major = Number.parseInt(process.versions.node, 10);
  if (major <= NEWEST) setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
}
