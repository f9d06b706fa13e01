/** The conformance suite over the local backend: plain and scoped, and as it works without /proc. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalBackend, type LocalBackendOptions } from '../../lib/backends/local/index.js';
import { registerConformance } from '../../lib/testing/index.js';
import { ScopeBackend } from '../../lib/wrappers/index.js';

const runner = { describe, it, beforeAll, afterAll };

async function local(options: Omit<LocalBackendOptions, 'root'> & { descriptors?: boolean } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'local-conformance-'));
  const backend = new LocalBackend({ root, ...options });
  const close = async () => {
    await backend.close();
    await rm(root, { recursive: true });
  };
  return { backend, close };
}

registerConformance(runner, { name: 'local', create: () => local() });

registerConformance(runner, { name: 'local, without descriptors', create: () => local({ descriptors: false }) });

registerConformance(runner, {
  name: 'local, scoped',
  create: async () => {
    const { backend, close } = await local({ durability: 'rename' });
    return { backend: new ScopeBackend(backend, 'tenants/acme 公司'), close };
  },
});
