/** The contract server beside firebase-tools' storage emulator: the same calls, the same answers. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Storage } from '@google-cloud/storage';
import { GcsBackend } from '../../../lib/backends/gcs/index.js';
import { parseKey } from '../../../lib/contract/index.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';
import { agreementCases, type Clients } from './agreement-cases.js';
import { backendOn, BUCKET, startServer } from './gcs.js';
import { RawClient } from './raw-client.js';

const origin = process.env.GCS_FIREBASE;
let server: GcsContractServer;
let ours: Clients;
let firebase: Clients;

const agreed: string[] = [];

/** Calls without a client. The URLs are signed for both; only the contract server looks at the signature. */
function plainCalls(
  endpoint: string,
  authorization: Readonly<Record<string, string>>,
): Pick<Clients, 'get' | 'uploadMedia'> {
  const signer = new GcsBackend({ bucket: BUCKET, endpoint, credentials: { ...server.key } });
  return {
    get: async (key, headers) => fetch(await signer.getUrl(parseKey(key), { expiresIn: 60 }), { headers }),
    uploadMedia: (name, body, type) =>
      fetch(`${endpoint}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=${encodeURIComponent(name)}`, {
        method: 'POST',
        headers: { ...authorization, ...(type && { 'content-type': type }) },
        body: Buffer.from(body),
      }),
  };
}

beforeAll(async () => {
  if (origin === undefined) throw new Error('GCS_FIREBASE is not set: run these with npm run test:gcs');
  server = await startServer();
  const settings = { projectId: 'example-project', retryOptions: { autoRetry: false } };
  const authorized = new Storage({
    ...settings,
    apiEndpoint: server.origin,
    credentials: { ...server.key },
    useAuthWithCustomEndpoint: true,
  });
  // The SDK asks Google itself for tokens; this one is of the server, and lasts.
  const token = await new RawClient(server).token();
  const client = await authorized.authClient.getClient();
  client.setCredentials({ access_token: token, expiry_date: Date.now() + 3_000_000 });
  // Its resumable uploads to an endpoint of one's own forget it.
  authorized.interceptors.push({
    request: (options) => {
      options.headers = { ...options.headers, Authorization: `Bearer ${token}` };
      return options;
    },
  } as (typeof authorized.interceptors)[number]);
  ours = {
    bucket: authorized.bucket(BUCKET),
    driver: backendOn(server),
    ...plainCalls(server.origin, { authorization: `Bearer ${token}` }),
  };
  firebase = {
    bucket: new Storage({ ...settings, apiEndpoint: origin }).bucket(BUCKET),
    driver: new GcsBackend({ bucket: BUCKET, endpoint: origin, anonymous: true }),
    ...plainCalls(origin, {}),
  };
});

afterAll(async () => {
  await ours.driver.close();
  await firebase.driver.close();
  await server.stop();
  console.log(`firebase-tools and the contract server agree on ${agreed.length}:\n${agreed.join('\n')}`);
});

describe('both servers agree', () => {
  it.each(agreementCases.map(([title, run]): [string, (clients: Clients) => Promise<unknown>] => [title, run]))(
    '%s',
    async (title, run) => {
      const mine = await run(ours);
      expect(await run(firebase)).toEqual(mine);
      agreed.push(`  ${title}: ${JSON.stringify(mine).slice(0, 100)}`);
    },
  );
});
