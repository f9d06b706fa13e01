// Signed URLs a second: this library against the bare presigner with the same arguments, in turns, each proved by
// fetching a sample.
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { backend, bareClient, BUCKET, median } from './setting.mjs';

const store = backend();
const client = bareClient();
const filename = 'Bericht ü.pdf';
const disposition = `attachment; filename="Bericht ?.pdf"; filename*=UTF-8''Bericht%20%C3%BC.pdf`;
const keys = Array.from({ length: 1000 }, (_, index) => `documents/2026/a b ${index}.pdf`);
await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: keys[0], Body: 'x' }));

const WAYS = {
  'key and expiry': {
    ours: (key) => store.getUrl(key, { expiresIn: 3600 }),
    bare: (key) => getSignedUrl(client, new GetObjectCommand({ Bucket: BUCKET, Key: key }), { expiresIn: 3600 }),
  },
  // Here the library also encodes the file name, which the bare presigner gets encoded.
  'a download name': {
    disposition,
    ours: (key) => store.getUrl(key, { expiresIn: 3600, disposition: { type: 'attachment', filename } }),
    bare: (key) =>
      getSignedUrl(
        client,
        new GetObjectCommand({ Bucket: BUCKET, Key: key, ResponseContentDisposition: disposition }),
        { expiresIn: 3600 },
      ),
  },
};

async function proved(sign, expected = null) {
  const answer = await fetch(await sign(keys[0]));
  const ok = answer.status === 200 && answer.headers.get('content-disposition') === expected;
  if (!ok) throw new Error(`a signed URL answered ${answer.status}`);
  await answer.text();
}

/** CPU seconds of 1,000 URLs: what other processes do on the machine is left out. */
async function cost(sign) {
  const cpu = process.cpuUsage();
  for (const key of keys) await sign(key);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1e6;
}

for (const [name, { ours, bare, disposition: expected }] of Object.entries(WAYS)) {
  await proved(ours, expected);
  await proved(bare, expected);
  // Both are warm before the clock starts.
  for (let round = 0; round < 4; round++) {
    await cost(ours);
    await cost(bare);
  }
  const rounds = [];
  for (let round = 0; round < 7; round++) rounds.push({ ours: await cost(ours), bare: await cost(bare) });
  const mine = median(rounds.map((round) => round.ours));
  const theirs = median(rounds.map((round) => round.bare));
  const ratio = median(rounds.map((round) => round.bare / round.ours));
  console.log(
    `signing ${name}: ${Math.round(1000 / mine)} URLs a CPU second, bare presigner ${Math.round(1000 / theirs)}: ` +
      `${ratio.toFixed(1)} times; 1,000 links cost ${mine.toFixed(3)} s`,
  );
  if (ratio < 10) process.exitCode = 1;
}
await store.close();
client.destroy();
