/** A server that takes requests as an S3 service would, and backends whose every host name leads to it. */
import dns from 'node:dns';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Backend, type S3BackendOptions } from '../../lib/backends/s3/index.js';
import { PartChecksums } from './s3-part-checksums.js';

// The SDK would tell once that it will leave Node 20.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';

export const MIB = 1024 * 1024;

/** A request as it was really sent. */
export interface Sent {
  readonly method: string;
  readonly host: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Waits until then. */
  readonly after?: Promise<unknown>;
  /** The work is done, and the connection breaks before the answer. */
  readonly lost?: boolean;
}

export interface Service {
  readonly port: number;
  /** In the order in which they came in. */
  readonly sent: Sent[];
  backend(options: Partial<S3BackendOptions>): S3Backend;
  close(): Promise<void>;
}

const ETAG = { etag: '"e"' };

/** The answer of S3 to a request that goes well, as far as the backend reads it. */
export function success({ method, path }: Sent): Answer {
  const body = (text: string) => ({ headers: ETAG, body: text });
  if (method === 'POST' && path.includes('uploads')) {
    return body('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>');
  }
  if (method === 'POST' && path.includes('delete')) return body('<DeleteResult></DeleteResult>');
  if (method === 'POST') {
    return body('<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>');
  }
  return method === 'DELETE' ? { status: 204 } : { headers: ETAG };
}

/** An error as S3 tells it. */
export function failure(status: number, code: string, message = 'told by the service'): Answer {
  return { status, body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>` };
}

/** The two ways of requests, as options of the backend: past the layers of the SDK where that goes, or all through it. */
export const WAYS = [
  ['directly', {}],
  ['through the SDK', { clientConfig: {} }],
] as const satisfies readonly (readonly [string, Partial<S3BackendOptions>])[];

type Found = (...found: unknown[]) => void;
type LookupArguments = [asked: Found | { readonly all?: boolean }, done?: Found];

/** Every host name leads to this machine until `end()`. Settings of the client would keep it off the direct way. */
class LocalNames {
  static #users = 0;
  static readonly #real = dns.lookup;

  static begin(): void {
    if (this.#users++ > 0) return;
    const lookup = (_host: string, ...[asked, done]: LookupArguments) => {
      if (typeof asked === 'function') asked(null, '127.0.0.1', 4);
      else if (asked.all) done?.(null, [{ address: '127.0.0.1', family: 4 }]);
      else done?.(null, '127.0.0.1', 4);
    };
    dns.lookup = lookup as typeof dns.lookup;
  }

  static end(): void {
    if (--this.#users === 0) dns.lookup = this.#real;
  }
}

async function respond(response: ServerResponse, answer: Answer): Promise<void> {
  const { status = 200, headers = {}, body = '', after, lost } = answer;
  await after;
  if (lost) response.destroy();
  else response.writeHead(status, { ...headers }).end(body);
}

/** @param answer what to say; success where it has nothing to say */
export async function startService(answer: (request: Sent) => Answer | undefined = () => undefined): Promise<Service> {
  const sent: Sent[] = [];
  const backends: S3Backend[] = [];
  const checksums = new PartChecksums();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, host: headers.host!.split(':')[0]!, path: url, headers, body: Buffer.concat(chunks) };
      sent.push(one);
      const fault = checksums.fault(one);
      void respond(response, answer(one) ?? (fault ? failure(400, 'InvalidRequest', fault) : success(one)));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  LocalNames.begin();
  return {
    port: (server.address() as AddressInfo).port,
    sent,
    backend: (options) => {
      const made = new S3Backend({
        bucket: 'bucket',
        credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret' },
        maxAttempts: 1,
        ...options,
      });
      backends.push(made);
      return made;
    },
    close: async () => {
      await Promise.all(backends.map((backend) => backend.close()));
      LocalNames.end();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
