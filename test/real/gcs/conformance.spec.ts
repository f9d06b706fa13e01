/** The conformance suite of the GCS backend against the contract server: plain, scoped, and through signed URLs. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { registerConformance, type ConformanceTarget } from '../../../lib/testing/index.js';
import { ScopeBackend } from '../../../lib/wrappers/index.js';
import { backendOn, KIB, startServer } from './gcs.js';

const runner = { describe, it, beforeAll, afterAll };
const multipartBytes = 600 * KIB;

async function gcs(): Promise<ConformanceTarget> {
  const server = await startServer({ rewriteStep: 200 * KIB });
  const backend = backendOn(server);
  return {
    backend,
    close: async () => {
      await backend.close();
      await server.stop();
    },
  };
}

registerConformance(runner, { name: 'gcs', create: gcs, multipartBytes });

registerConformance(runner, {
  name: 'gcs, scoped',
  multipartBytes,
  create: async () => {
    const target = await gcs();
    return { ...target, backend: new ScopeBackend(target.backend, 'tenants/acme 公司') };
  },
});

registerConformance(runner, {
  name: 'gcs, through signed URLs',
  multipartBytes,
  create: async () => ({ ...(await gcs()), reach: 'url' }),
});
