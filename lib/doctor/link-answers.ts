/** What the answer to a link means: from status and body to the likely cause. */
import type { Explanation } from './step.js';

/** Who makes the links, and what they were made with. */
export interface LinkMaker {
  /** The app's own routes, or the store. */
  readonly app: boolean;
  /** Without path and query. */
  readonly origin: string;
  /** What sets the address, for advice. */
  readonly setting: string;
  /** Name of the variable of the secret. */
  readonly secret: string;
  /** Name of the storage. */
  readonly storage: string;
}

interface Row {
  readonly status: (status: number) => boolean;
  /** The answer is one of the library's own routes, with this code. */
  readonly code?: string;
  readonly says: (maker: LinkMaker, status: number) => Explanation;
}

const is = (wanted: number) => (status: number) => status === wanted;

const OF_APP: readonly Row[] = [
  {
    status: is(403),
    code: 'permission-denied',
    says: ({ origin, secret, storage }) => ({
      cause: `The app at ${origin} refuses the link: it has another URL secret, or no storage named ${JSON.stringify(storage)}.`,
      advice: `Set ${secret} to the same value for the app and for all its instances.`,
    }),
  },
  {
    status: is(404),
    code: 'not-found',
    says: ({ origin }) => ({
      cause: `The app at ${origin} knows the link, but not the object: it keeps its files somewhere else.`,
      advice: 'Give the app the same folder or bucket as these settings name. Several instances need a shared one.',
    }),
  },
  {
    status: (status) => status === 401 || status === 403,
    says: ({ origin }) => ({
      cause: `Something at ${origin} refuses the link before the signed routes see it: a guard, or a proxy.`,
      advice: 'Let the signed routes past the guard: their token is the permission.',
    }),
  },
  {
    status: is(404),
    says: ({ origin, setting }) => ({
      cause: `What answers at ${origin} has no signed routes under the path of the links.`,
      advice: `Correct ${setting}: it is the public address with the global prefix and the path of the routes (/files).`,
    }),
  },
];

const OF_STORE: readonly Row[] = [
  {
    status: (status) => status === 401 || status === 403,
    says: ({ origin, setting }) => ({
      cause: `${origin} refuses the link that was made for it.`,
      advice:
        'The credentials that sign may lack the right to read, or a proxy changes host or query on the way; for plain ' +
        `links, the objects are not public. The address is set by ${setting}.`,
    }),
  },
  {
    status: is(404),
    says: ({ origin, setting }) => ({
      cause: `${origin} answers the link, but does not find the object there.`,
      advice: `Correct ${setting}: it leads to another bucket or folder than the one that is written.`,
    }),
  },
];

const ANY: readonly Row[] = [
  {
    status: (status) => status >= 300 && status < 400,
    says: ({ origin, setting }, status) => ({
      cause: `${origin} answers the link by sending elsewhere (${status}); uploads do not follow.`,
      advice: `Set ${setting} to where it leads, for example with https.`,
    }),
  },
  {
    status: (status) => status >= 500,
    says: ({ origin }, status) => ({
      cause: `What answers at ${origin} failed with status ${status}.`,
      advice: 'Its log says why; a 502 or 504 is a proxy before an app that does not run.',
    }),
  },
  {
    status: () => true,
    says: ({ origin, setting }, status) => ({
      cause: `${origin} answered the link with status ${status}.`,
      advice: `Look at what answers there, and at ${setting}.`,
    }),
  },
];

/** Reason of an error of the library's routes; undefined where something else answered. */
function codeOf(body: string): string | undefined {
  try {
    const { code, statusCode } = JSON.parse(body) as { code?: unknown; statusCode?: unknown };
    return typeof code === 'string' && typeof statusCode === 'number' ? code : undefined;
  } catch {
    return undefined;
  }
}

/** @param body the beginning of it */
export function explainAnswer(maker: LinkMaker, status: number, body: string): Explanation {
  const code = codeOf(body);
  const rows = [...(maker.app ? OF_APP : OF_STORE), ...ANY];
  const row = rows.find((candidate) => candidate.status(status) && (candidate.code ?? code) === code);
  // The last row fits everything.
  return (row ?? ANY.at(-1)!).says(maker, status);
}
