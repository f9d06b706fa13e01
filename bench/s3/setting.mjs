/** What the S3 benchmarks share: the compiled library, clients with the same settings, and a bucket. */
import { S3Client, CreateBucketCommand } from '@aws-sdk/client-s3';
import { builtLibrary } from '../../test/support/build-library.mjs';

export const { S3Backend, partBuffers } = await import(new URL('backends/s3/index.js', builtLibrary).href);
export const { StorageService } = await import(new URL('storage.service.js', builtLibrary).href);

export const MIB = 1024 * 1024;
export const BUCKET = 'bench';

const { S3_TEST_ENDPOINT, S3_TEST_REGION, S3_TEST_ACCESS_KEY, S3_TEST_SECRET_KEY } = process.env;

export const connection = {
  endpoint: S3_TEST_ENDPOINT,
  region: S3_TEST_REGION,
  credentials: { accessKeyId: S3_TEST_ACCESS_KEY, secretAccessKey: S3_TEST_SECRET_KEY },
};

export function bareClient() {
  // As every S3-compatible store needs it.
  return new S3Client({
    ...connection,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

export function backend(options = {}) {
  return new S3Backend({ ...connection, bucket: BUCKET, dialect: 'ceph', ...options });
}

export async function makeBucket() {
  const client = bareClient();
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
}

/** Chunks as a socket or a file gives them: each a buffer of its own. */
export async function* bytes(size) {
  for (let left = size; left > 0; left -= 64 * 1024) {
    yield Buffer.allocUnsafeSlow(Math.min(left, 64 * 1024));
  }
}

export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/** A few at once. */
export async function inTurns(items, work, atOnce = 16) {
  const queue = [...items];
  const worker = async () => {
    while (queue.length > 0) await work(queue.shift());
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
