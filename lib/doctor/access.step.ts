/** Credentials and bucket: whether the store knows them, before anything is written. */
import { PermissionDeniedError } from '../contract/index.js';
import { factsOf } from './failure-facts.js';
import { isNotOfS3, OF_TOKEN } from './s3-causes.js';
import type { Step } from './step.js';
import type { Trial } from './trial.js';

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
function mayOnlyNotList(error: unknown, { kind }: Trial): boolean {
  if (!(error instanceof PermissionDeniedError)) return false;
  const facts = factsOf(error);
  const { codes, status, text } = facts;
  if (kind === 's3' && isNotOfS3(facts)) return false;
  return status === 403 && !UNKNOWN_CREDENTIALS.some((code) => codes.has(code)) && !OF_TOKEN.test(text);
}

/**
 * Cloudinary's Admin API has one answer for a wrong cloud, key and secret; its Upload API tells them apart, here when
 * asked to delete what is not there.
 */
async function moreTelling(error: unknown, trial: Trial, signal: AbortSignal): Promise<unknown> {
  if (trial.kind !== 'cloudinary' || trial.readOnly || !/api_secret mismatch/.test(factsOf(error).text)) return error;
  try {
    await trial.storage.delete(trial.keyOf('nothing'), { signal });
    return error;
  } catch (second) {
    return second;
  }
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
      if (!mayOnlyNotList(error, trial)) throw await moreTelling(error, trial, signal);
      trial.mayNotList = true;
      return { detail: 'the store knows the credentials, and does not let them list' };
    }
    return { detail: 'the store knows the credentials and the bucket' };
  },
};
