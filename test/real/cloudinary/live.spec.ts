/** The conformance suite, and images, against a real account. Run with scripts/live-conformance.mjs. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { registerConformance } from '../../../lib/testing/index.js';
import { liveBackend } from './live-backend.js';
import { registerImageTests } from './live-images.js';

const MIB = 1024 * 1024;
const settleSeconds = 60;

registerConformance(
  { describe, it, beforeAll, afterAll },
  {
    name: 'cloudinary, live',
    multipartBytes: 11 * MIB,
    settings: { settleSeconds, storedTypeOnUrls: false, expirySlackSeconds: 5 },
    create: async () => {
      const backend = await liveBackend({ cloudinary: { resourceType: 'raw' } });
      return { backend, close: () => backend.close() };
    },
  },
);

registerImageTests('cloudinary, live', {
  // With STORAGE_CLOUDINARY_AUTH_TOKEN_KEY the URLs expire, and this allows nothing.
  create: () => liveBackend({ cloudinary: { resourceType: 'auto', lastingTransformUrls: true } }),
  draws: true,
  settleSeconds,
});
