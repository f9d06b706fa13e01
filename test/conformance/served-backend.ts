/** An app that serves a backend through its signed routes, for the conformance suite. */
import { ConsoleLogger } from '@nestjs/common';
import type { StorageBackend } from '../../lib/contract/index.js';
import { SignedUrls } from '../../lib/files/index.js';
import { StorageModule } from '../../lib/storage.module.js';
import type { ConformanceTarget } from '../../lib/testing/index.js';
import { AppUrlsBackend } from '../../lib/wrappers/index.js';
import type { Platform } from '../support/platforms.js';

const secret = 'a secret of the conformance suite, long enough';

/** The backend gets the URLs of that app. */
export async function served(
  platform: Platform,
  backend: StorageBackend,
  cleanUp: () => Promise<void>,
): Promise<ConformanceTarget> {
  const module = StorageModule.forRoot({ backend, urls: { secret }, env: {} });
  const app = await platform.create(module, { logger: new ConsoleLogger({ logLevels: [] }) });
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
