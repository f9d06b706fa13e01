/** What tells one version of a file from another: modification time, size and inode, all from one look. */
import { hash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** Modification time in nanoseconds, size in bytes and inode, each in base 36, joined by `-`. */
export type FileIdentity = string;

export function identityOf(stats: BigIntStats): FileIdentity {
  return `${timeAndSizeOf(stats)}-${stats.ino.toString(36)}`;
}

/** The part of an identity that a restore from backup keeps. */
export function timeAndSizeOf(stats: BigIntStats): string {
  return `${stats.mtimeNs.toString(36)}-${stats.size.toString(36)}`;
}

/** The version token that callers see. The layout's id keeps it from telling the inode, and stores apart. */
export function etagOf(layoutId: string, stats: BigIntStats): string {
  return hash('sha256', `${layoutId}:${identityOf(stats)}`, 'base64url').slice(0, 22);
}

/** How a key is named where its path cannot stand: 160 bits of SHA-256 in hex. */
export function keyHash(key: string): string {
  return hash('sha256', key, 'hex').slice(0, 40);
}

let last = 0;

/**
 * The time in seconds with microseconds, never twice the same in this process. The kernel's own stamp moves only every
 * few milliseconds, in which an inode number can be used again.
 */
export function uniqueNow(): number {
  last = Math.max(last + 1, Math.floor((performance.timeOrigin + performance.now()) * 1000));
  return last / 1_000_000;
}
