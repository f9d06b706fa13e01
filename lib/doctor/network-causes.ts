/** Causes between this machine and a server: names, routes, ports, TLS. Codes are those of Node, undici and OpenSSL. */
import type { CauseRow, FailureContext } from './cause-row.js';

const hostOf = ({ place }: FailureContext) => (URL.canParse(place.origin) ? new URL(place.origin).host : place.origin);

/** A handshake that failed: EPROTO from Node's own client, ERR_SSL_... from undici. */
function ofTls({ facts }: FailureContext): boolean {
  return [...facts.codes].some((code) => code === 'EPROTO' || code.startsWith('ERR_SSL_'));
}

/** In OpenSSL's words, where it has some: ` (ssl/tls alert handshake failure)`. */
function saidOfTls({ facts }: FailureContext): string {
  const words = /:SSL routines:[^:]*:([^:\n]+):/.exec(facts.text)?.[1];
  return words === undefined ? '' : ` (${words})`;
}

export const NETWORK_CAUSES: readonly CauseRow[] = [
  {
    codes: ['ENOTFOUND'],
    cause: (context) => `The host name of ${hostOf(context)} does not exist.`,
    advice: ({ place }) => `Look for a slip in ${place.setting}, or ask the DNS that this machine uses.`,
  },
  {
    codes: ['EAI_AGAIN', 'EAI_FAIL'],
    cause: (context) => `No name server answers for the host name of ${hostOf(context)}.`,
    advice: () => 'Check the network and the DNS of this machine or container.',
  },
  {
    codes: ['ECONNREFUSED'],
    cause: ({ place }) => `Nothing listens at ${place.origin}: the connection was refused.`,
    advice: ({ place }) =>
      `Start the service, or correct host and port in ${place.setting}. In a container, localhost is the container itself.`,
  },
  {
    codes: ['EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL'],
    cause: (context) => `There is no route from this machine to ${hostOf(context)}.`,
    advice: () => 'Check the network of this machine or container, its VPN and its firewall.',
  },
  {
    codes: ['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT'],
    cause: ({ place }) => `There was no answer from ${place.origin} in time.`,
    advice: ({ place }) => `A firewall may drop the packets, or the service hangs: check it, and ${place.setting}.`,
  },
  {
    when: ofTls,
    says: /wrong version number|packet length too long/,
    cause: ({ place }) => `What listens at ${place.origin} speaks plain HTTP, and was spoken to in TLS.`,
    advice: ({ place }) => `Write http:// in ${place.setting}, or the port at which the service speaks TLS.`,
  },
  {
    when: ofTls,
    says: /unrecognized name/,
    cause: (context) => `What answers at ${hostOf(context)} has no certificate for that host name.`,
    advice: ({ place }) => `Look for a slip in ${place.setting}, or give the service a certificate for the name.`,
  },
  {
    when: ofTls,
    says: /alert|handshake|unsupported protocol|no shared cipher|no protocols available/,
    cause: (context) =>
      `TLS with ${hostOf(context)} fails: the two sides agree on no TLS version, cipher or client certificate` +
      `${saidOfTls(context)}.`,
    advice: ({ place }) =>
      `Ask what the service at ${place.origin} demands (openssl s_client shows it), and what a proxy before it can.`,
  },
  {
    when: ofTls,
    cause: (context) => `TLS with ${hostOf(context)} fails${saidOfTls(context)}.`,
    advice: ({ place }) => `Check the port in ${place.setting}, and what stands between: a proxy or a firewall.`,
  },
  {
    codes: [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ],
    cause: (context) => `The certificate of ${hostOf(context)} is signed by nobody that this machine trusts.`,
    advice: () => 'Start Node with NODE_EXTRA_CA_CERTS set to the file of the authority that signed it.',
  },
  {
    codes: ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'],
    cause: (context) =>
      `The certificate of ${hostOf(context)} is not valid at the time that this machine thinks it is.`,
    advice: () => 'Renew the certificate, or correct the clock of this machine.',
  },
  {
    codes: ['ERR_TLS_CERT_ALTNAME_INVALID'],
    cause: (context) => `The certificate that answers for ${hostOf(context)} is one for other names.`,
    advice: ({ place }) =>
      `Use in ${place.setting} a host name that the certificate holds. A bucket with dots in its name needs path style.`,
  },
  {
    codes: ['HPE_INVALID_CONSTANT', 'HPE_INVALID_VERSION', 'HPE_INVALID_HEADER_TOKEN'],
    cause: ({ place }) => `What answers at ${place.origin} does not speak HTTP.`,
    advice: ({ place }) => `Correct the port in ${place.setting}.`,
  },
  {
    says: /^bad port$/m,
    cause: ({ place }) => `Browsers refuse the port of ${place.origin}, whatever listens there.`,
    advice: ({ place }) =>
      `Use another port in ${place.setting}: https://fetch.spec.whatwg.org/#port-blocking lists them.`,
  },
  {
    codes: ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'],
    cause: ({ place }) => `${place.origin} closed the connection without an answer.`,
    advice: ({ place }) => `Check the port in ${place.setting}, and what stands between: a proxy or a firewall.`,
  },
];
