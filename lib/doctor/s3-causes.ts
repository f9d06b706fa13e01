/** Causes that S3 and its likes tell by code: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
import type { CauseRow, FailureContext } from './cause-row.js';
import { clockIsOff, clockWords } from './clock-words.js';
import type { DiagnosisStepId } from './diagnosis.js';
import type { FailureFacts } from './failure-facts.js';

/** Right that a step needs, as policies name it. */
const RIGHTS: Partial<Record<DiagnosisStepId, string>> = {
  write: 's3:PutObject',
  read: 's3:GetObject',
  range: 's3:GetObject',
  url: 's3:GetObject',
  list: 's3:ListBucket',
  'upload-url': 's3:PutObject',
  delete: 's3:DeleteObject',
};

/** What the SDK says of an answer that is no XML. */
const NO_XML = /Deserialization error|is not expected|Expected closing tag|Unexpected closing tag|Unclosed/;

const DENIED = ['AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'PermissionDeniedError'];

function bucketOf({ trial }: FailureContext): string {
  const { options, environment } = trial.resolved;
  return JSON.stringify(options.s3?.bucket ?? environment.STORAGE_S3_BUCKET ?? '');
}

function regionOf({ trial }: FailureContext): string {
  const { options, environment } = trial.resolved;
  return options.s3?.region ?? environment.STORAGE_S3_REGION ?? environment.AWS_REGION ?? 'the default one';
}

/** Stores name it in a field of the answer or in its message. */
function rightRegion({ facts }: FailureContext): string | undefined {
  return facts.region ?? /expecting '([^']+)'/.exec(facts.text)?.[1];
}

/** Of credentials for a web identity, the storage's own words say best which of the two services refused. */
export const OF_TOKEN = /: (?<cause>the (?:token service \(STS\)|web identity token)[^.\n]*)\. (?<advice>[^\n]+)/;

/** Where an answer holds no code of S3, the SDK has no better name for it. */
const NAMELESS = ['Unknown', 'NotFound'];

/**
 * The answer to a listing was not S3's: a website, an ingress, a guard. S3 gives every refusal of a listing a code, and
 * the bucket's region to who asks in the wrong one.
 */
export function isNotOfS3({ codes, text, region }: FailureFacts): boolean {
  return NO_XML.test(text) || (region === undefined && NAMELESS.some((code) => codes.has(code)));
}

const notOfS3 = ({ step, facts }: FailureContext) => step === 'access' && isNotOfS3(facts);

