// One transfer in a process of its own: `node transfer.mjs ours|lib-storage|lib-storage-tuned|bare up|down MIB [crc32]`.
// Prints its figures as JSON: seconds, CPU seconds, bytes of resident memory at most, and by how much they grew.
import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { backend, bareClient, BUCKET, connection, bytes, MIB, StorageService } from './setting.mjs';

const [, , engine, direction, mib, checksums] = process.argv;
const size = Number(mib) * MIB;
const key = `transfer-${mib}`;

async function drain(stream) {
  let got = 0;
  for await (const chunk of stream) got += chunk.length;
  if (got !== size) throw new Error(`got ${got} of ${size} bytes`);
}

const store = backend(checksums === undefined ? {} : { checksums });
const client = bareClient();
const defaults = new S3Client({ ...connection, forcePathStyle: true });
const service = new StorageService(store);

const stream = (length) => Readable.from(bytes(length), { objectMode: false });

async function upload(s3, object, options) {
  const { Upload } = await import('@aws-sdk/lib-storage');
  await new Upload({ client: s3, params: { Bucket: BUCKET, ...object }, ...options }).done();
}

const ENGINES = {
  // The whole library, as an app uses it.
  ours: {
    up: async () => service.put(key, stream(size), { url: false }),
    down: async () => drain(await service.getStream(key)),
  },
  // As it comes, and with our part size and without the checksums that cost it most.
  'lib-storage': { up: () => upload(defaults, { Key: key, Body: stream(size) }) },
  'lib-storage-tuned': { up: () => upload(client, { Key: key, Body: stream(size) }, { partSize: 12 * MIB }) },
  bare: { down: async () => drain((await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))).Body) },
};

const work = ENGINES[engine][direction];
// Connections, SDK and compiled code are there before the clock starts.
await store.check({ write: false });
if (direction === 'up') {
  const warm = await store.stage('warm', bytes(9 * MIB), { contentType: 'a/b', metadata: {} });
  await warm.commit();
  if (engine !== 'ours')
    await upload(engine === 'lib-storage' ? defaults : client, { Key: 'warm', Body: stream(9 * MIB) });
}
const before = process.memoryUsage.rss();
let most = before;
const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
const cpu = process.cpuUsage();
const start = performance.now();
await work();
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
clearInterval(watch);
console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6, growth: Math.max(most - before, 0), rss: most }));
await store.close();
client.destroy();
defaults.destroy();
