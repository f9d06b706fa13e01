/**
 * First attempts of the two requests that every file takes, signed here and sent by the client's HTTP handler, past the
 * layers of the SDK, which cost more than both together. Whatever is not a plain success goes on inside the SDK, as the
 * first of its attempts: it tells errors, waits and repeats as ever (docs/decisions/0149).
 */
import type { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { StorageErrorDetails } from '../../contract/index.js';
import { RequestSigner } from './request-signer.js';
import type { S3Connection } from './s3.connection.js';
import { encodedPath } from './url-path.js';

/** A request as the SDK's HTTP handler takes it. */
interface DirectRequest {
  readonly method: 'GET' | 'PUT';
  readonly key: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Readable | Uint8Array;
}

/** An answer as the SDK's HTTP handler gives it. */
export interface DirectResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

/** What became of the attempt. */
export type FirstAttempt = { readonly response: DirectResponse } | { readonly error: unknown };

/** Where requests for the bucket go, and how they are signed. */
interface Route {
  readonly client: S3Client;
  readonly signer: RequestSigner;
  readonly protocol: string;
  readonly hostname: string;
  readonly port: number | undefined;
  readonly host: string;
  /** Before the key, ending with a slash. */
  readonly path: string;
}

const PROBE = 'k';
const LEARNT = new Error('the route is learnt');

export class DirectRequests {
  readonly #connection: S3Connection;
  /** Null: requests for this kind of bucket are the SDK's business alone. */
  #route: Promise<Route | null> | undefined;

  constructor(connection: S3Connection) {
    this.#connection = connection;
  }

  /** @returns undefined where nothing was sent: the SDK does all of it */
  async attempt(
    request: DirectRequest,
    details: StorageErrorDetails,
    signal: AbortSignal | undefined,
  ): Promise<FirstAttempt | undefined> {
    const { options } = this.#connection.settings;
    // An app's own client or configuration may do with requests what it likes.
    if (options.client !== undefined || options.clientConfig !== undefined) return undefined;
    const route = await (this.#route ??= this.#learn(details));
    if (!route || signal?.aborted) return undefined;
    const { client, signer, protocol, hostname, port } = route;
    const { method, body } = request;
    const headers: Record<string, string> = { host: route.host };
    for (const name in request.headers) {
      const value = request.headers[name];
      if (value !== undefined) headers[name] = value;
    }
    headers['x-amz-content-sha256'] ??= EMPTY_SHA256;
    const path = route.path + encodedPath(request.key);
    try {
      const credentials = await client.config.credentials();
      const now = Date.now() + client.config.systemClockOffset;
      const signed = signer.sign({ method, path, headers }, credentials, now);
      const sent = { method, protocol, hostname, port, path, headers: signed, body } as unknown as Parameters<
        typeof client.config.requestHandler.handle
      >[0];
      const { response } = await client.config.requestHandler.handle(sent, { abortSignal: signal });
      return { response: response as DirectResponse };
    } catch (error) {
      return { error };
    }
  }

  /** What the SDK would do with a request, read just before it signs one: nothing is sent. */
  async #learn(details: StorageErrorDetails): Promise<Route | null> {
    const { bucket } = this.#connection.settings;
    let route: Route | null = null;
    try {
      await this.#connection.run(details, {}, async (client, sdk) => {
        const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: PROBE });
        const stack = command.middlewareStack as GetObjectCommand['middlewareStack'];
        stack.add(
          (_next, context) => async (args) => {
            const scheme = context.endpointV2?.properties?.['authSchemes']?.[0] as
              { readonly name?: string; readonly signingRegion?: string; readonly signingName?: string } | undefined;
            const { protocol, hostname, port, path } = args.request as Omit<Route, 'client' | 'signer'>;
            if (scheme?.name === 'sigv4' && path.endsWith(`/${PROBE}`)) {
              const region = scheme.signingRegion ?? (await client.config.region());
              route = {
                client,
                signer: new RequestSigner(region, scheme.signingName ?? 's3'),
                protocol,
                hostname,
                port,
                host: port === undefined ? hostname : `${hostname}:${port}`,
                path: path.slice(0, -PROBE.length),
              };
            }
            throw LEARNT;
          },
          { step: 'build', priority: 'low', name: 'storageRoute' },
        );
        await client.send(command).catch((error: unknown) => {
          if (error !== LEARNT) throw error;
        });
      });
    } catch {
      // The request itself, which the SDK then sends, tells what is wrong. The next one looks again.
      this.#route = undefined;
    }
    return route;
  }
}

/** Of no bytes. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The SDK takes over a command whose first attempt was made without it. */
export function goOnFrom(command: GetObjectCommand | PutObjectCommand, attempt: FirstAttempt | undefined): void {
  if (!attempt) return;
  let first = true;
  const stack = command.middlewareStack as GetObjectCommand['middlewareStack'];
  stack.add(
    (next) => async (args) => {
      if (!first) return next(args);
      first = false;
      if ('error' in attempt) throw attempt.error;
      return { response: attempt.response } as unknown as Awaited<ReturnType<typeof next>>;
    },
    { step: 'deserialize', priority: 'low', name: 'storageFirstAttempt' },
  );
}

/** The answer where it is a success. */
export function succeeded(attempt: FirstAttempt | undefined): DirectResponse | undefined {
  if (!attempt || 'error' in attempt) return undefined;
  const { statusCode } = attempt.response;
  return statusCode === 200 || statusCode === 206 ? attempt.response : undefined;
}
