/** From an error to its likely cause and what to do: tables looked through in order, the first row that fits tells. */
import { StorageError } from '../contract/index.js';
import { variableName } from '../config/environment.js';
import type { CauseRow, FailureContext, Words } from './cause-row.js';
import { CLOUDINARY_CAUSES } from './cloudinary-causes.js';
import type { DiagnosisStepId } from './diagnosis.js';
import { DISK_CAUSES } from './disk-causes.js';
import { factsOf } from './failure-facts.js';
import { GCS_CAUSES } from './gcs-causes.js';
import { NETWORK_CAUSES } from './network-causes.js';
import { S3_CAUSES } from './s3-causes.js';
import { StepFailure, type Explanation } from './step.js';
import type { Trial } from './trial.js';

/** As the backends say that a link shall live longer than their store allows. */
const TOO_LONG = /expiresIn of (?<asked>\d+) seconds is over \D*(?<most>\d+)|live (?<limit>\d+) seconds at most/;

const COMMON: readonly CauseRow[] = [
  {
    says: TOO_LONG,
    cause: ({ facts, trial }) => {
      const { asked = trial.resolved.urls.expiresIn, most, limit = most } = TOO_LONG.exec(facts.text)?.groups ?? {};
      return `Links are to live for ${asked} seconds, and the store signs for at most ${limit}.`;
    },
    advice: ({ variable, facts }) => {
      const { most, limit = most } = TOO_LONG.exec(facts.text)?.groups ?? {};
      return `Set ${variable('STORAGE_URL_EXPIRATION')} (or urls.expiresIn) to ${limit} or less.`;
    },
  },
  {
    reason: ['quota-exceeded'],
    cause: 'The store has no room left: it is full, or its quota is used up.',
    advice: 'Free space, or raise the quota.',
  },
  {
    codes: ['StepTimeout'],
    cause: ({ place, trial }) => `There was no answer from ${place.origin} within ${trial.timeout} seconds.`,
    advice: ({ place }) => `A firewall may drop the packets, or the service hangs: check it, and ${place.setting}.`,
  },
];

const OF_KIND: Readonly<Record<string, readonly CauseRow[]>> = {
  s3: S3_CAUSES,
  gcs: GCS_CAUSES,
  cloudinary: CLOUDINARY_CAUSES,
  local: DISK_CAUSES,
};

function fits(row: CauseRow, context: FailureContext): boolean {
  const { codes, reason, status, text } = context.facts;
  return (
    (row.codes === undefined || row.codes.some((code) => codes.has(code))) &&
    (row.says === undefined || row.says.test(text)) &&
    (row.reason === undefined || (reason !== undefined && row.reason.includes(reason))) &&
    (row.status === undefined || (status !== undefined && row.status.includes(status))) &&
    (row.when === undefined || row.when(context))
  );
}

function said(words: Words, context: FailureContext): string {
  return typeof words === 'string' ? words : words(context);
}

/** Characters of an error's own words. */
const LONGEST_SAID = 1000;

const LOOK_UP = 'Look for these words in the documentation of the store.';

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What the error says itself. Where the storage knows no reason, the words of what lies beneath are told with it. */
function inItsOwnWords(error: unknown, { secrets }: Trial): Explanation {
  // Before anything is made of it: a secret with its first letter changed would not be known again.
  const told = (text: string) => sentence(secrets.scrub(text).slice(0, LONGEST_SAID));
  if (!(error instanceof StorageError)) {
    return { cause: told(error instanceof Error ? error.message : String(error)), advice: LOOK_UP };
  }
  const { cause: beneath, reason, advice, code } = error;
  const unknown = code === 'unknown' && beneath instanceof Error;
  return {
    cause: told(unknown ? `${reason}: ${beneath.message}` : reason),
    advice: advice === undefined ? LOOK_UP : told(advice),
  };
}

/** The likely cause and what to do, by the tables of who was asked. */
export function explain(error: unknown, trial: Trial, step: DiagnosisStepId): Explanation {
  if (error instanceof StepFailure) return error.explanation;
  if (!trial.settled) return inItsOwnWords(error, trial);
  const { asking, address } = trial;
  const { prefix } = trial.resolved;
  const context: FailureContext = {
    trial,
    step,
    facts: factsOf(error),
    place: asking ?? address ?? { origin: 'the store', setting: 'its address' },
    variable: (name) => variableName(name, prefix),
  };
  const ofStore = asking === undefined ? (OF_KIND[trial.kind] ?? []) : [];
  const row = [...ofStore, ...NETWORK_CAUSES, ...COMMON].find((candidate) => fits(candidate, context));
  const { cause, advice } =
    row === undefined
      ? inItsOwnWords(error, trial)
      : { cause: said(row.cause, context), advice: said(row.advice, context) };
  return { cause: asking?.meaning === undefined ? cause : `${asking.meaning} ${cause}`, advice };
}
