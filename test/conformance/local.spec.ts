/** The conformance suite over the local store, plain and scoped, durable and not. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { LocalBackend, type LocalBackendOptions } from '../../lib/backends/local/index.js';
import type { StorageBackend } from '../../lib/contract/index.js';
import { makeShortCallsInPlace } from '../../lib/disk/short-calls.js';
import { registerConformance, type ConformanceTarget } from '../../lib/testing/index.js';
import { ScopeBackend } from '../../lib/wrappers/index.js';

const runner = { describe, it, beforeAll, afterAll };

/** Descriptors of this process that are open below a folder. */
async function descriptorsBelow(folder: string): Promise<number> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => ''));
  return (await Promise.all(links)).filter((path) => path.startsWith(folder)).length;
}

async function target(
  options: Omit<LocalBackendOptions, 'root'> & { readonly descriptors?: boolean },
  wrap: (backend: StorageBackend) => StorageBackend = (backend) => backend,
): Promise<ConformanceTarget> {
  const root = await mkdtemp(join(tmpdir(), 'conformance-local-'));
  const local = new LocalBackend({ root, ...options });
  return {
    backend: wrap(local),
    ...(existsSync('/proc/self/fd') && { openHandles: () => descriptorsBelow(root) }),
    close: async () => {
      await local.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

registerConformance(runner, { name: 'local', create: () => target({}) });

registerConformance(runner, {
  name: 'local, where the system has no /proc',
  create: () => target({ durability: 'rename', descriptors: false }),
});

registerConformance(runner, {
  name: 'local, scoped',
  create: () => target({ durability: 'rename' }, (backend) => new ScopeBackend(backend, 'tenants/acme 公司')),
});

registerConformance(runner, {
  name: 'local, with short calls in place',
  create: () => {
    // The last one: a process does not turn back, but where its disk is slow.
    makeShortCallsInPlace();
    return target({ durability: 'rename' });
  },
});
