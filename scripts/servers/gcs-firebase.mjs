#!/usr/bin/env node
// The storage emulator of firebase-tools on loopback, without its command line (which would fetch a Java program for
// security rules). It checks no signature, no token and no condition, so it judges only what it implements.
//   node scripts/servers/gcs-firebase.mjs FOLDER    runs until SIGTERM; prints GCS_FIREBASE=http://127.0.0.1:PORT
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { firebaseFolder } from './gcs-install.mjs';

const folder = process.argv[2];
if (!folder) {
  console.error('usage: gcs-firebase.mjs FOLDER');
  process.exit(2);
}

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer().once('error', fail);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

const blobs = join(resolve(folder), 'blobs');
mkdirSync(blobs, { recursive: true });
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;

const require = createRequire(join(firebaseFolder, 'index.js'));
const emulator = (name) => require(`firebase-tools/lib/emulator/${name}`);
const { createApp } = emulator('storage/server');
const { StorageLayer } = emulator('storage/files');
const { Persistence } = emulator('storage/persistence');
const { UploadService } = emulator('storage/upload');
const { EmulatorRegistry } = emulator('registry');

const project = 'example-project';
const persistence = new Persistence(blobs);
const uploads = new UploadService(persistence);
const open = { validate: async () => true };
const admin = { validate: () => true };
const nowhere = { dispatch: () => {} };
const layer = new StorageLayer(project, new Map(), new Map(), open, admin, persistence, nowhere);
// Addresses of upload sessions are made of the registry's address.
EmulatorRegistry.url = () => new URL(`${origin}/`);

const app = await createApp(project, {
  storageLayer: layer,
  adminStorageLayer: layer,
  uploadService: uploads,
  reset: () => {},
});
// It knows some calls only without the path of the API, as clients in its own emulator mode send them.
const server = createHttpServer((req, res) => {
  req.url = req.url.replace(/^\/storage\/v1\/b\//, '/b/');
  app(req, res);
}).listen(port, '127.0.0.1', () => console.log(`GCS_FIREBASE=${origin}`));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  });
}
