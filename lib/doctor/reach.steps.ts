/** The way to the store, before any credentials: name, route, port, TLS; and its clock. */
import { variableName } from '../config/environment.js';
import { explain } from './causes.js';
import { offsetInWords } from './clock-words.js';
import { factsOf } from './failure-facts.js';
import { answers, knock, speaksTls } from './knock.js';
import { addressOf } from './store-address.js';
import { fail, skip, StepFailure, type Step } from './step.js';
import type { StoreAddress, Trial } from './trial.js';

/** Offsets below this are told and not minded: every scheme forgives them, and NTP keeps clocks far closer. */
const WORTH_A_WORD = 30;

/**
 * Seconds of offset at which a store refuses signatures:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html (15 minutes),
 * https://cloud.google.com/storage/docs/xml-api/reference-headers#date (15 minutes),
 * https://cloudinary.com/documentation/authentication_signatures (an hour).
 */
const FORGIVEN: Readonly<Record<string, number>> = { s3: 900, gcs: 900, cloudinary: 3600 };

const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/** What the error alone does not tell. */
async function lookCloser(error: unknown, trial: Trial, place: StoreAddress, signal: AbortSignal): Promise<never> {
  const { codes } = factsOf(error);
  const { origin, withoutBucket, setting } = place;
  if (origin.startsWith('http:') && CLOSED.some((code) => codes.has(code)) && (await speaksTls(origin, signal))) {
    return fail(
      `What listens at ${origin} speaks TLS, and was spoken to in plain HTTP.`,
      `Write https:// in ${setting}, or the port at which the service speaks plain HTTP.`,
      origin,
    );
  }
  const named = ['ENOTFOUND', 'ERR_TLS_CERT_ALTNAME_INVALID'].some((code) => codes.has(code));
  if (withoutBucket !== undefined && named && (await answers(withoutBucket, signal))) {
    return fail(
      `${withoutBucket} answers, but ${new URL(origin).host} does not: this service takes no bucket in the host name.`,
      `Set ${variableName('STORAGE_S3_PATH_STYLE', trial.resolved.prefix)} to true, or take the bucket out of the endpoint.`,
      origin,
    );
  }
  throw new StepFailure(explain(error, trial, 'reach'), origin);
}

export const reachStep: Step = {
  id: 'reach',
  title: 'Reach the store',
  needs: ['backend'],
  run: async (trial, signal) => {
    const place = addressOf(trial.kind, trial.resolved);
    if (place === undefined) return skip('only the SDK knows where its requests go');
    trial.address = place;
    const began = Date.now();
    const answer = await knock(place.origin, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      return lookCloser(error, trial, place, signal);
    });
    if (answer.status === 400 && place.origin.startsWith('http:') && (await speaksTls(place.origin, signal))) {
      fail(
        `What listens at ${place.origin} speaks TLS, and was spoken to in plain HTTP.`,
        `Write https:// in ${place.setting}.`,
        place.origin,
      );
    }
    // The store's clock was read between the question and the answer, and tells whole seconds.
    if (!Number.isNaN(answer.date)) trial.clockOffset = ((began + Date.now()) / 2 - answer.date - 500) / 1000;
    return { detail: place.origin };
  },
};

export const clockStep: Step = {
  id: 'clock',
  title: 'Compare the clocks',
  needs: ['reach'],
  run: async ({ clockOffset: offset, kind }) => {
    if (offset === undefined) return skip('the store did not tell its time');
    const detail = Math.abs(offset) < 2 ? 'they agree' : `${offsetInWords(offset)} the store`;
    if (Math.abs(offset) < WORTH_A_WORD) return { detail };
    const cause = `The clock of this machine is ${offsetInWords(offset)} the store's`;
    const advice = 'Set the clock of this machine by NTP; in a container it is the one of the host.';
    const forgiven = FORGIVEN[kind] ?? Number.POSITIVE_INFINITY;
    if (Math.abs(offset) >= forgiven) {
      fail(`${cause}, and signatures are refused from ${forgiven} s on.`, advice, detail);
    }
    return { outcome: 'warned', detail, cause: `${cause}.`, advice };
  },
};
