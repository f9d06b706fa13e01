/** The gateway that scripts/test-s3.mjs has started, and buckets of one's own on it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { S3Backend, type S3BackendOptions } from '../../../lib/backends/s3/index.js';

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these suites with npm run test:s3`);
  return value;
}

export const endpoint = setting('S3_TEST_ENDPOINT');
export const region = setting('S3_TEST_REGION');
export const gatewayPid = Number(setting('S3_TEST_GATEWAY_PID'));
export const cephConf = setting('S3_TEST_CEPH_CONF');
export const credentials = {
  accessKeyId: setting('S3_TEST_ACCESS_KEY'),
  secretAccessKey: setting('S3_TEST_SECRET_KEY'),
};
export const otherCredentials = {
  accessKeyId: setting('S3_TEST_OTHER_ACCESS_KEY'),
  secretAccessKey: setting('S3_TEST_OTHER_SECRET_KEY'),
};

export const MIB = 1024 * 1024;

/** A plain client of the SDK, for what stands beside the backend under test. */
export function bareClient(config: Partial<ConstructorParameters<typeof S3Client>[0]> = {}): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...config,
  });
}

/** Whether something comes to hold within ten seconds. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    if (await holds()) return true;
    await sleep(20);
  }
  return holds();
}

export interface Bucket {
  readonly name: string;
  readonly client: S3Client;
  /** A backend on this bucket. */
  backend(options?: Partial<S3BackendOptions>): S3Backend;
  /** Multipart uploads that are open on the server. */
  openUploads(): Promise<MultipartUpload[]>;
  /** Removes the bucket with all that is in it, and closes its backends. */
  remove(): Promise<void>;
}

export async function makeBucket(): Promise<Bucket> {
  const client = bareClient();
  const name = `test-${randomBytes(6).toString('hex')}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  const backends: S3Backend[] = [];
  const backend = (options: Partial<S3BackendOptions> = {}) => {
    const made = new S3Backend({ bucket: name, endpoint, region, credentials, dialect: 'ceph', ...options });
    backends.push(made);
    return made;
  };
  return {
    name,
    client,
    backend,
    openUploads: async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: name }))).Uploads ?? [],
    remove: async () => {
      // With the plain client: the backend does not show every name.
      for (;;) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: name }));
        if (Contents.length === 0) break;
        const Objects = Contents.map(({ Key }) => ({ Key }));
        await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects } }));
      }
      await backend().sweepUploads({ olderThan: -60 });
      await client.send(new DeleteBucketCommand({ Bucket: name }));
      await Promise.all(backends.map((made) => made.close()));
      client.destroy();
    },
  };
}
