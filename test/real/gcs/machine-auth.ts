/** Google's own auth library on a machine of Google's, with the IAM service of the contract server. */
import { Storage } from '@google-cloud/storage';
import type { GoogleAuthLike } from '../../../lib/backends/gcs/index.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';

interface HttpClient {
  readonly interceptors: { readonly request: { add(interceptor: object): void } };
}

export async function machineAuth(server: GcsContractServer): Promise<GoogleAuthLike> {
  const { authClient } = new Storage();
  const client = (await authClient.getClient()) as unknown as { gaxios?: HttpClient; transporter: HttpClient };
  (client.gaxios ?? client.transporter).interceptors.request.add({
    resolved: async (config: { url: string | URL }) => {
      const url = new URL(config.url);
      if (url.host === 'iamcredentials.googleapis.com') config.url = `${server.origin}${url.pathname}`;
      return config;
    },
  });
  return authClient as GoogleAuthLike;
}
