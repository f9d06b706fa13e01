/** Causes that Google Cloud Storage and its token endpoint tell. */
import type { CauseRow, FailureContext } from './cause-row.js';
import { clockIsOff, clockWords } from './clock-words.js';
import type { DiagnosisStepId } from './diagnosis.js';

/** Right that a step needs, as roles name it. */
const RIGHTS: Partial<Record<DiagnosisStepId, string>> = {
  write: 'storage.objects.create',
  read: 'storage.objects.get',
  range: 'storage.objects.get',
  url: 'storage.objects.get',
  list: 'storage.objects.list',
  'upload-url': 'storage.objects.create',
  delete: 'storage.objects.delete',
};

function bucketOf({ trial }: FailureContext): string {
  const { options, environment } = trial.resolved;
  return JSON.stringify(options.gcs?.bucket ?? environment.STORAGE_GCS_BUCKET ?? '');
}

export const GCS_CAUSES: readonly CauseRow[] = [
  { codes: ['credentialsRefused'], when: clockIsOff, ...clockWords },
  {
    codes: ['credentialsRefused'],
    cause: "Google's token endpoint refuses the service account key: it was deleted, or is not of that account.",
    advice: ({ variable }) =>
      `Make a new key and set it in ${variable('STORAGE_GCS_CREDENTIALS')} or GOOGLE_APPLICATION_CREDENTIALS.`,
  },
  {
    says: /no usable Google Cloud credentials/,
    codes: ['ENOENT'],
    cause: 'The file of the service account key is not there.',
    advice: 'Correct the path in GOOGLE_APPLICATION_CREDENTIALS (or gcs.keyFile), or mount the file.',
  },
  {
    says: /the bucket does not exist/,
    cause: (context) => `There is no bucket ${bucketOf(context)} at ${context.place.origin}.`,
    advice: ({ variable }) =>
      `Create it: it is never made for you. Or correct ${variable('STORAGE_GCS_BUCKET')}, the name without gs://.`,
  },
  {
    codes: ['signingDenied'],
    cause: 'There is no private key here, and the IAM service refuses to sign for the service account.',
    advice:
      'Give the service account the role Service Account Token Creator on itself, and enable the API of IAM Service ' +
      'Account Credentials; or use a service account key.',
  },
  {
    reason: ['permission-denied'],
    status: [401],
    cause: 'The store does not accept the credentials.',
    advice: ({ variable }) =>
      `Give a service account key in ${variable('STORAGE_GCS_CREDENTIALS')} or GOOGLE_APPLICATION_CREDENTIALS that is valid.`,
  },
  {
    reason: ['permission-denied'],
    status: [403],
    when: ({ step, trial }) => step === 'write' && trial.mayNotList,
    cause: (context) => `The service account may neither list nor write in the bucket ${bucketOf(context)}.`,
    advice: 'Give it the role Storage Object User on the bucket.',
  },
  {
    reason: ['permission-denied'],
    status: [403],
    when: ({ step }) => RIGHTS[step] !== undefined,
    cause: ({ step }) => `The service account lacks a right: ${RIGHTS[step]}.`,
    advice: 'Give it the role Storage Object User on the bucket.',
  },
];
