/** The dialog that makes a signed link of a chosen expiry. */
import { getLink } from './api.js';
import { byId } from './dom.js';
import { formatDate } from './format.js';

let filename;
let latest = 0;

async function renew() {
  const turn = ++latest;
  const [field, note, copy] = [byId('link-url'), byId('link-note'), byId('link-copy')];
  field.value = '';
  copy.disabled = true;
  note.className = 'hint';
  note.textContent = '';
  try {
    const { url, expiresAt } = await getLink(filename, {
      expiresIn: Number(byId('link-expiry').value),
      download: byId('link-download').checked,
    });
    if (turn !== latest) return;
    field.value = url;
    copy.disabled = false;
    note.textContent = `Valid until ${formatDate(expiresAt)}.`;
  } catch (error) {
    if (turn !== latest) return;
    note.className = 'notice error';
    note.textContent = error.message;
  }
}

async function copy() {
  const field = byId('link-url');
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    byId('link-note').textContent = 'Copied.';
  } catch {
    byId('link-note').textContent = 'The link is selected: copy it with Ctrl+C or ⌘C.';
  }
}

export function openLink(name) {
  filename = name;
  byId('link-name').textContent = name;
  byId('link').showModal();
  void renew();
}

export function prepareLink() {
  byId('link-expiry').addEventListener('change', () => void renew());
  byId('link-download').addEventListener('change', () => void renew());
  byId('link-copy').addEventListener('click', () => void copy());
}
