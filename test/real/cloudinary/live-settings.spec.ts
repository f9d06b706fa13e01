/** What the live suite is set up with: the variables of the module. Its images, against the contract server. */
import { expect, it } from '@jest/globals';
import { StorageService } from '../../../lib/storage.service.js';
import { startCloudinaryServer } from '../../servers/cloudinary/server.js';
import { liveBackend } from './live-backend.js';
import { registerImageTests } from './live-images.js';
import { speakHttp } from './targets.js';

it.each(['CLOUDINARY_URL', 'STORAGE_CLOUDINARY_*', 'both, of which the second counts'])(
  'the live backend takes its account from the variables of the module: %s',
  async (how) => {
    speakHttp();
    const server = await startCloudinaryServer();
    const { cloudName, apiKey, apiSecret } = server.account.settings;
    const own = {
      STORAGE_CLOUDINARY_CLOUD_NAME: cloudName,
      STORAGE_CLOUDINARY_API_KEY: apiKey,
      STORAGE_CLOUDINARY_API_SECRET: apiSecret,
    };
    const env =
      how === 'CLOUDINARY_URL'
        ? { CLOUDINARY_URL: server.cloudinaryUrl }
        : { ...own, ...(how.startsWith('both') && { CLOUDINARY_URL: 'cloudinary://key:wrong@elsewhere' }) };
    const { apiUrl, deliveryUrl } = server;
    const live = await liveBackend({ env, cloudinary: { apiUrl, deliveryUrl } });
    try {
      const storage = new StorageService(live);
      await storage.put('a.txt', 'live', { url: false });
      expect((await storage.get('a.txt')).toString()).toBe('live');
      expect([...server.account.assets.keys()]).toEqual([
        expect.stringMatching(/^raw\/authenticated\/conformance-[0-9a-f]{8}\/a\.txt$/),
      ]);
    } finally {
      await live.close();
      await server.close();
    }
  },
);

it('the live backend says what is missing where no account is set', async () => {
  await expect(liveBackend({ env: {} })).rejects.toMatchObject({
    code: 'configuration',
    message: /STORAGE_CLOUDINARY_CLOUD_NAME/,
  });
});

registerImageTests('the contract server', {
  create: async () => {
    speakHttp();
    const server = await startCloudinaryServer();
    const { apiUrl, deliveryUrl, cloudinaryUrl } = server;
    const env = { CLOUDINARY_URL: cloudinaryUrl };
    const options = { apiUrl, deliveryUrl, resourceType: 'auto', lastingTransformUrls: true } as const;
    const backend = await liveBackend({ env, cloudinary: options });
    const close = backend.close.bind(backend);
    backend.close = async () => {
      await close();
      await server.close();
    };
    return backend;
  },
  draws: false,
  settleSeconds: 2,
});
