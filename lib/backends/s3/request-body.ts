/** Gives a request its body below the SDK's layers: each attempt gets a stream of its own, and nothing is copied. */
import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';

interface SentRequest {
  headers: Record<string, string>;
  body?: unknown;
}

/**
 * @param body makes the stream of one attempt; or the one stream there is, which is then sent once at most
 * @param headers replace what the SDK makes of a request without a body
 */
export function attachBody(
  command: PutObjectCommand | UploadPartCommand,
  body: Readable | (() => Readable),
  headers: Readonly<Record<string, string>>,
): void {
  const stack = command.middlewareStack as PutObjectCommand['middlewareStack'];
  // Before signing: once for all attempts.
  stack.add(
    (next) => async (args) => {
      const request = args.request as SentRequest;
      for (const name of Object.keys(request.headers)) {
        if (/^(?:x-amz-checksum-|x-amz-sdk-checksum-|content-encoding$)/i.test(name)) delete request.headers[name];
      }
      Object.assign(request.headers, headers);
      // A stream that is seen from here on keeps the SDK from sending the request again.
      if (typeof body !== 'function') request.body = body;
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'storageBodyHeaders' },
  );
  if (typeof body !== 'function') return;
  // Nearest to the socket: once for each attempt. The SDK sees no stream, so it may send the request again.
  stack.add(
    (next) => async (args) => {
      (args.request as SentRequest).body = body();
      return next(args);
    },
    { step: 'deserialize', priority: 'low', name: 'storageBody' },
  );
}

/** The `Date` of the answer, which stands for the time of a write that the store does not tell. */
export function watchDate(command: PutObjectCommand): () => Date {
  let date: number | undefined;
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { headers } = result.response as { headers?: Readonly<Record<string, string>> };
      date = Date.parse(headers?.['date'] ?? '');
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'storageDate' },
  );
  return () => new Date(date === undefined || Number.isNaN(date) ? Date.now() : date);
}
