/** The conformance suite over the real SDK and the contract server: plain, scoped, and under other settings. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { conformanceCases, registerConformance, type ConformanceSettings } from '../../../lib/testing/index.js';
import { ScopeBackend } from '../../../lib/wrappers/index.js';
import { startGround } from './targets.js';

const runner = { describe, it, beforeAll, afterAll };
const MIB = 1024 * 1024;
const chunkBytes = 5 * MIB;
const shared = { multipartBytes: 11 * MIB };
const settings: ConformanceSettings = { settleSeconds: 2, headOnUrls: true, storedTypeOnUrls: false };

registerConformance(runner, {
  name: 'cloudinary',
  ...shared,
  settings,
  create: async () => {
    const { backend, server, close } = await startGround({ chunkBytes });
    return { backend, close, openHandles: () => server.answering() };
  },
});

registerConformance(runner, {
  name: 'cloudinary, scoped, signed with SHA-256, without digests in details',
  ...shared,
  settings,
  create: async () => {
    const ground = await startGround({ chunkBytes }, { signatureAlgorithm: 'sha256', etagInDetails: false });
    return { backend: new ScopeBackend(ground.backend, 'tenants/acme 公司'), close: ground.close };
  },
});

registerConformance(runner, {
  name: 'cloudinary, images as its own',
  ...shared,
  settings,
  create: () => startGround({ chunkBytes, resourceType: 'auto', lastingTransformUrls: true }),
});

describe('conformance of cloudinary, images as its own, with auth tokens', () => {
  it('of transformed images', async () => {
    const cases = conformanceCases({
      name: 'cloudinary, images',
      create: () => startGround({ resourceType: 'auto', authTokenKey: '00112233ff99' }),
    });
    const found = cases.filter(({ name }) => name === 'a URL changes an image on its way out, where declared');
    expect(found).toHaveLength(1);
    await found[0]!.run();
  });
});
