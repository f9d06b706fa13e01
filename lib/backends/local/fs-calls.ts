/** File system calls as promises over bare descriptors: fewer thread-pool hops and objects than FileHandle. */
import fs, { type BigIntStats, type Dirent } from 'node:fs';
import { constants } from 'node:os';
import { promisify } from 'node:util';

export const open: (path: string, flags: number, mode?: number) => Promise<number> = promisify(fs.open);
export const close: (fd: number) => Promise<void> = promisify(fs.close);
export const rename: (from: string, to: string) => Promise<void> = promisify(fs.rename);
export const link: (from: string, to: string) => Promise<void> = promisify(fs.link);
export const unlink: (path: string) => Promise<void> = promisify(fs.unlink);
export const rmdir: (path: string) => Promise<void> = promisify(fs.rmdir);
export const mkdir: (path: string, mode: number) => Promise<void> = promisify(fs.mkdir);
export const fsync: (fd: number) => Promise<void> = promisify(fs.fsync);
export const fdatasync: (fd: number) => Promise<void> = promisify(fs.fdatasync);
export const fchmod: (fd: number, mode: number) => Promise<void> = promisify(fs.fchmod);
export const copyFile: (from: string, to: string, mode: number) => Promise<void> = promisify(fs.copyFile);
export const realpath: (path: string) => Promise<string> = promisify(fs.realpath.native);
/** @param seconds since the epoch, fractions kept to about a quarter of a microsecond */
export const futimes: (fd: number, atime: number, seconds: number) => Promise<void> = promisify(fs.futimes);

const promisedLstat = promisify(fs.lstat);
const promisedFstat = promisify(fs.fstat);
const promisedReaddir = promisify(fs.readdir);
const promisedWritev = promisify(fs.writev);
const promisedRead = promisify(fs.read);

export function lstat(path: string): Promise<BigIntStats> {
  return promisedLstat(path, { bigint: true });
}

export function fstat(fd: number): Promise<BigIntStats> {
  return promisedFstat(fd, { bigint: true });
}

export function readdir(path: string): Promise<Dirent[]> {
  return promisedReaddir(path, { withFileTypes: true });
}

/** Bytes read; 0 at the end of the file. */
export async function read(fd: number, buffer: Uint8Array, length: number, position: number): Promise<number> {
  return (await promisedRead(fd, buffer, 0, length, position)).bytesRead;
}

/** Writes all of the chunks, however many calls that takes. Their total must not be 0. */
export async function writeAll(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let rest = chunks;
  let at = position;
  while (rest.length > 0) {
    let { bytesWritten: left } = await promisedWritev(fd, rest, at);
    at += left;
    let done = 0;
    while (done < rest.length && left >= rest[done]!.byteLength) left -= rest[done++]!.byteLength;
    rest = rest.slice(done);
    if (left > 0) rest = [rest[0]!.subarray(left), ...rest.slice(1)];
  }
}

/** Names of the errors that Node's own table leaves out, a full quota (EDQUOT) and a stale handle (ESTALE) among them. */
const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The errno name of an error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  // By shape: test runners run code in a realm whose Error is not the file system's.
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, errno }: { readonly code?: unknown; readonly errno?: unknown } = error;
  if (typeof code !== 'string') return undefined;
  return code.startsWith('Unknown system error') ? (ERRNO_NAMES.get(Math.abs(Number(errno))) ?? code) : code;
}

/** Makes an error that the rest of the driver reads like one of the file system's. */
export function failWith(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
