#!/usr/bin/env node
// URLs signed a CPU second, the backend beside the SDK's getSignedUrl in one run, with a key made here. No network.
//   node bench/gcs/signing.mjs [rounds]
import { generateKeyPairSync } from 'node:crypto';
import { Storage } from '@google-cloud/storage';
import buildLibrary, { builtLibrary } from '../../test/support/build-library.mjs';

const rounds = Number(process.argv[2] ?? 10);
const URLS = 80;
/** Signed beforehand, so that neither is measured while the compiler still works on it. */
const WARM = 1000;

await buildLibrary();
const { GcsBackend } = await import(new URL('backends/gcs/index.js', builtLibrary).href);
const { parseKey } = await import(new URL('contract/index.js', builtLibrary).href);

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const credentials = {
  client_email: 'bench@example.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
};
const backend = new GcsBackend({ bucket: 'bench', credentials });
const file = new Storage({ credentials, projectId: 'bench' }).bucket('bench').file('dir/object.bin');
const key = parseKey('dir/object.bin');

const ours = () => backend.getUrl(key, { expiresIn: 60 });
const theirs = () => file.getSignedUrl({ version: 'v4', action: 'read', expires: Date.now() + 60_000 });

// Of processor time, all threads together: what a busy machine takes away says nothing about either.
async function perSecond(sign, urls = URLS) {
  const before = process.cpuUsage();
  for (let count = 0; count < urls; count++) await sign();
  const { user, system } = process.cpuUsage(before);
  return (urls / (user + system)) * 1_000_000;
}

for (const sign of [theirs, ours]) await perSecond(sign, WARM);
let [best, sdk] = [0, 0];
for (let round = 0; round < rounds; round++) {
  sdk = Math.max(sdk, await perSecond(theirs));
  best = Math.max(best, await perSecond(ours));
}
const ratio = best / sdk;
console.log(`gcs signing: ${best.toFixed(0)} URLs a CPU second, SDK ${sdk.toFixed(0)}: ${ratio.toFixed(1)} times`);
console.log(`${ratio >= 3 ? 'holds  ' : 'BROKEN '} gcs signing: at least 3 times the SDK`);
if (ratio < 3) process.exitCode = 1;
await backend.close();
