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

/** None of the secrets, no query string and no token of a link is in any text. */
export function expectNoSecret(diagnosis: Diagnosis, secrets: readonly (string | undefined)[]): void {
  const told = JSON.stringify(diagnosis);
  for (const secret of secrets) {
    if (secret !== undefined) expect(told.includes(secret) ? `told: ${secret}` : 'kept').toBe('kept');
  }
  expect(told).not.toMatch(/[?&][\w-]*(?:signature|credential|token|key)[\w-]*=(?!\*{4})/i);
  // Tokens of the app's links are long words of this alphabet.
  expect(told).not.toMatch(/[\w-]{65,}/);
}

/** Writes the figures of a table of set-ups where the run is read. */
export function tell(text: string): void {
  process.stderr.write(`doctor: ${text}\n`);
}
