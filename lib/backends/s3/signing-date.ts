/** The date of a signature. The signer writes it out for every request, in whole seconds: within one the text stays. */

class SigningDate extends Date {
  readonly #text = super.toISOString();

  override toISOString(): string {
    return this.#text;
  }
}

let last = new SigningDate(0);

/** @param now milliseconds */
export function signingDate(now: number): Date {
  const second = Math.floor(now / 1000) * 1000;
  if (last.getTime() !== second) last = new SigningDate(second);
  return last;
}
