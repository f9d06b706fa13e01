/** Diagnoses as tests look at them: what failed, that nothing else did, and that no secret is told. */
import { expect } from '@jest/globals';
import type { Diagnosis, DiagnosisStep } from '../../lib/doctor/index.js';

/** Of the app's links, in all set-ups. */
export const URL_SECRET = 'links-of-these-tests-are-signed-with-this-text';

/** The one step that failed. Everything before it passed or had nothing to try. */
export function failedStep(diagnosis: Diagnosis): DiagnosisStep {
  const failed = diagnosis.steps.filter(({ outcome }) => outcome === 'failed');
  expect({ failed, ok: diagnosis.ok }).toEqual({ failed: [expect.anything()], ok: false });
  return failed[0]!;
}

/** That one step failed with this cause, and says what to do. */
export function expectCause(diagnosis: Diagnosis, id: string, cause: RegExp): void {
  const { id: at, cause: told, advice } = failedStep(diagnosis);
  expect({ at, told }).toEqual({ at: id, told: expect.stringMatching(cause) });
  expect(advice).toMatch(/^[A-Z].*\w.*$/s);
}

/** Nothing failed or is to be looked at, and what can be tried was tried. */
export function expectGood(diagnosis: Diagnosis, tried: readonly string[]): void {
  const odd = diagnosis.steps.filter(({ outcome }) => outcome === 'failed' || outcome === 'warned');
  expect(odd).toEqual([]);
  expect(diagnosis.ok).toBe(true);
  expect(diagnosis.steps.filter(({ outcome }) => outcome === 'passed').map(({ id }) => id)).toEqual(tried);
}

/** Base64 of a text wherever in a longer one it stands: what of it does not depend on what stands before and after. */
function base64Of(text: string): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const own = [Math.ceil((before * 8) / 6), Math.floor((bytes.length * 8) / 6)] as const;
    return [bytes.toString('base64').slice(...own), bytes.toString('base64url').slice(...own)];
  });
}

/** What programs make of a secret where they quote it. */
export function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(secret);
  const strict = percent.replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ '': secret }).toString().slice(1);
  const small = strict.replace(/%../g, (escape) => escape.toLowerCase());
  const plain = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    percent,
    strict,
    form,
    small,
    encodeURIComponent(percent),
  ];
  return [...plain, ...(secret.length < 8 ? [] : [...base64Of(secret), Buffer.from(secret).toString('hex')])];
}

/** None of the secrets in any form, no query string and no token of a link is in the text. */
export function expectUntold(told: string, secrets: readonly (string | undefined)[]): void {
  for (const secret of secrets) {
    for (const form of secret === undefined ? [] : formsOf(secret)) {
      expect(told.includes(form) ? `told: ${form} in ${told}` : 'kept').toBe('kept');
    }
  }
  expect(told).not.toMatch(/[?&][\w-]*(?:signature|credential|token|key)[\w-]*=(?!\*{4})/i);
  expect(told).not.toMatch(/\bSignature=(?!\*{4})|\b(?:Bearer|Basic) (?!\*{4})/);
  // Tokens of the app's links are long words of this alphabet.
  expect(told).not.toMatch(/[\w-]{65,}/);
}

/** The same of all that a diagnosis says, as it is and as --json writes it. */
export function expectNoSecret(diagnosis: Diagnosis, secrets: readonly (string | undefined)[]): void {
  const texts = diagnosis.steps.flatMap((step) => Object.values(step).map(String));
  expectUntold([...texts, JSON.stringify(diagnosis)].join('\n'), secrets);
}

/** Writes the figures of a table of set-ups where the run is read. */
export function tell(text: string): void {
  process.stderr.write(`doctor: ${text}\n`);
}
