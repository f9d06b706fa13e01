/** Which process left something on the disk, and whether it still lives. */
import fs from 'node:fs';
import { hash } from 'node:crypto';
import { hostname } from 'node:os';
import { codeOf } from './errno.js';

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** When a process began, in clock ticks since boot: tells it from a later one of the same number. Linux only. */
function startOf(pid: number | 'self'): string {
  const stat = textOf(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name, in parentheses, may hold anything; the 22nd field is the 20th after it: proc_pid_stat(5).
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

/** Where process numbers mean the same: one boot of one kernel and one namespace of it; elsewhere one host name. */
const place = hash(
  'sha256',
  [
    hostname(),
    textOf(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    textOf(() => fs.readlinkSync('/proc/self/ns/pid')),
  ].join('\0'),
  'hex',
).slice(0, 16);

/** Names this process. No dot in it, nor a space. */
export const OWNER = `${place}-${process.pid}-${startOf('self')}`;

/** `foreign`: of another host, namespace or boot, where nothing can be said but by age. */
export function stateOfOwner(owner: string): 'alive' | 'dead' | 'foreign' {
  const [where, pid, start] = owner.split('-');
  if (where !== place || !/^[1-9]\d*$/.test(pid ?? '')) return 'foreign';
  if (owner === OWNER) return 'alive';
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: it lives under another user.
    if (codeOf(error) === 'ESRCH') return 'dead';
  }
  const now = startOf(Number(pid));
  return now === '0' || start === '0' || now === start ? 'alive' : 'dead';
}
