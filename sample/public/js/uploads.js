/** The queue of uploads: two at a time, each with progress, cancel, and what to do when its name is taken. */
import { uploadFile } from './api.js';
import { announce, byId, element } from './dom.js';
import { formatSize } from './format.js';

const AT_ONCE = 2;
const REFUSED = new Set([400, 413, 415]);
const FINISHED = new Set(['stored', 'failed', 'cancelled']);

const waiting = [];
const items = new Set();
let running = 0;
let afterUpload = () => {};

class UploadItem {
  constructor(file) {
    this.file = file;
    this.note = element('p', { className: 'note' });
    this.bar = element('progress', { max: 1, value: 0, aria: { label: `Progress of ${file.name}` } });
    this.buttons = element('div', { className: 'buttons' });
    this.row = element('li', {}, element('span', { className: 'name' }, file.name), this.buttons, this.bar, this.note);
  }

  show(state, note, buttons = []) {
    this.state = state;
    this.row.dataset.state = state;
    this.bar.hidden = !['waiting', 'sending'].includes(state);
    this.note.textContent = note;
    this.buttons.replaceChildren(
      ...buttons.map(([text, onclick]) =>
        element('button', { type: 'button', onclick, aria: { label: `${text} ${this.file.name}` } }, text),
      ),
    );
    showSection();
  }

  queue(replace) {
    this.replace = replace;
    this.bar.value = 0;
    this.show('waiting', 'Waiting', [['Cancel', () => this.cancel()]]);
    waiting.push(this);
    startNext();
  }

  cancel() {
    const at = waiting.indexOf(this);
    if (at >= 0) {
      waiting.splice(at, 1);
      this.show('cancelled', 'Cancelled. Nothing was stored.');
    } else this.upload?.cancel();
  }

  async send() {
    const size = formatSize(this.file.size);
    this.show('sending', `0 bytes of ${size}`, [['Cancel', () => this.cancel()]]);
    this.upload = uploadFile(this.file, {
      replace: this.replace,
      onProgress: (loaded, total) => {
        this.bar.value = total > 0 ? loaded / total : 1;
        this.note.textContent = loaded < total ? `${formatSize(loaded)} of ${size}` : 'Storing';
      },
    });
    try {
      const { filename } = await this.upload.done;
      this.show('stored', `Stored${filename === this.file.name ? '' : ` as ${filename}`} · ${size}`);
      announce(`${this.file.name} is stored.`);
      afterUpload();
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error) {
    if (error.code === 'cancelled') this.show('cancelled', 'Cancelled. Nothing was stored.');
    else if (error.code === 'already-exists') {
      this.show('taken', 'A file with this name is stored already.', [
        ['Replace', () => this.queue(true)],
        ['Skip', () => this.remove()],
      ]);
      announce(`A file named ${this.file.name} is stored already. Replace or skip it.`);
    } else {
      this.show('failed', error.message, [
        // The same file is too large, or of a wrong type, the second time too.
        REFUSED.has(error.status) ? ['Dismiss', () => this.remove()] : ['Try again', () => this.queue(this.replace)],
      ]);
      announce(`${this.file.name} was not stored. ${error.message}`);
    }
  }

  remove() {
    items.delete(this);
    this.row.remove();
    showSection();
  }
}

function showSection() {
  byId('uploads-section').hidden = items.size === 0;
  byId('clear').disabled = ![...items].some(({ state }) => FINISHED.has(state));
}

async function startNext() {
  while (running < AT_ONCE && waiting.length > 0) {
    running += 1;
    const item = waiting.shift();
    void item.send().finally(() => {
      running -= 1;
      void startNext();
    });
  }
}

/** A folder that is dropped has no bytes to send: the browser cannot read it as a file. */
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function add(files) {
  for (const file of files) {
    const item = new UploadItem(file);
    items.add(item);
    byId('uploads').append(item.row);
    if (await isReadable(file)) item.queue(false);
    else item.show('failed', 'This cannot be read. Folders cannot be uploaded; choose the files in them.');
  }
}

function prepareDrop() {
  const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
  let depth = 0;
  const mark = () => document.body.classList.toggle('dragging', depth > 0);
  document.addEventListener('dragenter', (event) => {
    if (holdsFiles(event)) depth += 1;
    mark();
  });
  document.addEventListener('dragleave', (event) => {
    if (holdsFiles(event)) depth = Math.max(0, depth - 1);
    mark();
  });
  document.addEventListener('dragover', (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    depth = 0;
    mark();
    if (!holdsFiles(event)) return;
    event.preventDefault();
    void add([...event.dataTransfer.files]);
  });
}

export function prepareUploads(onStored) {
  afterUpload = onStored;
  const input = byId('input');
  byId('choose').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    void add([...input.files]);
    input.value = '';
  });
  byId('clear').addEventListener('click', () => {
    for (const item of [...items]) if (FINISHED.has(item.state)) item.remove();
  });
  addEventListener('beforeunload', (event) => {
    if (running > 0) event.preventDefault();
  });
  prepareDrop();
}
