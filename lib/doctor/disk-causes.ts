/** Causes that the file system tells by code. */
import type { CauseRow } from './cause-row.js';

export const DISK_CAUSES: readonly CauseRow[] = [
  {
    codes: ['StepTimeout'],
    cause: ({ trial }) => `The disk did not answer within ${trial.timeout} seconds.`,
    advice: 'Look at its mount and at the log of the kernel: a file system of the network may have lost its server.',
  },
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
    // Whose the folder itself and those of the store are was looked at before: this is deeper in it.
    cause: 'A folder or file in it does not let this process in: it is of another user, or its mode lacks a right.',
    advice:
      'Give all that is in the folder to the user that the app runs as (chown -R), with all rights (chmod -R u+rwX).',
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
