/** The way to @google-cloud/storage: loaded on first use, for credentials, endpoint rules and retry policy. */
import type { Storage } from '@google-cloud/storage';
import { StorageConfigurationError } from '../../contract/index.js';
import type { CheckedGcsOptions, GoogleAuthLike } from './gcs.options.js';

const PACKAGE = '@google-cloud/storage';

/** What the driver takes from the SDK. */
export interface GcsSdk {
  /** Undefined for an anonymous backend. */
  readonly auth: GoogleAuthLike | undefined;
  /** Origin of the API, without a trailing slash. */
  readonly origin: string;
  readonly retry: Storage['retryOptions'];
  /** The SDK's own CRC32C, in JavaScript. */
  readonly newCrc32c: () => { update(data: Buffer): void; valueOf(): number };
}

interface Interceptors {
  readonly interceptors?: {
    readonly request?: { add(interceptor: { resolved(config: { url?: string | URL }): Promise<unknown> }): unknown };
  };
}

/** Where the auth library keeps its HTTP client, in its older and its newer line. */
interface Redirectable {
  readonly gaxios?: Interceptors | null;
  readonly transporter?: Interceptors;
}

const TOKEN_URLS = new Set(['https://oauth2.googleapis.com/token', 'https://www.googleapis.com/oauth2/v4/token']);

async function load(): Promise<typeof import('@google-cloud/storage')> {
  try {
    return await import('@google-cloud/storage');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    throw new StorageConfigurationError({
      backend: 'gcs',
      reason: missing ? `the package ${PACKAGE} is not installed` : `the package ${PACKAGE} cannot be loaded`,
      advice: `Install ${PACKAGE} to use the gcs backend: npm install ${PACKAGE}`,
      cause: error,
    });
  }
}

/**
 * The auth library always asks Google's public endpoint for tokens; a key whose `token_uri` names another one (private
 * endpoints, other universes) is meant to be used there, as Google's libraries in other languages do.
 */
async function useTokenUri(storage: Storage): Promise<void> {
  const client = (await storage.authClient.getClient()) as unknown as Redirectable;
  const json: unknown = (storage.authClient as unknown as { jsonContent?: unknown }).jsonContent;
  const { token_uri: uri } = (json ?? {}) as { token_uri?: unknown };
  if (typeof uri !== 'string' || !URL.canParse(uri)) return;
  (client.gaxios ?? client.transporter)?.interceptors?.request?.add({
    resolved: async (config) => {
      if (TOKEN_URLS.has(String(config.url))) config.url = config.url instanceof URL ? new URL(uri) : uri;
      return config;
    },
  });
}

/** @throws StorageConfigurationError when the SDK is missing or the credentials cannot be used */
export async function loadGcsSdk(options: CheckedGcsOptions): Promise<GcsSdk> {
  const { Storage, CRC32C } = await load();
  const { maxRetries, maxDelay, totalTimeout } = options.retry ?? {};
  const storage = new Storage({
    projectId: options.projectId,
    credentials: options.credentials,
    keyFilename: options.keyFile,
    apiEndpoint: options.endpoint,
    retryOptions: { autoRetry: maxRetries !== 0, maxRetries, maxRetryDelay: maxDelay, totalTimeout },
  });
  const anonymous = options.anonymous === true;
  if (!anonymous && !options.auth) {
    try {
      await useTokenUri(storage);
    } catch (error) {
      throw new StorageConfigurationError({
        backend: 'gcs',
        reason: 'no usable Google Cloud credentials were found',
        advice:
          'Set GOOGLE_APPLICATION_CREDENTIALS to the path of a service account key, pass credentials or keyFile, ' +
          'run on a Google machine with a service account, or use anonymous for an emulator.',
        cause: error,
      });
    }
  }
  return {
    auth: anonymous ? undefined : (options.auth ?? (storage.authClient as GoogleAuthLike)),
    origin: storage.apiEndpoint,
    retry: storage.retryOptions,
    newCrc32c: () => new CRC32C(),
  };
}
