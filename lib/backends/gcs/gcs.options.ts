/** What the Google Cloud Storage driver can be told, checked when the backend is made. */
import type { Agent } from 'node:http';
import { StorageConfigurationError } from '../../contract/index.js';

/** A service account key, as the JSON file from the console holds it. Other fields of the file may be there too. */
export interface GcsCredentials {
  readonly client_email?: string;
  readonly private_key?: string;
  readonly project_id?: string;
  /** Where access tokens are fetched. Default: Google's endpoint. */
  readonly token_uri?: string;
}

/** The part of google-auth-library's `GoogleAuth` that the driver uses. */
export interface GoogleAuthLike {
  /** Headers that authorise a request. */
  getRequestHeaders(url?: string): Promise<Headers | Readonly<Record<string, string>>>;
  /** The identity that signs. */
  getCredentials(): Promise<{ readonly client_email?: string; readonly private_key?: string }>;
  /** Signs through the IAM service where there is no private key at hand. Answers in base64. */
  sign(data: string): Promise<string>;
  /** What holds the token. With it, a token that the service refuses is replaced before its time is over. */
  getClient?(): Promise<unknown>;
}

/** Bounds of repeated requests. What is left out is the SDK's own default. */
export interface GcsRetryOptions {
  /** Most repetitions of one request. Default 3. 0 turns them off. */
  readonly maxRetries?: number;
  /** Longest pause between two, in seconds. Default 64. */
  readonly maxDelay?: number;
  /** Longest time that all of them may take together, in seconds. Default 600. */
  readonly totalTimeout?: number;
}

/** Options of the Google Cloud Storage backend. */
export interface GcsBackendOptions {
  /** The bucket, which must exist. */
  readonly bucket: string;
  /** Project of the bucket. Default: the one of the credentials. */
  readonly projectId?: string;
  /**
   * A service account key: its JSON as an object or as text (from a variable). Without `credentials`, `keyFile` and
   * `auth` the application default credentials serve: GOOGLE_APPLICATION_CREDENTIALS, gcloud's own, or the metadata
   * server of Google's machines.
   */
  readonly credentials?: GcsCredentials | string;
  /** Path of a service account key file. */
  readonly keyFile?: string;
  /** A `GoogleAuth` made by the app (impersonation, workload identity), in place of the other credentials. */
  readonly auth?: GoogleAuthLike;
  /** Send no credentials at all: emulators, public buckets. Such a backend signs no URLs. Default false. */
  readonly anonymous?: boolean;
  /** Origin of the API, for private endpoints and emulators. Default `https://storage.googleapis.com`. */
  readonly endpoint?: string;
  /** Origin of a host name that is bound to this bucket (load balancer, CNAME); signed URLs then lead there. */
  readonly publicOrigin?: string;
  /** Project that pays, for buckets with requester pays. */
  readonly userProject?: string;
  /**
   * Bytes of one request of a resumable upload; also the size up to which a body is held and sent in one request. A
   * multiple of 262,144. Each upload under way holds up to two of these in memory. Default 8 MiB, as Google advises.
   */
  readonly chunkSize?: number;
  /** Seconds without a byte in either direction after which a request is given up. Default 60. */
  readonly requestTimeout?: number;
  readonly retry?: GcsRetryOptions;
  /** In place of the driver's own keep-alive agent, for example one that goes through a proxy. close() leaves it be. */
  readonly agent?: Agent;
}

/** Chunks of a resumable upload are multiples of this: https://cloud.google.com/storage/docs/performing-resumable-uploads */
export const CHUNK_QUANTUM = 256 * 1024;
const DEFAULT_CHUNK_SIZE = 8 * 1024 * 1024;
const DEFAULT_REQUEST_TIMEOUT = 60;

export type CheckedGcsOptions = Omit<GcsBackendOptions, 'credentials'> & {
  readonly credentials?: GcsCredentials;
  readonly chunkSize: number;
  readonly requestTimeout: number;
};

function fail(reason: string, advice?: string, cause?: unknown): never {
  throw new StorageConfigurationError({ backend: 'gcs', reason, advice, cause });
}

function parsedCredentials(given: GcsCredentials | string | undefined): GcsCredentials | undefined {
  if (typeof given !== 'string') return given;
  try {
    const parsed: unknown = JSON.parse(given);
    if (typeof parsed === 'object' && parsed !== null) return parsed as GcsCredentials;
  } catch {
    // The parser's message quotes the text, which holds a private key: it must not even be the cause.
  }
  return fail(
    'the credentials are not JSON',
    'Set the text of a service account key file, or use keyFile for its path.',
  );
}

function checkedOrigin(name: string, origin: string | undefined): void {
  if (origin === undefined) return;
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search || url.username) {
    fail(`${name} must be an origin`, 'An example is "https://storage.example.com".');
  }
}

/** @throws StorageConfigurationError that names the option */
export function checkedGcsOptions(options: GcsBackendOptions): CheckedGcsOptions {
  const { bucket, chunkSize = DEFAULT_CHUNK_SIZE, requestTimeout = DEFAULT_REQUEST_TIMEOUT, retry = {} } = options;
  // https://cloud.google.com/storage/docs/buckets#naming
  if (typeof bucket !== 'string' || !/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(bucket)) {
    fail('bucket must be the name of a bucket', 'Set STORAGE_GCS_BUCKET, without "gs://".');
  }
  if (!Number.isSafeInteger(chunkSize) || chunkSize < CHUNK_QUANTUM || chunkSize % CHUNK_QUANTUM !== 0) {
    fail(`chunkSize must be a multiple of ${CHUNK_QUANTUM} bytes`);
  }
  if (!(requestTimeout > 0)) fail('requestTimeout must be a number of seconds above 0');
  for (const [name, value] of Object.entries(retry)) {
    if (!(value >= 0)) fail(`retry.${name} must be a number from 0`);
  }
  checkedOrigin('endpoint', options.endpoint);
  checkedOrigin('publicOrigin', options.publicOrigin);
  const credentials = parsedCredentials(options.credentials);
  if (credentials && (!credentials.client_email || !credentials.private_key)) {
    fail('the credentials hold no client_email and private_key', 'Use the JSON of a service account key.');
  }
  return { ...options, credentials, chunkSize, requestTimeout };
}
