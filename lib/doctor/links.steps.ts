/** Links, made and used as a client would: fetched and uploaded to over HTTP, without credentials. */
import { variableName } from '../config/environment.js';
import type { SignedUpload } from '../contract/index.js';
import { following, linkAddressOf } from './link-address.js';
import { explainAnswer, type LinkMaker } from './link-answers.js';
import { assertSame } from './objects.steps.js';
import { skip, StepFailure, type Finding, type Step } from './step.js';
import type { Trial } from './trial.js';

/** Of an answer that is no file. */
const MOST_READ = 4096;

/** The first bytes of an answer; the rest is not fetched. */
async function firstBytes(answer: Response, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
    if (length > most) break;
  }
  return Buffer.concat(chunks).subarray(0, most + 1);
}

/** Why there are no links to try; undefined where there are. */
function nothingToTry(trial: Trial): Finding | undefined {
  const { resolved, kind, linksToApp, storage } = trial;
  const named = (variable: string) => variableName(variable, resolved.prefix);
  if (kind === 'memory') return skip('files in memory are seen by the process that wrote them alone');
  if (trial.folders.length > 0) return skip('the folder is not there yet, so the app cannot serve from it');
  if (linksToApp || storage.capabilities.getUrl.length > 0) return undefined;
  if (trial.options.signedRoutes === false) return skip('the store makes no links, and the app has no signed routes');
  if (resolved.urls.baseUrl === undefined) {
    return skip(
      `links are the routes of the app, and ${named('STORAGE_BASE_URL')} is not set: they lead to where it listens`,
    );
  }
  return skip(
    `links are the routes of the app, and ${named('STORAGE_URL_SECRET')} is not set: nobody else can make one`,
  );
}

function makerOf(trial: Trial, url: string): LinkMaker {
  return {
    app: trial.linksToApp,
    ...linkAddressOf(trial, url),
    secret: variableName('STORAGE_URL_SECRET', trial.resolved.prefix),
    storage: trial.name,
  };
}

/** @throws StepFailure where the answer is a refusal */
async function send(trial: Trial, url: string, request: RequestInit): Promise<Response> {
  const answer = await following(trial, url, 'Links lead nowhere.', async () =>
    fetch(url, { redirect: 'manual', ...request }),
  );
  if (answer.ok) return answer;
  const body = await following(trial, url, undefined, async () => firstBytes(answer, MOST_READ));
  const maker = makerOf(trial, url);
  throw new StepFailure(explainAnswer(maker, answer.status, body.toString()), maker.origin, answer.status);
}

export const urlStep: Step = {
  id: 'url',
  title: 'Make a link and follow it',
  needs: ['write', 'read'],
  run: async (trial, signal) => {
    const { object, storage } = trial;
    const nothing = nothingToTry(trial);
    if (nothing !== undefined) return nothing;
    if (object === undefined) return skip('there is no object to link to');
    const url = await storage.getUrl(object.key, { signal });
    trial.secrets.hideLink(url);
    const answer = await send(trial, url, { signal });
    const { length } = object.bytes;
    const got = await following(trial, url, undefined, async () => firstBytes(answer, length));
    assertSame(object.whole ? got : got.subarray(0, length), object.bytes, 'The link');
    return { detail: `${new URL(url).origin}, the same bytes` };
  },
};

function requestOf(upload: SignedUpload, bytes: Buffer): RequestInit {
  const { method, headers, fields } = upload;
  if (method === 'PUT') return { method, headers, body: new Uint8Array(bytes) };
  const form = new FormData();
  for (const [name, value] of Object.entries(fields ?? {})) form.set(name, value);
  form.set('file', new Blob([new Uint8Array(bytes)]), 'check.bin');
  return { method, headers, body: form };
}

export const uploadUrlStep: Step = {
  id: 'upload-url',
  title: 'Make an upload link and use it',
  needs: ['write', 'read', 'url'],
  run: async (trial, signal) => {
    const { storage } = trial;
    if (trial.readOnly) return skip('the storage is read-only');
    const nothing = nothingToTry(trial);
    if (nothing !== undefined) return nothing;
    const bindings = storage.capabilities.getUploadUrl;
    if (bindings.length === 0) return skip('this backend makes no upload links');
    const key = trial.keyOf('upload.bin');
    const bytes = trial.newBytes();
    const upload = await storage.getUploadUrl(key, {
      ...(bindings.includes('contentType') && { contentType: 'application/octet-stream' }),
      ...(bindings.includes('size') && { size: bytes.length }),
      signal,
    });
    trial.upload = upload;
    trial.secrets.hideLink(upload.url);
    for (const value of Object.values(upload.fields ?? {})) if (value.length > 20) trial.secrets.hide(value);
    const answer = await trial.writes.track(key, false, async () =>
      send(trial, upload.url, { ...requestOf(upload, bytes), signal }),
    );
    await answer.body?.cancel();
    assertSame(await storage.get(key, { signal }), bytes, 'The store, after an upload by link,');
    return { detail: `${new URL(upload.url).origin}, ${upload.method}` };
  },
};
