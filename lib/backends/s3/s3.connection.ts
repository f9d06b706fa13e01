/** One client for one bucket: made on first use, with every failure told by reason. */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { StorageConfigurationError, type StorageErrorDetails, type WriteConditions } from '../../contract/index.js';
import { assertDialect } from './configured-endpoint.js';
import { DirectRequests } from './direct-request.js';
import { S3HttpHandler } from './http-handler.js';
import { toStorageError } from './s3.errors.js';
import { loadClientSdk, type S3Sdk } from './s3.sdk.js';
import type { S3Settings } from './s3.settings.js';

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly conditions?: WriteConditions;
}

interface Ready {
  readonly client: S3Client;
  readonly sdk: S3Sdk;
}

// The SDK would write to the console what is thrown anyway.
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

async function makeClient(sdk: S3Sdk, settings: S3Settings): Promise<S3Client> {
  const { options } = settings;
  if (options.client !== undefined) return options.client as S3Client;
  const config = {
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    ...(options.credentials !== undefined && { credentials: options.credentials }),
    forcePathStyle: settings.pathStyle,
    logger: SILENT,
    maxAttempts: settings.maxAttempts,
    // Bodies carry the checksums that this backend computes; streams would be sent in aws-chunked form, which only AWS
    // reads: https://github.com/aws/aws-sdk-js-v3/issues/6810
    requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    responseChecksumValidation: 'WHEN_REQUIRED' as const,
    requestHandler: new S3HttpHandler({
      connectTimeout: settings.connectTimeout * 1000,
      idleTimeout: settings.idleTimeout * 1000,
      maxSockets: settings.maxSockets,
    }) as unknown as S3ClientConfig['requestHandler'],
    ...options.clientConfig,
  };
  if (settings.region !== undefined) return new sdk.S3Client({ ...config, region: settings.region });
  const client = new sdk.S3Client(config);
  try {
    await client.config.region();
    return client;
  } catch {
    // Neither the environment nor a shared file names one. The client is left and not destroyed: nothing was opened, and
    // its HTTP handler is that of the next one.
    return new sdk.S3Client({ ...config, region: 'us-east-1' });
  }
}

export class S3Connection {
  readonly settings: S3Settings;
  readonly direct = new DirectRequests(this);
  #ready: Promise<Ready> | undefined;
  #closed = false;

  constructor(settings: S3Settings) {
    this.settings = settings;
  }

  /** @throws StorageConfigurationError when the SDK is not installed, or would ask another service than was assumed */
  ready(): Promise<Ready> {
    if (this.#closed) {
      return Promise.reject(new StorageConfigurationError({ backend: 's3', reason: 'this backend was closed' }));
    }
    this.#ready ??= (async () => {
      const sdk = await loadClientSdk();
      const client = await makeClient(sdk, this.settings);
      await assertDialect(client, this.settings);
      return { sdk, client };
    })();
    return this.#ready;
  }

  /** Sends what `call` sends, and tells a failure by reason. */
  async run<T>(
    details: StorageErrorDetails,
    options: CallOptions,
    call: (client: S3Client, sdk: S3Sdk, send: { readonly abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      options.signal?.throwIfAborted();
      const { client, sdk } = await this.ready();
      return await call(client, sdk, { abortSignal: options.signal });
    } catch (error) {
      throw toStorageError(error, { details, ...options });
    }
  }

  /** Closes the client, unless it was handed in. */
  async close(): Promise<void> {
    this.#closed = true;
    const ready = await this.#ready?.catch(() => undefined);
    if (this.settings.options.client === undefined) ready?.client.destroy();
  }
}
