/** Failures of this machine's files, in words. */
import { codeOf } from '../disk/errno.js';
import { FileError } from './failures.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links lead in a circle',
  ERR_INVALID_ARG_VALUE: 'a path cannot hold a NUL character',
};

/** @param path as it was asked for; undefined is standard output */
export function fileFailure(what: 'read' | 'write', path: string | undefined, cause: unknown): FileError {
  const code = codeOf(cause) ?? '';
  const name = path === undefined ? 'standard output' : JSON.stringify(path);
  return new FileError(`cannot ${what} ${name}: ${REASONS[code] ?? (code || 'it failed')}`, { cause });
}
