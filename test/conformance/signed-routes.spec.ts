/** The conformance suite through the app's signed routes: what a case reads and writes goes through real requests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { registerConformance, type ConformanceTarget } from '../../lib/testing/index.js';
import { ScopeBackend } from '../../lib/wrappers/index.js';
import { onPlatforms, type Platform } from '../support/platforms.js';
import { served } from './served-backend.js';

const runner = { describe, it, beforeAll, afterAll };

async function servedMemory(platform: Platform): Promise<ConformanceTarget> {
  return served(platform, new MemoryBackend(), async () => undefined);
}

async function servedLocal(platform: Platform): Promise<ConformanceTarget> {
  const root = await mkdtemp(join(tmpdir(), 'conformance-served-'));
  const backend = new LocalBackend({ root, durability: 'rename' });
  return served(platform, backend, () => rm(root, { recursive: true, force: true }));
}

async function scoped(creating: Promise<ConformanceTarget>): Promise<ConformanceTarget> {
  const target = await creating;
  return { ...target, backend: new ScopeBackend(target.backend, 'tenants/acme 公司') };
}

const TARGETS: Readonly<Record<string, (platform: Platform) => Promise<ConformanceTarget>>> = {
  'memory through signed routes': servedMemory,
  'memory through signed routes, scoped': (platform) => scoped(servedMemory(platform)),
  'local through signed routes': servedLocal,
  'local through signed routes, scoped': (platform) => scoped(servedLocal(platform)),
};

onPlatforms('on $name', (platform) => {
  for (const [name, create] of Object.entries(TARGETS)) {
    registerConformance(runner, { name, create: () => create(platform), settings: { headOnUrls: true } });
  }
});
