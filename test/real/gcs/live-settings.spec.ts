/** What the live suite is set up with: the variables of the module, told by the script that runs it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';
import { KEY, read, server, useServer } from './driver-bench.js';
import { BUCKET } from './gcs.js';
import { liveBackend } from './live-backend.js';

useServer();

it('the live backend takes its bucket and its credentials from the variables of the module', async () => {
  const env = { STORAGE_GCS_BUCKET: BUCKET, STORAGE_GCS_CREDENTIALS: JSON.stringify(server.key) };
  const live = await liveBackend({ env, gcs: { endpoint: server.origin, retry: { maxDelay: 0.01, maxRetries: 8 } } });
  try {
    // More refusals than the three repetitions of an app.
    for (let tries = 0; tries < 6; tries++) server.faults.next(/^POST .*uploadType/, { status: 429 });
    const body = (async function* () {
      yield Buffer.from('live');
    })();
    await (await live.stage(KEY, body, { contentType: 'text/plain', metadata: {} })).commit();
    expect((await read()).toString()).toBe('live');
  } finally {
    await live.close();
  }
});

it.each([
  [{}, ''],
  [{ STORAGE_GCS_BUCKET: 'b' }, 'gcs'],
  [{ CLOUDINARY_URL: 'cloudinary://key:secret@cloud' }, 'cloudinary'],
  [{ STORAGE_CLOUDINARY_CLOUD_NAME: 'cloud', STORAGE_CLOUDINARY_API_KEY: 'key' }, ''],
  [
    {
      STORAGE_GCS_BUCKET: 'b',
      STORAGE_CLOUDINARY_CLOUD_NAME: 'cloud',
      STORAGE_CLOUDINARY_API_KEY: 'key',
      STORAGE_CLOUDINARY_API_SECRET: 'secret',
    },
    'gcs cloudinary',
  ],
])('the script finds with %j: %p', async (env, found) => {
  const script = fileURLToPath(new URL('../../../scripts/live-conformance.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--list'], {
    env: { PATH: process.env.PATH, ...env },
  });
  expect(stdout.trim()).toBe(found);
});
