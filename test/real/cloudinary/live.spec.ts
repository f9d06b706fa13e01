/** The conformance suite against the account of CLOUDINARY_URL. Run by scripts/live-conformance.mjs. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { CloudinaryBackend, parseCloudinaryUrl } from '../../../lib/backends/cloudinary/index.js';
import { registerConformance } from '../../../lib/testing/index.js';

const MIB = 1024 * 1024;

registerConformance(
  { describe, it, beforeAll, afterAll },
  {
    name: 'cloudinary, live',
    multipartBytes: 11 * MIB,
    settings: { settleSeconds: 60, storedTypeOnUrls: false, expirySlackSeconds: 5 },
    create: async () => {
      const credentials = parseCloudinaryUrl(process.env.CLOUDINARY_URL ?? '');
      const { CLOUDINARY_DELIVERY_URL: deliveryUrl } = process.env;
      const folder = `conformance-${randomBytes(4).toString('hex')}`;
      const chunkBytes = 5 * MIB;
      const backend = new CloudinaryBackend({
        ...credentials,
        ...(deliveryUrl && { deliveryUrl }),
        folder,
        chunkBytes,
      });
      return { backend, close: () => backend.close() };
    },
  },
);
