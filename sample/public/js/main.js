/** Puts the page together. */
import { getHealth } from './api.js';
import { byId, prepareDialogs } from './dom.js';
import { prepareFiles, refreshFiles } from './files.js';
import { prepareLink } from './link.js';
import { preparePreview } from './preview.js';
import { prepareUploads } from './uploads.js';

const HEALTH_EVERY = 15_000;

async function showHealth() {
  const pill = byId('health');
  try {
    const { status, storage } = await getHealth();
    pill.dataset.state = status === 'healthy' ? 'up' : 'down';
    pill.lastElementChild.textContent = `${storage.backend} ${storage.status}`;
  } catch {
    pill.dataset.state = 'down';
    pill.lastElementChild.textContent = 'Server not reachable';
  }
}

prepareDialogs();
prepareLink();
preparePreview();
prepareUploads(refreshFiles);
prepareFiles();
void showHealth();
setInterval(() => void showHealth(), HEALTH_EVERY);
