/** Why this process may not use a folder: whose it is, and what its mode says. */
import { constants, type Stats } from 'node:fs';
import { userInfo } from 'node:os';
import type { Explanation } from './step.js';

const { R_OK, W_OK, X_OK } = constants;

/** Rights by their bit, as a mode has it for its user. */
const RIGHTS: readonly (readonly [bit: number, word: string])[] = [
  [R_OK, 'read'],
  [W_OK, 'write'],
  [X_OK, 'enter'],
];

export function thisUser(): string {
  const uid = process.geteuid?.();
  return uid === undefined ? userInfo().username : `user ${uid}`;
}

/** @param wanted rights that were refused, one of them at least: `R_OK | W_OK` */
export function explainRefusal(
  path: string,
  { uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>,
  wanted: number,
  setting: string,
): Explanation {
  const rights = `user ${uid}, group ${gid}, mode ${(mode & 0o7777).toString(8)}`;
  if (uid !== process.geteuid?.()) {
    return {
      cause: `${path} belongs to another user (${rights}), and this process runs as ${thisUser()}.`,
      advice: `Give it and all that is in it to that user (chown -R), or set ${setting} to a folder of its own.`,
    };
  }
  const lacking = RIGHTS.filter(([bit]) => (wanted & bit) !== 0 && ((mode >> 6) & bit) === 0).map(([, word]) => word);
  if (lacking.length > 0) {
    return {
      cause: `${path} belongs to this process's own user, and its mode does not let that ${lacking.join(' and ')} (${rights}).`,
      advice: `Give the user the right: chmod u+rwx ${path}.`,
    };
  }
  return {
    cause: `${path} belongs to this process's own user, whom its mode lets in (${rights}), and the system refuses all the same.`,
    advice:
      'Look for what else holds it: attributes (lsattr), SELinux or AppArmor, an export of a network file system.',
  };
}
