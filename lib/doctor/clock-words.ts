/** A clock that is off, in words. */
import type { FailureContext } from './cause-row.js';

/** Seconds from which a refused signature is laid to the clock. */
const SUSPICIOUS = 60;

/** `3,600 s ahead of` */
export function offsetInWords(offset: number): string {
  const seconds = Math.round(Math.abs(offset)).toLocaleString('en');
  return `${seconds} s ${offset < 0 ? 'behind' : 'ahead of'}`;
}

export function clockIsOff({ trial }: FailureContext): boolean {
  return Math.abs(trial.clockOffset ?? 0) >= SUSPICIOUS;
}

export const clockWords = {
  cause: ({ trial }: FailureContext) =>
    `The clock of this machine is ${offsetInWords(trial.clockOffset ?? 0)} the store's, so signatures are refused.`,
  advice: 'Set the clock of this machine by NTP.',
};
