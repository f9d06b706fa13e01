/** Endpoints that are named past this library: by a client that was handed in, the environment or a profile of the SDK's. */
import type { S3Client } from '@aws-sdk/client-s3';
import { StorageConfigurationError } from '../../contract/index.js';
import { dialectNamed, dialectOf } from './s3.dialects.js';
import type { S3BackendOptions } from './s3.options.js';
import { loadClientSdk } from './s3.sdk.js';
import type { S3Settings } from './s3.settings.js';

/** What is read of a client's configuration. Clients that only look like one may have none of it. */
interface EndpointConfig {
  /** Undefined where none was given to the client. */
  readonly endpoint?: () => Promise<{
    readonly protocol: string;
    readonly hostname: string;
    readonly port?: number;
    readonly path?: string;
  }>;
  readonly ignoreConfiguredEndpointUrls?: boolean;
  /** AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url of the profile. */
  readonly serviceConfiguredEndpoint?: () => Promise<string | undefined>;
}

async function addressOf(config: EndpointConfig): Promise<string | undefined> {
  if (config.endpoint !== undefined) {
    const { protocol, hostname, port, path = '' } = await config.endpoint();
    return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;
  }
  return config.ignoreConfiguredEndpointUrls ? undefined : config.serviceConfiguredEndpoint?.();
}

async function endpointOf(client: Pick<S3Client, 'config'>): Promise<string | undefined> {
  try {
    const address = await addressOf(client.config as EndpointConfig);
    return address !== undefined && URL.canParse(address) ? address : undefined;
  } catch {
    // The SDK tells it with every request, before it is sent.
    return undefined;
  }
}

/** The options with the endpoint that requests will go to, by which the service is told unless it is named. */
export async function withConfiguredEndpoint(options: S3BackendOptions): Promise<S3BackendOptions> {
  const { dialect } = options;
  const known = dialect !== undefined && dialectNamed(dialect)?.endpoint !== undefined;
  if (known || options.endpoint !== undefined) return options;
  const { S3Client: Client } = await loadClientSdk();
  const client = (options.client as S3Client | undefined) ?? new Client({ ...options.clientConfig });
  try {
    const endpoint = await endpointOf(client);
    if (endpoint === undefined) return options;
    // A host that nobody knows names no region either.
    const asked =
      options.region === undefined && dialect === undefined && dialectOf(endpoint).dialect.name === 'generic';
    return { ...options, endpoint, ...(asked && { region: await regionOf(client) }) };
  } finally {
    if (options.client === undefined) client.destroy();
  }
}

async function regionOf(client: Pick<S3Client, 'config'>): Promise<string | undefined> {
  try {
    return await client.config.region();
  } catch {
    return undefined;
  }
}

/** @throws StorageConfigurationError where requests would go to a service that nobody named */
export async function assertDialect(client: S3Client, { options, dialect }: S3Settings): Promise<void> {
  if (options.dialect !== undefined) return;
  const endpoint = await endpointOf(client);
  const told = dialectOf(endpoint).dialect.name;
  if (endpoint === undefined || told === dialect.name) return;
  throw new StorageConfigurationError({
    backend: 's3',
    reason: `requests would go to ${new URL(endpoint).host}, of which nobody said that it is ${dialect.name}`,
    advice: `Name the service, by dialect: "${told}" or what else it is, or make the backend with createS3Backend().`,
  });
}
