/** The GCS backend over the contract server, as the suites use it. */
import { GcsBackend, type GcsBackendOptions } from '../../../lib/backends/gcs/index.js';
import { GcsContractServer, type GcsServerSettings } from '../../servers/gcs/gcs-contract-server.js';

export const BUCKET = 'conformance-bucket';
export const KIB = 1024;
export const MIB = 1024 * KIB;

/** The smallest chunk there is, so that modest bodies take the resumable path. */
export const CHUNK = 256 * KIB;

export function startServer(settings: Partial<GcsServerSettings> = {}): Promise<GcsContractServer> {
  return GcsContractServer.start({ buckets: [BUCKET], ...settings });
}

/** Retries as the SDK bounds them, without its pauses of seconds. */
export function backendOn(server: GcsContractServer, options: Partial<GcsBackendOptions> = {}): GcsBackend {
  return new GcsBackend({
    bucket: BUCKET,
    endpoint: server.origin,
    credentials: { ...server.key },
    chunkSize: CHUNK,
    requestTimeout: 5,
    retry: { maxRetries: 3, maxDelay: 0.01 },
    ...options,
  });
}
