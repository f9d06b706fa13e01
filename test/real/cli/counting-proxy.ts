/** A gateway behind a proxy that counts which requests were answered well, key by key. */
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CountingProxy {
  readonly endpoint: string;
  /** Successful PUTs of whole objects, and completed multipart uploads, by key. */
  readonly writes: Map<string, number>;
  /** Successful GETs of objects, by key. */
  readonly reads: Map<string, number>;
  close(): Promise<void>;
}

/** Passes everything on as it is, the Host header too, which is part of the signature. */
export async function countingProxy(upstream: string, bucket: string): Promise<CountingProxy> {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  const [writes, reads] = [new Map<string, number>(), new Map<string, number>()];
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);

  const note = ({ method, url = '' }: IncomingMessage, status: number) => {
    const { pathname, searchParams } = new URL(url, upstream);
    const key = decodeURIComponent(pathname.slice(bucket.length + 2));
    if (key === '' || status >= 300) return;
    const part = searchParams.has('partNumber');
    if ((method === 'PUT' && !part) || (method === 'POST' && searchParams.has('uploadId'))) count(writes, key);
    if (method === 'GET') count(reads, key);
  };
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers, agent }, (answer) => {
      note(incoming, answer.statusCode ?? 0);
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    // Who is killed in the middle of a request leaves it unfinished upstream as well.
    incoming.on('close', () => incoming.complete || onward.destroy());
    incoming.pipe(onward);
  };
  const server = createServer(pass);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes,
    reads,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}
