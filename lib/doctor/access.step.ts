/** Credentials and bucket: whether the store knows them, before anything is written. */
import { PermissionDeniedError } from '../contract/index.js';
import { factsOf } from './failure-facts.js';
import type { Step } from './step.js';

/** Codes of a refusal of who asks, not of what is asked. */
const UNKNOWN_CREDENTIALS = [
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'RequestTimeTooSkewed',
  'RequestExpired',
  'ExpiredToken',
  'InvalidToken',
  'credentialsRefused',
];

/** Whether the store knows who asks, and only does not let them list. */
function mayOnlyNotList(error: unknown): boolean {
  if (!(error instanceof PermissionDeniedError)) return false;
  const { codes, status } = factsOf(error);
  return status === 403 && !UNKNOWN_CREDENTIALS.some((code) => codes.has(code));
}

export const accessStep: Step = {
  id: 'access',
  title: 'Use credentials and bucket',
  needs: ['reach', 'clock'],
  run: async (trial, signal) => {
    try {
      // A listing, since the answer to it says why it is refused. One to HEAD has no body that could.
      await trial.storage.listPage({ prefix: `${trial.prefix}/`, limit: 1, signal });
    } catch (error) {
      if (!mayOnlyNotList(error)) throw error;
      trial.mayNotList = true;
      return { detail: 'the store knows the credentials, and does not let them list' };
    }
    return { detail: 'the store knows the credentials and the bucket' };
  },
};