export const S3_CAUSES: readonly CauseRow[] = [
  {
    says: OF_TOKEN,
    cause: ({ facts }) => `T${OF_TOKEN.exec(facts.text)!.groups!['cause']!.slice(1)}.`,
    advice: ({ facts }) => OF_TOKEN.exec(facts.text)!.groups!['advice']!,
  },
  {
    codes: ['SignatureDoesNotMatch', 'RequestTimeTooSkewed', 'RequestExpired'],
    when: clockIsOff,
    ...clockWords,
  },
  {
    codes: ['RequestTimeTooSkewed', 'RequestExpired'],
    cause: 'The store refused the signature because of its time: the clock of this machine is wrong.',
    advice: 'Set the clock of this machine by NTP.',
  },
  {
    codes: ['CredentialsProviderError'],
    cause: 'No credentials were found: neither in the variables, nor in shared files, nor a role of this machine.',
    advice: ({ variable }) =>
      `Set ${variable('STORAGE_S3_ACCESS_KEY')} and ${variable('STORAGE_S3_SECRET_KEY')}, or give this machine a role.`,
  },
  {
    codes: ['InvalidAccessKeyId'],
    cause: ({ place }) => `The store at ${place.origin} does not know the access key.`,
    advice: ({ variable }) =>
      `Correct ${variable('STORAGE_S3_ACCESS_KEY')} (or AWS_ACCESS_KEY_ID): the key may be deleted, or be of another service.`,
  },
  {
    codes: ['SignatureDoesNotMatch'],
    cause: 'The secret key is not the one of this access key: the store knows the key and refuses its signature.',
    advice: ({ variable }) =>
      `Correct ${variable('STORAGE_S3_SECRET_KEY')} (or AWS_SECRET_ACCESS_KEY). A proxy that rewrites host or path breaks signatures too.`,
  },
  {
    codes: ['ExpiredToken', 'ExpiredTokenException', 'InvalidToken', 'TokenRefreshRequired'],
    cause: 'The session token of the temporary credentials has expired, or is not of this key.',
    advice: 'Take new credentials, or unset AWS_SESSION_TOKEN where the keys are lasting ones.',
  },
  {
    codes: ['NoSuchBucket'],
    cause: (context) => `There is no bucket ${bucketOf(context)} at ${context.place.origin}.`,
    advice: ({ variable }) =>
      `Create it: it is never made for you. Or correct ${variable('STORAGE_S3_BUCKET')}; name and endpoint belong together.`,
  },
  {
    codes: ['NoSuchKey'],
    when: ({ step }) => step === 'access',
    cause: 'The endpoint holds more than the address of the service: it names the bucket already.',
    advice: ({ variable }) => `Take the bucket out of ${variable('STORAGE_S3_ENDPOINT')}.`,
  },
  {
    codes: ['InvalidBucketName'],
    cause: (context) => `${bucketOf(context)} is no name that a bucket can have.`,
    advice: ({ variable }) => `Correct ${variable('STORAGE_S3_BUCKET')}: the name alone, without s3:// and slashes.`,
  },
  {
    codes: ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException', '301'],
    cause: (context) => {
      const right = rightRegion(context);
      return `The bucket is in another region${right ? `, ${right}` : ''}: requests are signed for ${regionOf(context)}.`;
    },
    advice: (context) =>
      `Set ${context.variable('STORAGE_S3_REGION')} to ${rightRegion(context) ?? 'the region of the bucket'}.`,
  },
  {
    says: /\bkms\b/i,
    reason: ['permission-denied'],
    cause: 'The credentials may not use the KMS key with which the bucket encrypts.',
    advice: 'Allow them kms:GenerateDataKey and kms:Decrypt on that key.',
  },
  {
    codes: DENIED,
    when: ({ step, trial }) => step === 'write' && trial.mayNotList,
    cause: (context) =>
      `The store knows the credentials, but lets them neither list nor write in the bucket ${bucketOf(context)}: ` +
      'it belongs to another account, or no policy lets them in.',
    advice: ({ variable }) =>
      `Allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject, or correct ${variable('STORAGE_S3_BUCKET')}.`,
  },
  {
    codes: DENIED,
    when: ({ step }) => RIGHTS[step] !== undefined,
    cause: ({ step }) => `The credentials lack a right: ${RIGHTS[step]}.`,
    advice: (context) => `Allow ${RIGHTS[context.step]} on the bucket ${bucketOf(context)}.`,
  },
  {
    when: notOfS3,
    status: [301, 302, 303, 307, 308],
    cause: ({ place, facts }) =>
      `${place.origin} answers by sending elsewhere (${facts.status}), which is no answer of S3.`,
    advice: ({ place }) => `Set ${place.setting} to where it leads, for example with https.`,
  },
  {
    when: notOfS3,
    status: [401, 403],
    cause: ({ place, facts }) =>
      `Something at ${place.origin} refuses with status ${facts.status} before S3 does: a guard, a proxy or a firewall.`,
    advice: ({ place }) => `Let requests to the store past it, or correct ${place.setting}.`,
  },
  {
    when: notOfS3,
    status: [500, 502, 503, 504],
    cause: ({ place, facts }) => `What answers at ${place.origin} failed with status ${facts.status}.`,
    advice: () => 'Its log says why; a 502 or 504 is a proxy before a service that does not run.',
  },
  {
    when: notOfS3,
    cause: ({ place, facts }) =>
      `What answers at ${place.origin} is no S3 service, or its path is another one` +
      `${facts.status === undefined ? '' : ` (status ${facts.status})`}.`,
    advice: ({ place }) =>
      `Correct ${place.setting}: a console or a website, for example, has another port or path than the API.`,
  },
  {
    says: NO_XML,
    cause: ({ place }) => `What answers at ${place.origin} is no S3 service.`,
    advice: ({ place }) => `Correct ${place.setting}: a console, for example, has another port than the API.`,
  },
];
