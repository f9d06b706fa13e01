/** Faults that tests ask for: of the next request that fits, and of no other. */

/** What happens to the bytes of a read. */
export type MediaFault = 'cut' | 'corrupt';

export type Fault =
  /** Refused with this status, unseen. */
  | { readonly status: number; readonly reason?: string }
  /** The connection breaks before the request is looked at. */
  | 'reset-before'
  /** It is carried out, and the connection breaks in place of the answer. */
  | 'reset-after'
  /** No answer ever comes. */
  | 'hang'
  /** Of a chunk, only the first 256 KiB are kept. */
  | 'keep-little'
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
