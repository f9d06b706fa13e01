/** Cloudinary backends over a contract server of their own, plain and scoped. */
import { CloudinaryBackend, type CloudinaryBackendOptions } from '../../../lib/backends/cloudinary/index.js';
import { startCloudinaryServer, type CloudinaryServer } from '../../servers/cloudinary/server.js';
import type { AccountSettings } from '../../servers/cloudinary/account.js';

export interface Ground {
  readonly server: CloudinaryServer;
  readonly backend: CloudinaryBackend;
  close(): Promise<void>;
}

/** The SDK chooses between http and https when it is loaded, by this variable: it must stand before that. */
export function speakHttp(): void {
  process.env.CLOUDINARY_URL = 'cloudinary://1:secret@unused-cloud?upload_prefix=http://127.0.0.1:9';
}

export async function startGround(
  options: Partial<CloudinaryBackendOptions> = {},
  settings: Partial<AccountSettings> = {},
): Promise<Ground> {
  speakHttp();
  const server = await startCloudinaryServer(settings);
  const { cloudName, apiKey, apiSecret, signatureAlgorithm } = server.account.settings;
  const { apiUrl, deliveryUrl } = server;
  const backend = new CloudinaryBackend({
    cloudName,
    apiKey,
    apiSecret,
    apiUrl,
    deliveryUrl,
    signatureAlgorithm,
    timeout: 5,
    ...options,
  });
  return {
    server,
    backend,
    close: async () => {
      await backend.close();
      await server.close();
    },
  };
}
