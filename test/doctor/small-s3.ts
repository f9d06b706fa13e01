/** An S3 service of one bucket in memory, as far as a diagnosis goes, which does to requests what a test wants. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** May wait, and may take the request for itself by answering true: nobody then answers it, or did already. */
export type Before = (
  request: IncomingMessage,
  store: SmallS3,
  response: ServerResponse,
) => Promise<boolean | void> | boolean | void;

const unescaped = (path: string) => decodeURIComponent(path.split('/').slice(2).join('/'));
const etagOf = (bytes: Buffer) => `"${createHash('md5').update(bytes).digest('hex')}"`;

/** AWS chunks a body that it signs piece by piece; the SDK does it where it adds a checksum behind the body. */
function withoutChunks(body: Buffer, { headers }: IncomingMessage): Buffer {
  if (!/aws-chunked/.test(headers['content-encoding'] ?? '')) return body;
  const size = Number.parseInt(body.toString('latin1'), 16);
  const from = body.indexOf('\r\n') + 2;
  return body.subarray(from, from + size);
}

export class SmallS3 {
  readonly objects = new Map<string, Buffer>();
  readonly server: Server;

  constructor(before: Before = () => undefined) {
    this.server = createServer(async (request, response) => {
      if ((await before(request, this, response)) === true) return;
      const { method, headers, url = '' } = request;
      const body = withoutChunks(await buffer(request), request);
      const key = unescaped(url.split('?')[0]!);
      if (key === '')
        return void response.writeHead(200, { 'content-type': 'application/xml' }).end(this.#listing(url));
      if (method === 'PUT') {
        this.objects.set(key, body);
        return void response.writeHead(200, { etag: etagOf(body) }).end();
      }
      const object = this.objects.get(key);
      if (method === 'DELETE') {
        this.objects.delete(key);
        return void response.writeHead(204).end();
      }
      if (object === undefined) return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
      const [, start = '0', end = `${object.length - 1}`] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
      const part = object.subarray(Number(start), Number(end) + 1);
      const partial = { 'content-range': `bytes ${start}-${end}/${object.length}` };
      const told = { etag: etagOf(object), 'last-modified': new Date().toUTCString(), 'content-length': part.length };
      response.writeHead(headers.range ? 206 : 200, { ...told, ...(headers.range && partial) });
      response.end(method === 'HEAD' ? undefined : part);
    });
  }

  #listing(url: string): string {
    const prefix = new URL(url, 'http://s3').searchParams.get('prefix') ?? '';
    const found = [...this.objects].filter(([key]) => key.startsWith(prefix));
    const rows = found.map(
      ([key, bytes]) =>
        `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${bytes.length}</Size><ETag>${etagOf(bytes)}</ETag>` +
        `<LastModified>${new Date().toISOString()}</LastModified></Contents>`,
    );
    return `<ListBucketResult><EncodingType>url</EncodingType>${rows.join('')}</ListBucketResult>`;
  }
}
