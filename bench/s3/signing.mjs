// Signed URLs a second: this library against the bare presigner with the same arguments, in turns. Each of the 1,000 URLs
// that the last round of either made is proved by fetching it.
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { create } from 'content-disposition';
import { backend, bareClient, BUCKET, inTurns, median, StorageService } from './setting.mjs';

const store = backend();
const client = bareClient();
const filename = 'Bericht ü.pdf';
const disposition = `attachment; filename="Bericht ?.pdf"; filename*=UTF-8''Bericht%20%C3%BC.pdf`;
const keys = Array.from({ length: 1000 }, (_, index) => `documents/2026/a b ${index}.pdf`);
const service = new StorageService(store);
await inTurns(keys, (key) => service.put(key, key, { url: false }));

const WAYS = {
  'key and expiry': {
    ours: (key) => store.getUrl(key, { expiresIn: 3600 }),
    bare: (key) => getSignedUrl(client, new GetObjectCommand({ Bucket: BUCKET, Key: key }), { expiresIn: 3600 }),
  },
  // The bare presigner takes the file name encoded, as an app would have to do it.
  'a download name': {
    disposition,
    ours: (key) => store.getUrl(key, { expiresIn: 3600, disposition: { type: 'attachment', filename } }),
    bare: (key) =>
      getSignedUrl(
        client,
        new GetObjectCommand({
          Bucket: BUCKET,
          Key: key,
          ResponseContentDisposition: create(filename, { type: 'attachment' }),
        }),
        { expiresIn: 3600 },
      ),
  },
};

/** Each URL gives the object of its own key. */
async function proved(urls, expected = null) {
  await inTurns([...urls.entries()], async ([index, url]) => {
    const answer = await fetch(url);
    const text = await answer.text();
    const ok = answer.status === 200 && text === keys[index] && answer.headers.get('content-disposition') === expected;
    if (!ok) throw new Error(`the signed URL of ${keys[index]} answered ${answer.status}`);
  });
}

/** The URLs of all keys, and the CPU seconds they cost: what other processes do on the machine is left out. */
async function cost(sign) {
  const urls = [];
  const cpu = process.cpuUsage();
  for (const key of keys) urls.push(await sign(key));
  const { user, system } = process.cpuUsage(cpu);
  return { urls, seconds: (user + system) / 1e6 };
}

for (const [name, { ours, bare, disposition: expected }] of Object.entries(WAYS)) {
  // Both are warm before the clock starts.
  for (let round = 0; round < 4; round++) {
    await cost(ours);
    await cost(bare);
  }
  const rounds = [];
  for (let round = 0; round < 7; round++) rounds.push({ ours: await cost(ours), bare: await cost(bare) });
  const last = rounds.at(-1);
  await proved(last.ours.urls, expected);
  await proved(last.bare.urls, expected);
  const mine = median(rounds.map((round) => round.ours.seconds));
  const theirs = median(rounds.map((round) => round.bare.seconds));
  const ratio = median(rounds.map((round) => round.bare.seconds / round.ours.seconds));
  console.log(
    `signing ${name}: ${Math.round(1000 / mine)} URLs a CPU second, bare presigner ${Math.round(1000 / theirs)}: ` +
      `${ratio.toFixed(1)} times; 1,000 links cost ${mine.toFixed(3)} s; all ${2 * keys.length} fetched`,
  );
  if (ratio < 10) process.exitCode = 1;
}
await store.close();
client.destroy();
