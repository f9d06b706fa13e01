/** Whether the store lets a page of the app's origin upload: the preflight that a browser would send. */
import { following } from './link-address.js';
import { fail, skip, type Step } from './step.js';

/** Headers that a page may send without asking: https://fetch.spec.whatwg.org/#cors-safelisted-request-header */
const SAFE = new Set(['accept', 'accept-language', 'content-language', 'range']);

/** What a preflight asks for. */
interface Wish {
  readonly method: string;
  readonly headers: readonly string[];
}

function listed(value: string | null): string[] {
  return (value ?? '').split(',').map((item) => item.trim().toLowerCase());
}

/** https://fetch.spec.whatwg.org/#cors-preflight-fetch */
async function allows(url: string, origin: string, { method, headers }: Wish, signal: AbortSignal): Promise<boolean> {
  const asked = headers.length === 0 ? undefined : { 'access-control-request-headers': headers.join(',') };
  const answer = await fetch(url, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': method, ...asked },
    redirect: 'manual',
    signal,
  });
  await answer.body?.cancel();
  const allowed = (name: string) => listed(answer.headers.get(`access-control-allow-${name}`));
  const origins = allowed('origin');
  if (!answer.ok || !(origins.includes('*') || origins.includes(origin.toLowerCase()))) return false;
  const methods = allowed('methods');
  const names = allowed('headers');
  return (
    // GET, HEAD and POST need no permission.
    (['GET', 'POST'].includes(method) || methods.includes('*') || methods.includes(method.toLowerCase())) &&
    headers.every((header) => names.includes('*') || names.includes(header))
  );
}

export const corsStep: Step = {
  id: 'cors',
  title: 'Ask whether browsers may upload',
  needs: ['write', 'upload-url'],
  run: async (trial, signal) => {
    const { upload, linksToApp, options } = trial;
    if (linksToApp) return skip('uploads go to the routes of the app, whose CORS is its own');
    if (upload === undefined) return skip('there is no upload link');
    if (options.origin === undefined) return skip('no origin of pages was given (origin, or --origin)');
    if (!URL.canParse(options.origin)) {
      fail(`The origin ${JSON.stringify(options.origin)} is no URL.`, 'An example is https://app.example.com.');
    }
    const { origin } = new URL(options.origin);
    const { method, url } = upload;
    const headers = Object.keys(upload.headers)
      .map((header) => header.toLowerCase())
      .filter((header) => !SAFE.has(header))
      .sort();
    const asked = `${method} from ${origin}`;
    const may = async (wish: Wish) => following(trial, url, undefined, async () => allows(url, origin, wish, signal));
    if (await may({ method, headers })) return { detail: asked };
    const advice = (what: string) =>
      `Add ${what} to the CORS rules of the bucket, beside the origin ${origin}, the method ${method} and the headers ` +
      `${headers.join(', ') || '(none)'}.`;
    if (await may({ method, headers: [] })) {
      return fail(
        `The CORS rules of the store allow ${method} from ${origin}, but not its headers: ${headers.join(', ')}.`,
        advice('the headers'),
        asked,
      );
    }
    if (await may({ method: 'GET', headers: [] })) {
      return fail(
        `The CORS rules of the store allow GET from ${origin}, but not ${method}.`,
        advice('the method'),
        asked,
      );
    }
    return fail(
      `The store has no CORS rule that lets pages of ${origin} upload: browsers refuse it.`,
      advice('a rule'),
      asked,
    );
  },
};
