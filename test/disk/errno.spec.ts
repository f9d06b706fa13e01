/** Names of system errors, those of Node and those that it leaves out. */
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { codeOf } from '../../lib/disk/errno.js';

/** As libuv gives it: what it has no name for is called by its number. */
function systemError(errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: write`), { errno: -errno, code, syscall: 'write' });
}

describe('the name of a system error', () => {
  it('is that of Node where it has one', async () => {
    const error: unknown = await readFile('/no/such/file').catch((reason: unknown) => reason);
    expect(codeOf(error)).toBe('ENOENT');
    expect(codeOf(systemError(constants.errno.ENOSPC))).toBe('ENOSPC');
  });

  it.each(['EDQUOT', 'ESTALE'] as const)('is that of the system where Node has none: %s', (name) => {
    const error = systemError(constants.errno[name]);
    expect(error.code).toMatch(/^Unknown system error -\d+$/);
    expect(codeOf(error)).toBe(name);
    // As some calls of Node 20 in place have it.
    expect(codeOf({ ...error, code: 'UNKNOWN' })).toBe(name);
  });

  it('is the number where nobody has one', () => {
    expect(codeOf(systemError(3999))).toBe('Unknown system error -3999');
  });

  it.each([[undefined], [null], ['ENOENT'], [new Error('ENOENT')], [{ code: 404 }]])('is none of %p', (error) => {
    expect(codeOf(error)).toBeUndefined();
  });
});
