/**
 * A gate before Ceph for what its gateway does not do here: to know but one region (Ceph takes signatures for any), to
 * speak TLS, and to be late. What is signed for another region is answered as AWS does:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import {
  createServer,
  request as send,
  type ClientRequest,
  type IncomingMessage,
  type RequestListener,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const answer = (signed: string, region: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization ` +
  `header is malformed; the region '${signed}' is wrong; expecting '${region}'</Message><Region>${region}</Region></Error>`;

export interface GateSettings {
  /** The only region that it knows. Default: any will do. */
  readonly region?: string;
  /** Speak TLS with this certificate. */
  readonly tls?: { readonly key: Buffer; readonly cert: Buffer };
  /** Milliseconds for which it holds what is to be stored; it then goes on, whether or not the client still waits. */
  readonly late?: number;
}

export interface StoreGate {
  readonly endpoint: string;
  close(): void;
}

async function passLate(incoming: IncomingMessage, forwarded: ClientRequest, late: number): Promise<void> {
  const body = await buffer(incoming);
  await sleep(late);
  forwarded.end(body);
}

export async function startStoreGate(store: string, { region, tls, late }: GateSettings): Promise<StoreGate> {
  const { hostname, port } = new URL(store);
  const pass: RequestListener = (incoming, outgoing) => {
    const signed = /Credential=[^/]+\/\d{8}\/([^/]+)\/s3\//.exec(incoming.headers.authorization ?? '')?.[1];
    if (region !== undefined && signed !== undefined && signed !== region) {
      incoming.resume();
      outgoing.writeHead(400, { 'content-type': 'application/xml', 'x-amz-bucket-region': region });
      return void outgoing.end(answer(signed, region));
    }
    const { method, url, headers } = incoming;
    const forwarded = send({ hostname, port, method, path: url, headers, agent: false }, (stored) => {
      outgoing.writeHead(stored.statusCode ?? 500, stored.headers);
      pipeline(stored, outgoing, () => undefined);
    });
    // Ceph may reset a connection that it has answered.
    forwarded.on('error', () => outgoing.headersSent || outgoing.destroy());
    if (late === undefined || method !== 'PUT') return void incoming.pipe(forwarded);
    void passLate(incoming, forwarded, late);
  };
  const server = tls === undefined ? createServer(pass) : createTlsServer(tls, pass);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
