/** Causes that Cloudinary tells by its sentences. */
import type { CauseRow } from './cause-row.js';
import { clockIsOff, clockWords } from './clock-words.js';

const WHERE = ({ variable }: { variable: (name: string) => string }, part: string) =>
  `CLOUDINARY_URL or ${variable(`STORAGE_CLOUDINARY_${part}`)}`;

export const CLOUDINARY_CAUSES: readonly CauseRow[] = [
  { says: /stale request|invalid signature/i, when: clockIsOff, ...clockWords },
  {
    says: /stale request/i,
    cause: 'Cloudinary refused the signature because of its time: the clock of this machine is wrong.',
    advice: 'Set the clock of this machine by NTP.',
  },
  {
    says: /cloud_name mismatch|invalid cloud_name|unknown cloud/i,
    cause: 'The API key is of another cloud than the one named, or there is no such cloud.',
    advice: (context) => `Correct the cloud name in ${WHERE(context, 'CLOUD_NAME')}.`,
  },
  {
    says: /(?:unknown|invalid) api[_ ]key/i,
    cause: 'Cloudinary does not know the API key.',
    advice: (context) => `Correct the API key in ${WHERE(context, 'API_KEY')}.`,
  },
  {
    says: /api_secret mismatch/i,
    cause: 'Cloud name, API key and API secret do not belong together.',
    advice: (context) =>
      `Copy all three anew from the console of Cloudinary: ${WHERE(context, 'CLOUD_NAME')} and so on.`,
  },
  {
    says: /invalid signature/i,
    cause: 'The API secret is not the one of this API key.',
    advice: (context) => `Correct the API secret in ${WHERE(context, 'API_SECRET')}.`,
  },
];
