/** Conditions on generation and metageneration: https://cloud.google.com/storage/docs/request-preconditions */
import type { Query } from './call.js';
import { badRequest, conditionNotMet, Refusal } from './errors.js';
import type { LiveObject } from './object-store.js';

export const TARGET_CONDITIONS = [
  'ifGenerationMatch',
  'ifGenerationNotMatch',
  'ifMetagenerationMatch',
  'ifMetagenerationNotMatch',
];
export const SOURCE_CONDITIONS = TARGET_CONDITIONS.map((name) => name.replace(/^if/, 'ifSource'));

const INT64 = /^(?:0|[1-9][0-9]{0,18})$/;

export function checkedInteger(name: string, value: string): bigint {
  if (!INT64.test(value)) throw badRequest(`Invalid long value: "${value}" for ${name}.`);
  return BigInt(value);
}

/**
 * @param object the live object, which stands for generation 0 where there is none
 * @param reading whether a condition of the "not" kind is answered with 304
 * @throws Refusal
 */
export function assertPreconditions(
  object: LiveObject | undefined,
  query: Query,
  reading: boolean,
  names: readonly string[] = TARGET_CONDITIONS,
): void {
  for (const name of names) {
    const given = query[name];
    if (given === undefined) continue;
    const wanted = checkedInteger(name, given);
    const meta = /metageneration/i.test(name);
    const current = meta ? object?.metageneration : (object?.generation ?? 0n);
    const negative = name.endsWith('NotMatch');
    if ((current === wanted) !== negative) continue;
    if (negative && reading) throw new Refusal(304, 'notModified', 'Not Modified');
    throw conditionNotMet();
  }
}
