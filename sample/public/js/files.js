/** The list of stored files. */
import { deleteFile, downloadPath, listFiles } from './api.js';
import { announce, byId, element } from './dom.js';
import { formatDate, formatSize } from './format.js';
import { openLink } from './link.js';
import { canPreview, openPreview } from './preview.js';

let shown = [];
let next;
let latest = 0;

function action(text, filename, onclick, className = 'quiet') {
  return element('button', { type: 'button', className, onclick, aria: { label: `${text} ${filename}` } }, text);
}

function rowOf(file) {
  const { filename, contentType, size, lastModified } = file;
  const actions = [
    ...(canPreview(contentType) ? [action('Preview', filename, () => openPreview(file))] : []),
    action('Link', filename, () => openLink(filename)),
    element(
      'a',
      { className: 'button quiet', href: downloadPath(filename), aria: { label: `Download ${filename}` } },
      'Download',
    ),
    action('Delete', filename, () => askToDelete(filename), 'quiet delete'),
  ];
  return element(
    'tr',
    {},
    element('td', { className: 'name' }, element('span', { dir: 'auto' }, filename)),
    element('td', { className: 'type', title: contentType }, contentType),
    element('td', { className: 'number' }, formatSize(size)),
    element('td', { className: 'date' }, element('time', { dateTime: lastModified }, formatDate(lastModified))),
    element('td', { className: 'actions' }, element('div', {}, ...actions)),
  );
}

function show() {
  document.querySelector('#files tbody').replaceChildren(...shown.map(rowOf));
  byId('files').hidden = shown.length === 0;
  byId('empty').hidden = shown.length > 0;
  byId('more').hidden = next === undefined;
}

function tell(error) {
  byId('list-error').hidden = error === undefined;
  byId('list-error').textContent = error?.message ?? '';
}

/** Loads as many entries as are shown, at least one page. */
export async function refreshFiles() {
  const turn = ++latest;
  const wanted = shown.length;
  try {
    let files = [];
    let cursor;
    do {
      const page = await listFiles(cursor);
      files = files.concat(page.files);
      ({ cursor } = page);
    } while (cursor !== undefined && files.length < wanted);
    if (turn !== latest) return;
    shown = files;
    next = cursor;
    tell(undefined);
    show();
  } catch (error) {
    if (turn === latest) tell(error);
  }
}

async function showMore() {
  const turn = ++latest;
  try {
    const page = await listFiles(next);
    if (turn !== latest) return;
    shown = shown.concat(page.files);
    next = page.cursor;
    tell(undefined);
    show();
  } catch (error) {
    if (turn === latest) tell(error);
  }
}

function askToDelete(filename) {
  byId('confirm-text').textContent = `“${filename}” will be gone for good, and its links with it.`;
  byId('confirm-error').hidden = true;
  byId('confirm-delete').onclick = () => confirmDelete(filename);
  byId('confirm').showModal();
}

async function confirmDelete(filename) {
  const button = byId('confirm-delete');
  button.disabled = true;
  try {
    await deleteFile(filename);
  } catch (error) {
    // Somebody else was faster: what was asked for is done.
    if (error.status !== 404) {
      byId('confirm-error').textContent = error.message;
      byId('confirm-error').hidden = false;
      return;
    }
  } finally {
    button.disabled = false;
  }
  byId('confirm').close();
  announce(`${filename} is deleted.`);
  await refreshFiles();
  byId('refresh').focus();
}

export function prepareFiles() {
  byId('refresh').addEventListener('click', () => void refreshFiles());
  byId('more').addEventListener('click', () => void showMore());
  void refreshFiles();
}
