/** The conformance suite against a real bucket, below a folder of its own. Run with scripts/live-conformance.mjs. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { registerConformance, type ConformanceTarget } from '../../../lib/testing/index.js';
import { ScopeBackend } from '../../../lib/wrappers/index.js';
import { KIB } from './gcs.js';
import { liveBackend } from './live-backend.js';

const runner = { describe, it, beforeAll, afterAll };

async function live(): Promise<ConformanceTarget> {
  const backend = await liveBackend();
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
