/** The conformance suite through the app's signed routes: what a case reads and writes goes through real requests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { ConsoleLogger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LocalBackend } from '../../lib/backends/local/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import type { StorageBackend } from '../../lib/contract/index.js';
import { SignedUrls } from '../../lib/files/index.js';
import { StorageModule } from '../../lib/storage.module.js';
import { registerConformance, type ConformanceHarness, type ConformanceTarget } from '../../lib/testing/index.js';
import { AppUrlsBackend, ScopeBackend } from '../../lib/wrappers/index.js';

const runner = { describe, it, beforeAll, afterAll };
const secret = 'a secret of the conformance suite, long enough';

/** An app that serves the backend, which gets the URLs of that app. */
async function served(backend: StorageBackend, cleanUp: () => Promise<void>): Promise<ConformanceTarget> {
  const module = StorageModule.forRoot({ backend, urls: { secret }, env: {} });
  const app = await NestFactory.create(module, { logger: new ConsoleLogger({ logLevels: [] }) });
  app.setGlobalPrefix('api');
  await app.listen(0, '127.0.0.1');
  // As a worker does it that signs for the app.
  const signer = new SignedUrls({ secrets: [secret], baseUrl: `${await app.getUrl()}/api/files` });
  return {
    backend: new AppUrlsBackend(backend, 'default', signer),
    reach: 'url',
    close: async () => {
      await app.close();
      await backend.close();
      await cleanUp();
    },
  };
}

async function servedMemory(): Promise<ConformanceTarget> {
  return served(new MemoryBackend(), async () => undefined);
}

async function servedLocal(): Promise<ConformanceTarget> {
  const root = await mkdtemp(join(tmpdir(), 'conformance-served-'));
  return served(new LocalBackend({ root, durability: 'rename' }), () => rm(root, { recursive: true, force: true }));
}

async function scoped(create: () => Promise<ConformanceTarget>): Promise<ConformanceTarget> {
  const target = await create();
  return { ...target, backend: new ScopeBackend(target.backend, 'tenants/acme 公司') };
}

const TARGETS: Readonly<Record<string, ConformanceHarness['create']>> = {
  'memory through signed routes': servedMemory,
  'memory through signed routes, scoped': () => scoped(servedMemory),
  'local through signed routes': servedLocal,
  'local through signed routes, scoped': () => scoped(servedLocal),
};

for (const [name, create] of Object.entries(TARGETS)) {
  registerConformance(runner, { name, create, settings: { headOnUrls: true } });
}
