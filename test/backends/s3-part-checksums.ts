/**
 * What AWS and MinIO hold multipart uploads to: where the beginning names an algorithm, every part brings its checksum
 * and the completion repeats it; where it names none, there are none.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
import type { IncomingHttpHeaders } from 'node:http';

interface UploadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class PartChecksums {
  /** Whether the upload that was begun last under a path has an algorithm. */
  readonly #named = new Map<string, boolean>();

  /** @returns what the request breaks */
  fault({ method, path, headers, body }: UploadRequest): string | undefined {
    const url = new URL(path, 'http://s3');
    const key = `${headers.host}${url.pathname}`;
    if (method === 'POST' && url.searchParams.has('uploads')) {
      this.#named.set(key, headers['x-amz-checksum-algorithm'] !== undefined);
      return undefined;
    }
    const named = this.#named.get(key) ?? false;
    if (method === 'PUT' && url.searchParams.has('partNumber')) {
      // A store makes the checksum of a part that it copies itself, or keeps none: github.com/minio/minio/issues/20649.
      if ('x-amz-copy-source' in headers) return undefined;
      const sums = Object.keys(headers).filter((name) => name.startsWith('x-amz-checksum-'));
      return sums.length > 0 === named ? undefined : 'Checksum Type mismatch occurred at a part';
    }
    if (method === 'POST' && url.searchParams.has('uploadId')) {
      const parts = body.toString().match(/<Part>.*?<\/Part>/gs) ?? [];
      const told = parts.every((part) => part.includes('<Checksum') === named);
      return parts.length > 0 && told ? undefined : 'The complete request must include the checksum for each part';
    }
    return undefined;
  }
}
