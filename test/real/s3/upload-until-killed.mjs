// Uploads without end until it is killed. argv: address of the compiled library, bucket, number of uploads at once.
const [, , library, bucket, count] = process.argv;
const { S3Backend } = await import(new URL('backends/s3/index.js', library).href);
const { StorageService } = await import(new URL('storage.service.js', library).href);
const { S3_TEST_ENDPOINT, S3_TEST_REGION, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY } = process.env;
const storage = new StorageService(
  new S3Backend({
    bucket,
    endpoint: S3_TEST_ENDPOINT,
    region: S3_TEST_REGION,
    credentials: { accessKeyId: S3_TEST_ACCESS_KEY, secretAccessKey: S3_TEST_SECRET_KEY },
    dialect: 'ceph',
    partSize: 5 * 1024 * 1024,
  }),
);
let sent = 0;
async function* endless() {
  for (;;) {
    sent += 64 * 1024;
    yield Buffer.alloc(64 * 1024, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
setInterval(() => process.stdout.write(`${sent}\n`), 20);
await Promise.all(
  Array.from({ length: Number(count) }, (_, index) => storage.put(`killed/${process.pid}-${index}`, endless())),
);
