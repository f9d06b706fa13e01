/** Failures on the way to the store, by the codes of Node, OpenSSL and this backend's HTTP handler. */
import {
  StorageTimeoutError,
  StorageUnavailableError,
  type StorageError,
  type StorageErrorDetails,
} from '../../contract/index.js';

type Maker = (details: StorageErrorDetails) => StorageError;

const unavailable =
  (reason: string, advice?: string): Maker =>
  (details) =>
    new StorageUnavailableError({ ...details, reason, ...(advice !== undefined && { advice }) });

/** Code of this backend's own HTTP handler. */
export const HANDLER_CLOSED = 'ERR_STORAGE_HANDLER_CLOSED';

export const timedOut: Maker = (details) => new StorageTimeoutError(details);
export const cut = unavailable('the connection to the store broke');

const unreached: Maker = (details) =>
  new StorageTimeoutError({
    ...details,
    reason: 'no connection to the store came about in time',
    advice: 'Check the endpoint and what stands between, or try again later.',
  });
const noWay = unavailable('there is no way to the store');
const noName = unavailable('the host name of the store cannot be resolved', 'Check the endpoint and the DNS.');
const untrusted = unavailable(
  'the certificate of the store is signed by nobody that this machine trusts',
  'Start Node with NODE_EXTRA_CA_CERTS set to the file of the authority that signed it.',
);
const outOfDate = unavailable(
  'the certificate of the store is not valid at this time',
  'Have it renewed, or correct the clock of this machine.',
);

// https://nodejs.org/api/errors.html, https://nodejs.org/api/tls.html#x509-certificate-error-codes
export const NETWORK_ERRORS: Readonly<Record<string, Maker>> = {
  TimeoutError: timedOut,
  ETIMEDOUT: timedOut,
  ESOCKETTIMEDOUT: timedOut,
  ConnectTimeoutError: unreached,
  ECONNREFUSED: unavailable('nothing answers at the address of the store', 'Check the endpoint, or try again later.'),
  EHOSTUNREACH: noWay,
  ENETUNREACH: noWay,
  ENOTFOUND: noName,
  EAI_AGAIN: noName,
  [HANDLER_CLOSED]: unavailable(
    'the backend was closed while the request was under way',
    'Close a storage once nothing uses it any more.',
  ),
  ECONNRESET: cut,
  EPIPE: cut,
  ERR_STREAM_PREMATURE_CLOSE: cut,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: outOfDate,
  CERT_NOT_YET_VALID: outOfDate,
  ERR_TLS_CERT_ALTNAME_INVALID: unavailable(
    'the certificate of the store is one for other host names',
    'Use an endpoint that it holds. A bucket with dots in its name needs pathStyle.',
  ),
};
