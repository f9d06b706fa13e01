/** Previews of what browsers show without running it. */
import { getLink, readText } from './api.js';
import { byId, element } from './dom.js';

const TEXT_BYTES = 64 * 1024;
const TEXT = /^(?:text\/|application\/(?:json|yaml|toml|sql|x-ndjson)\b)/;
const MEDIA = { image: 'img', audio: 'audio', video: 'video' };

function kindOf(contentType) {
  const group = contentType.split('/')[0];
  if (contentType === 'image/svg+xml') return undefined;
  if (group in MEDIA) return group;
  if (contentType.startsWith('application/pdf')) return 'pdf';
  return TEXT.test(contentType) ? 'text' : undefined;
}

export const canPreview = (contentType) => kindOf(contentType) !== undefined;

async function textPreview(filename) {
  const { text, cut } = await readText(filename, TEXT_BYTES);
  return element('pre', { tabIndex: 0, dir: 'auto' }, cut ? `${text}\n…` : text || '(empty)');
}

async function linkedPreview(kind, filename) {
  const { url } = await getLink(filename);
  if (kind === 'pdf') return element('iframe', { src: url, title: filename });
  const shown = element(MEDIA[kind], { src: url });
  if (kind === 'image') shown.alt = filename;
  else shown.controls = true;
  shown.onerror = () =>
    shown.replaceWith(element('p', { className: 'notice error' }, 'This browser cannot show the file. Download it.'));
  return shown;
}

export async function openPreview({ filename, contentType }) {
  const kind = kindOf(contentType);
  const body = byId('preview-body');
  byId('preview-title').textContent = filename;
  body.replaceChildren(element('p', { className: 'hint' }, 'Loading'));
  byId('preview').showModal();
  try {
    body.replaceChildren(await (kind === 'text' ? textPreview(filename) : linkedPreview(kind, filename)));
  } catch (error) {
    body.replaceChildren(element('p', { className: 'notice error', role: 'alert' }, error.message));
  }
}

export function preparePreview() {
  // Stops sound, film and downloads that go on behind a closed dialog.
  byId('preview').addEventListener('close', () => byId('preview-body').replaceChildren());
}
