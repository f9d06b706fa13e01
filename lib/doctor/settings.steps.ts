/** The settings, read and checked as the module does, and the backend made of them. */
import { BACKEND_SETTINGS } from '../config/backend-settings.js';
import { createBackend } from '../config/create-backend.js';
import { detectBackend, type Detection } from '../config/detect.js';
import { variableName } from '../config/environment.js';
import type { StorageOptions } from '../config/options.js';
import { resolveOptions, signingSecrets, type ResolvedStorageOptions } from '../config/resolve-options.js';
import { SignedUrls } from '../files/signed-urls.js';
import type { DiagnoseOptions } from './diagnosis.js';
import type { Explanation, Finding, Step } from './step.js';
import type { Trial } from './trial.js';

const THIS_MACHINE = new Set(['localhost', '127.0.0.1', '[::1]', '0.0.0.0']);

/** Other backends that variables speak for, where nobody said which one is meant. */
function alsoFound({ options, environment, prefix }: ResolvedStorageOptions): Detection['alsoFound'] {
  if (options.backend !== undefined || environment.STORAGE_BACKEND !== undefined) return [];
  return detectBackend(environment, prefix).alsoFound;
}

/** What works and is likely not meant. */
function doubts(resolved: ResolvedStorageOptions): Explanation[] {
  const { urls, strict, prefix } = resolved;
  const named = (variable: string) => variableName(variable, prefix);
  const found: Explanation[] = resolved.warnings.map((warning) => {
    const [cause = warning, ...advice] = warning.split(/(?<=\.) (?=Set )/);
    return { cause, advice: advice.join(' ') };
  });
  const others = alsoFound(resolved);
  if (others.length > 0) {
    found.push({
      cause: `Variables of other backends are set too: ${others.join(', ')}. The first sign was taken.`,
      advice: `Set ${named('STORAGE_BACKEND')}, so that a variable of another library cannot decide.`,
    });
  }
  if (strict && urls.baseUrl !== undefined && THIS_MACHINE.has(new URL(urls.baseUrl).hostname)) {
    found.push({
      cause: 'Links lead to this machine itself: nobody else can follow them.',
      advice: `Set ${named('STORAGE_BASE_URL')} to the public address of the signed routes.`,
    });
  }
  return found;
}

function told(detail: string, found: readonly Explanation[]): Finding {
  if (found.length === 0) return { detail };
  return {
    outcome: 'warned',
    detail,
    cause: found.map(({ cause }) => cause).join(' '),
    advice: found.map(({ advice }) => advice).join(' '),
  };
}

/** Without what is the doctor's own. */
function storageOptions(options: DiagnoseOptions): StorageOptions {
  const { name: _name, signedRoutes: _routes, origin: _origin, timeout: _timeout, ...more } = options;
  const { signal: _signal, onStep: _onStep, ...storage } = more;
  return storage;
}

export const settingsStep: Step = {
  id: 'settings',
  title: 'Read the settings',
  needs: [],
  run: async (trial) => {
    const resolved = resolveOptions(storageOptions(trial.options));
    trial.resolved = resolved;
    const read = resolved.told.length === 0 ? '' : `, read from ${resolved.told.join(' ')}`;
    if (typeof resolved.backend === 'string') BACKEND_SETTINGS[resolved.backend](resolved);
    return told(`${resolved.summary}${read}`, doubts(resolved));
  },
};

/** The signer of the app's routes, where backend and settings make links of them; warns as the module does. */
function signerOf(trial: Trial, warn: (message: string) => void): SignedUrls | undefined {
  const { resolved } = trial;
  const { baseUrl, secrets } = resolved.urls;
  const signing = signingSecrets(resolved, warn);
  // A base URL that is none is told also where there is nothing to sign with.
  const signer = new SignedUrls({ secrets: signing, baseUrl: baseUrl ?? 'http://localhost' });
  return baseUrl === undefined || secrets === undefined ? undefined : signer;
}

export const backendStep: Step = {
  id: 'backend',
  title: 'Make the backend',
  needs: ['settings'],
  run: async (trial) => {
    const { resolved } = trial;
    const backend = await createBackend(resolved);
    const found: Explanation[] = [];
    const signsItself = backend.capabilities.getUrl.length > 0;
    const noRoutes = trial.options.signedRoutes === false && resolved.urls.baseUrl === undefined;
    const signer =
      signsItself || noRoutes
        ? undefined
        : signerOf(trial, (message) => {
            const [cause = message, ...advice] = message.split(/(?<=\.) (?=Set )/);
            found.push({ cause, advice: advice.join(' ') });
          });
    trial.use(backend, signer);
    const ofApp = noRoutes ? 'there are no links' : 'links lead to the routes of the app';
    const links = signsItself ? 'links are signed by the store' : ofApp;
    return told(`${backend.name}${trial.readOnly ? ', read-only' : ''}; ${links}`, found);
  },
};
