/** Names of system errors: Node's own table leaves some out, a full quota (EDQUOT) and a stale handle (ESTALE) among them. */
import { constants } from 'node:os';

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** The errno name of an error, where it has one. */
export function codeOf(error: unknown): string | undefined {
  // By shape: test runners run code in a realm whose Error is not the file system's.
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, errno }: { readonly code?: unknown; readonly errno?: unknown } = error;
  if (typeof code !== 'string') return undefined;
  // Node 20 has two words for what its table lacks, by the way in which a call was made.
  return code === 'UNKNOWN' || code.startsWith('Unknown system error')
    ? (ERRNO_NAMES.get(Math.abs(Number(errno))) ?? code)
    : code;
}
