/** Causes that the file system tells by code. */
import type { CauseRow } from './cause-row.js';

export const DISK_CAUSES: readonly CauseRow[] = [
  {
    codes: ['ENOSPC'],
    cause: 'The disk is full: it has no free blocks or no free inodes left.',
    advice: 'Free space on it, or move the files to a larger one.',
  },
  {
    codes: ['EDQUOT'],
    cause: 'The quota of this user on the disk is used up.',
    advice: 'Free space, or raise the quota.',
  },
  {
    codes: ['EROFS'],
    cause: 'The file system of the folder is mounted read-only.',
    advice: 'Mount it for writing, or make the storage with readOnly.',
  },
  {
    codes: ['EACCES', 'EPERM'],
    cause: 'The folder, or a part of it, belongs to another user who does not let this process in.',
    advice: 'Give the folder and all that is in it to the user that the app runs as (chown -R).',
  },
  {
    codes: ['EMFILE', 'ENFILE'],
    cause: 'Too many files are open in this process or on this machine.',
    advice: 'Raise the limit of open files (ulimit -n).',
  },
  {
    codes: ['EIO'],
    cause: 'The disk fails: it answers with input/output errors.',
    advice: 'Look into the log of the kernel, and replace the disk.',
  },
];
