/** Faults that tests ask for: of the next request that fits, and of no other. */

/** What happens to the bytes of a read. */
export type MediaFault = 'cut' | 'corrupt';

/** What happens to the bytes of an upload, in one request or in a chunk. */
export type UploadFault =
  /** One of them changes on the way, before the sums are checked. */
  | 'corrupt-upload'
  /** One of them changes, the sums that were promised are not checked, and the answer says what is stored. */
  | 'store-other-bytes'
  /** Of a chunk, only the first 256 KiB are kept. */
  | 'keep-little';

const UPLOAD_FAULTS: readonly unknown[] = [
  'corrupt-upload',
  'store-other-bytes',
  'keep-little',
] satisfies UploadFault[];

export function uploadFaultOf(fault: Fault | undefined): UploadFault | undefined {
  return UPLOAD_FAULTS.includes(fault) ? (fault as UploadFault) : undefined;
}

/** The bytes as the fault has them arrive. */
export function arrived(bytes: Buffer, fault: UploadFault | undefined): Buffer {
  if (fault !== 'corrupt-upload' && fault !== 'store-other-bytes') return bytes;
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[changed.length >> 1]! ^= 1;
  return changed;
}

export type Fault =
  /** Refused with this status, unseen. */
  | { readonly status: number; readonly reason?: string }
  /** The connection breaks before the request is looked at. */
  | 'reset-before'
  /** It is carried out, and the connection breaks in place of the answer. */
  | 'reset-after'
  /** No answer ever comes. */
  | 'hang'
  | UploadFault
  | MediaFault;

interface Planned {
  readonly fits: RegExp;
  readonly fault: Fault;
}

export class Faults {
  readonly #planned: Planned[] = [];

  /** @param fits against `METHOD /path?query` */
  next(fits: RegExp, fault: Fault): void {
    this.#planned.push({ fits, fault });
  }

  take(line: string): Fault | undefined {
    const at = this.#planned.findIndex(({ fits }) => fits.test(line));
    return at < 0 ? undefined : this.#planned.splice(at, 1)[0]!.fault;
  }

  get left(): number {
    return this.#planned.length;
  }
}
