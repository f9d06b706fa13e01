/** File system calls as promises over bare descriptors: fewer thread-pool hops and objects than FileHandle. */
import fs, { type BigIntStats, type Dirent } from 'node:fs';
import { promisify } from 'node:util';
import { codeOf } from '../../disk/errno.js';
import { SHORT_BYTES, shortCall } from '../../disk/short-calls.js';

export const open: (path: string, flags: number, mode?: number) => Promise<number> = shortCall(
  promisify(fs.open),
  fs.openSync,
);
export const close: (fd: number) => Promise<void> = shortCall(promisify(fs.close), fs.closeSync);
// Taken before proper-lockfile is loaded, whose graceful-fs puts a slower one in its place for the whole process.
/** For folders and files of which closing writes nothing. */
export const { closeSync } = fs;
export const rename: (from: string, to: string) => Promise<void> = shortCall(promisify(fs.rename), fs.renameSync);
export const link: (from: string, to: string) => Promise<void> = shortCall(promisify(fs.link), fs.linkSync);
export const unlink: (path: string) => Promise<void> = shortCall(promisify(fs.unlink), fs.unlinkSync);
export const rmdir: (path: string) => Promise<void> = shortCall(promisify(fs.rmdir), (path: string) =>
  fs.rmdirSync(path),
);
export const mkdir: (path: string, mode: number) => Promise<void> = shortCall(
  promisify(fs.mkdir) as (path: string, mode: number) => Promise<void>,
  (path: string, mode: number) => void fs.mkdirSync(path, mode),
);
export const fchmod: (fd: number, mode: number) => Promise<void> = shortCall(promisify(fs.fchmod), fs.fchmodSync);
/** @param seconds since the epoch, fractions kept to about a quarter of a microsecond */
export const futimes: (fd: number, atime: number, seconds: number) => Promise<void> = shortCall(
  promisify(fs.futimes),
  fs.futimesSync,
);
export const lstat: (path: string) => Promise<BigIntStats> = shortCall(
  (path: string) => promisedLstat(path, { bigint: true }),
  (path: string) => fs.lstatSync(path, { bigint: true }),
);
/** As lstat(), undefined where nothing stands: in place, making an error costs more than the look. */
export const lstatIfThere: (path: string) => Promise<BigIntStats | undefined> = shortCall(
  (path: string) =>
    promisedLstat(path, { bigint: true }).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }),
  (path: string) => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
);
export const fstat: (fd: number) => Promise<BigIntStats> = shortCall(
  (fd: number) => promisedFstat(fd, { bigint: true }),
  (fd: number) => fs.fstatSync(fd, { bigint: true }),
);

// These wait for the disk, or may take long.
export const fsync: (fd: number) => Promise<void> = promisify(fs.fsync);
export const fdatasync: (fd: number) => Promise<void> = promisify(fs.fdatasync);
export const copyFile: (from: string, to: string, mode: number) => Promise<void> = promisify(fs.copyFile);
export const realpath: (path: string) => Promise<string> = promisify(fs.realpath.native);

const promisedLstat = promisify(fs.lstat);
const promisedFstat = promisify(fs.fstat);
const promisedReaddir = promisify(fs.readdir);
const promisedWritev = promisify(fs.writev);
const promisedRead = promisify(fs.read);

export function readdir(path: string): Promise<Dirent[]> {
  return promisedReaddir(path, { withFileTypes: true });
}

type Read = (fd: number, buffer: Uint8Array, length: number, position: number) => Promise<number>;

const longRead: Read = async (fd, buffer, length, position) =>
  (await promisedRead(fd, buffer, 0, length, position)).bytesRead;
const shortRead: Read = shortCall(longRead, (fd, buffer, length, position) =>
  fs.readSync(fd, buffer, 0, length, position),
);

/** Bytes read; 0 at the end of the file. */
export const read: Read = (...args) => (args[2] <= SHORT_BYTES ? shortRead : longRead)(...args);

type Write = (fd: number, chunks: readonly Uint8Array[], position: number) => Promise<number>;

const longWrite: Write = async (fd, chunks, position) => (await promisedWritev(fd, chunks, position)).bytesWritten;
const shortWrite: Write = shortCall(longWrite, fs.writevSync);

/** Writes all of the chunks, however many calls that takes. Their total must not be 0. */
export async function writeAll(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  let bytes = 0;
  for (const { byteLength } of chunks) bytes += byteLength;
  const write = bytes <= SHORT_BYTES ? shortWrite : longWrite;
  let rest = chunks;
  let at = position;
  while (rest.length > 0) {
    let left = await write(fd, rest, at);
    at += left;
    let done = 0;
    while (done < rest.length && left >= rest[done]!.byteLength) left -= rest[done++]!.byteLength;
    rest = rest.slice(done);
    if (left > 0) rest = [rest[0]!.subarray(left), ...rest.slice(1)];
  }
}

/** Makes an error that the rest of the driver reads like one of the file system's. */
export function failWith(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}
