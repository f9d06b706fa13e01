/** The conformance suite against a real bucket, below a folder of its own. Run with scripts/live-conformance.mjs. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { createGcsBackend } from '../../../lib/backends/gcs/index.js';
import { registerConformance, type ConformanceTarget } from '../../../lib/testing/index.js';
import { ScopeBackend } from '../../../lib/wrappers/index.js';
import { CHUNK, KIB } from './gcs.js';

const runner = { describe, it, beforeAll, afterAll };
const bucket = process.env.STORAGE_GCS_BUCKET;

async function live(): Promise<ConformanceTarget> {
  if (!bucket) throw new Error('STORAGE_GCS_BUCKET is not set');
  // Credentials are those of the machine: GOOGLE_APPLICATION_CREDENTIALS, gcloud's own, or the metadata server.
  const backend = createGcsBackend({ bucket, projectId: process.env.STORAGE_GCS_PROJECT, chunkSize: CHUNK });
  return {
    backend: new ScopeBackend(backend, `nestjs-storage-conformance/${randomUUID()}`),
    close: () => backend.close(),
  };
}

registerConformance(runner, { name: 'gcs, live', create: live, multipartBytes: 600 * KIB });

registerConformance(runner, {
  name: 'gcs, live, through signed URLs',
  create: async () => ({ ...(await live()), reach: 'url' }),
  multipartBytes: 600 * KIB,
});
