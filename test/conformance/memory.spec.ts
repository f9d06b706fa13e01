/** The conformance suite over the store in memory, plain and scoped. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { registerConformance } from '../../lib/testing/index.js';
import { ScopeBackend } from '../../lib/wrappers/index.js';

const runner = { describe, it, beforeAll, afterAll };

registerConformance(runner, {
  name: 'memory',
  create: async () => {
    const backend = new MemoryBackend();
    return { backend, close: () => backend.close() };
  },
});

registerConformance(runner, {
  name: 'memory, scoped',
  create: async () => {
    const inner = new MemoryBackend();
    return { backend: new ScopeBackend(inner, 'tenants/acme 公司'), close: () => inner.close() };
  },
});
