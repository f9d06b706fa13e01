/** The routes of the sample, with failures as messages for people. */
import { formatSize } from './format.js';

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const UNREACHABLE = 'The server cannot be reached. Check that it is running, then try again.';

/** What this app knows better than the library's own sentence. */
const OWN_WORDS = {
  'unsupported-type': 'Web pages, scripts, XML and SVG images are not accepted here, since a browser would run them.',
};

/** The server's sentence; sizes in units that people use. */
function errorOf(status, body) {
  const told = OWN_WORDS[body?.code] ?? (typeof body?.message === 'string' ? body.message : undefined);
  const message = told?.replace(/(\d{4,}) bytes/g, (_all, bytes) => formatSize(Number(bytes)));
  return new ApiError(status, body?.code, message ?? `The server answered with status ${status}.`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function request(path, options) {
  let response;
  let text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw new ApiError(0, 'unreachable', UNREACHABLE);
  }
  if (!response.ok) throw errorOf(response.status, parsed(text));
  return parsed(text);
}

const segment = encodeURIComponent;

export const downloadPath = (filename) => `download/${segment(filename)}`;

export const listFiles = (cursor) =>
  request(cursor === undefined ? 'files' : `files?cursor=${segment(cursor)}`, { cache: 'no-store' });

export const deleteFile = (filename) => request(`files/${segment(filename)}`, { method: 'DELETE' });

export const getLink = (filename, { expiresIn = 3600, download = false } = {}) =>
  request(`links/${segment(filename)}?expiresIn=${expiresIn}&download=${download}`);

/** `{ status, storage: { backend, status } }`, also where it is unhealthy. */
export async function getHealth() {
  const response = await fetch('_ops/health');
  return response.json();
}

/** The first bytes of a file as text. */
export async function readText(filename, maxBytes) {
  let response;
  try {
    response = await fetch(downloadPath(filename));
  } catch {
    throw new ApiError(0, 'unreachable', UNREACHABLE);
  }
  if (!response.ok) throw errorOf(response.status, parsed(await response.text()));
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  while (bytes < maxBytes) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), cut: false };
    bytes += value.byteLength;
    text += decoder.decode(value, { stream: true });
  }
  const { done } = await reader.read();
  void reader.cancel();
  return { text, cut: !done };
}

/**
 * Uploads a file. XMLHttpRequest, since fetch() tells no progress of what is sent.
 *
 * @returns `{ done: Promise, cancel() }`; a cancelled upload rejects with code `cancelled`
 */
export function uploadFile(file, { replace, onProgress }) {
  const xhr = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    xhr.upload.addEventListener('progress', (event) => onProgress(event.loaded, event.total));
    xhr.addEventListener('load', () => {
      const body = parsed(xhr.responseText);
      if (xhr.status >= 200 && xhr.status < 300) resolve(body);
      else reject(errorOf(xhr.status, body));
    });
    xhr.addEventListener('error', () => reject(new ApiError(0, 'unreachable', UNREACHABLE)));
    xhr.addEventListener('abort', () => reject(new ApiError(0, 'cancelled', 'Cancelled.')));
    const form = new FormData();
    form.append('file', file);
    xhr.open('POST', replace ? 'upload' : 'upload/new');
    xhr.send(form);
  });
  return { done, cancel: () => xhr.abort() };
}
