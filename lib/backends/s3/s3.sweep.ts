/** Removes unfinished multipart uploads that nobody will finish: of killed processes and of aborts that failed. */
import type { S3Connection } from './s3.connection.js';
import { attemptsOf } from './s3.errors.js';
import type { SweepOptions, SweptUploads } from './s3.options.js';

const A_DAY = 86_400;

export async function sweepUploads(connection: S3Connection, options: SweepOptions): Promise<SweptUploads> {
  const { olderThan = A_DAY, prefix = '', signal } = options;
  const { bucket, dialect } = connection.settings;
  const before = Date.now() - olderThan * 1000;
  const failed: { key: string; uploadId: string; error: Error }[] = [];
  let aborted = 0;
  let kept = 0;
  let markers: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {};
  while (markers) {
    const place: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } = markers;
    const page = await connection.run({ operation: 'maintain', backend: 's3' }, { signal }, (client, sdk, send) =>
      client.send(
        new sdk.ListMultipartUploadsCommand({ Bucket: bucket, Prefix: dialect.uploadPrefixes ? prefix : '', ...place }),
        send,
      ),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Key?.startsWith(prefix)) continue;
      if ((Initiated?.getTime() ?? 0) > before) {
        kept++;
        continue;
      }
      const details = { operation: 'maintain' as const, backend: 's3', key: Key };
      try {
        await connection.run(details, { signal }, (client, sdk, send) =>
          client.send(new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), send),
        );
        aborted++;
      } catch (error) {
        if (signal?.aborted) throw error;
        if (attemptsOf((error as { cause?: unknown }).cause).status === 404) aborted++;
        else failed.push({ key: Key, uploadId: UploadId!, error: error as Error });
      }
    }
    markers = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined;
  }
  return { aborted, kept, failed };
}
