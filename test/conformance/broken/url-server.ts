/** A store in memory with signed URLs of its own, served over HTTP, that can be told to break one promise of them. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { MemoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import { AlreadyExistsError, InvalidRangeError, StorageFileNotFoundError } from '../../../lib/contract/index.js';
import type {
  ByteRange,
  ObjectMetadata,
  SignedUpload,
  SignGetOptions,
  SignPutOptions,
  StorageKey,
} from '../../../lib/contract/index.js';
import type { ConformanceTarget } from '../../../lib/testing/index.js';
import { StorageService } from '../../../lib/storage.service.js';
import { changed } from './changes.js';

export type UrlFault =
  | 'unsigned'
  | 'eternal'
  | 'any method'
  | 'no ranges'
  | 'other bytes'
  | 'own type'
  | 'latin names'
  | 'any upload type'
  | 'any upload size'
  | 'overwrites'
  | 'forgets metadata'
  | 'cuts uploads';

const signatureOf = (text: string) => createHmac('sha256', 'the test server').update(text).digest('hex');

class Refusal extends Error {
  constructor(readonly status: number) {
    super(`refused with ${status}`);
  }
}

class UrlServer {
  readonly storage: StorageService;
  readonly http = createServer((req, res) => void this.#answer(req, res));

  constructor(
    readonly memory: MemoryBackend,
    private readonly fault: UrlFault | undefined,
  ) {
    this.storage = new StorageService(memory);
  }

  /** Everything that the URL binds is in its query, and signed. */
  url(key: string, method: string, bound: Readonly<Record<string, string | number | undefined>>): string {
    const { port } = this.http.address() as AddressInfo;
    const query = new URLSearchParams({ method });
    for (const [name, value] of Object.entries(bound)) if (value !== undefined) query.set(name, String(value));
    const path = `/${encodeURIComponent(key)}?${query.toString()}`;
    return `http://127.0.0.1:${port}${path}&signature=${signatureOf(path)}`;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      const { key, query } = this.#admitted(req);
      if (query.get('method') === 'PUT') await this.#store(key, query, req, res);
      else await this.#serve(key, query, req, res);
    } catch (error) {
      req.resume();
      res.statusCode = statusOf(error);
      res.end();
    }
  }

  #admitted({ url, method }: IncomingMessage): { key: string; query: URLSearchParams } {
    const [path, signature] = url!.split('&signature=');
    if (this.fault !== 'unsigned' && signature !== signatureOf(path!)) throw new Refusal(403);
    const { pathname, searchParams: query } = new URL(path!, 'http://x');
    if (this.fault !== 'eternal' && Number(query.get('expires')) <= Date.now()) throw new Refusal(403);
    const asked = method === 'HEAD' ? 'GET' : method;
    if (asked !== query.get('method')) {
      if (this.fault !== 'any method' || asked === 'GET') throw new Refusal(405);
      query.set('method', 'PUT');
    }
    return { key: decodeURIComponent(pathname.slice(1)), query };
  }

  async #serve(key: string, query: URLSearchParams, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const asked = this.fault === 'no ranges' ? undefined : rangeOf(req.headers.range);
    const { file, range, body } = await this.storage.open(key, { range: asked });
    const bytes = await buffer(body);
    const name = query.get('filename');
    const own = this.fault === 'own type' ? 'application/octet-stream' : (query.get('contentType') ?? file.contentType);
    res.setHeader('Content-Type', own);
    res.setHeader('Content-Length', bytes.length);
    const shown = this.fault === 'latin names' ? encodeURIComponent(name ?? '').replace(/%../g, '_') : undefined;
    const extended = encodeURIComponent(name ?? '').replace(/'/g, '%27');
    if (name !== null) res.setHeader('Content-Disposition', `attachment; filename*=UTF-8''${shown ?? extended}`);
    if (asked && range) res.setHeader('Content-Range', `bytes ${range.start}-${range.end}/${file.size}`);
    res.statusCode = asked ? 206 : 200;
    res.end(this.fault === 'other bytes' ? bytes.map((byte) => byte ^ 1) : bytes);
  }

  async #store(key: string, query: URLSearchParams, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const type = query.get('contentType');
    const given = req.headers['content-type'];
    if (type !== null && given !== type && this.fault !== 'any upload type') throw new Refusal(415);
    const bytes = await buffer(req);
    const limits = this.fault === 'any upload size' ? new URLSearchParams() : query;
    if (limits.has('size') && bytes.length !== Number(limits.get('size'))) throw new Refusal(400);
    if (limits.has('maxSize') && bytes.length > Number(limits.get('maxSize'))) throw new Refusal(413);
    const createOnly = query.has('createOnly') && this.fault !== 'overwrites';
    await this.storage.put(key, this.fault === 'cuts uploads' ? bytes.subarray(0, -1) : bytes, {
      contentType: given,
      metadata: this.fault === 'forgets metadata' ? {} : (JSON.parse(query.get('metadata') ?? '{}') as ObjectMetadata),
      ifNoneMatch: createOnly ? '*' : undefined,
      url: false,
    });
    res.end();
  }
}

function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (error instanceof StorageFileNotFoundError) return 404;
  if (error instanceof InvalidRangeError) return 416;
  return error instanceof AlreadyExistsError ? 412 : 500;
}

function rangeOf(header: string | undefined): ByteRange | undefined {
  const [, start, end] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (start === undefined) return undefined;
  if (start === '') return { suffix: Number(end) };
  return end === '' ? { start: Number(start) } : { start: Number(start), end: Number(end) };
}

/** A target whose URLs lead to a server of their own. */
export async function urlTarget(
  fault: UrlFault | undefined,
  reach: ConformanceTarget['reach'],
): Promise<ConformanceTarget> {
  let server: UrlServer | undefined;
  const backend = changed((memory) => {
    server = new UrlServer(memory, fault);
    const { url, http } = { url: server.url.bind(server), http: server.http };
    http.listen(0, '127.0.0.1');
    return {
      capabilities: {
        ...memory.capabilities,
        getUrl: ['expiry', 'disposition', 'filename', 'contentType'],
        getUploadUrl: ['expiry', 'contentType', 'size', 'maxSize', 'createOnly', 'metadata'],
      },
      getUrl: async (key: StorageKey, { expiresIn, disposition, contentType }: SignGetOptions) =>
        url(key, 'GET', { expires: Date.now() + expiresIn * 1000, filename: disposition?.filename, contentType }),
      getUploadUrl: async (key: StorageKey, options: SignPutOptions): Promise<SignedUpload> => {
        const { contentType, size, maxSize, ifNoneMatch } = options;
        const metadata = options.metadata && JSON.stringify(options.metadata);
        const expires = Date.now() + options.expiresIn * 1000;
        return {
          method: 'PUT',
          url: url(key, 'PUT', { expires, contentType, size, maxSize, createOnly: ifNoneMatch, metadata }),
          headers: contentType === undefined ? {} : { 'Content-Type': contentType },
          expiresAt: new Date(expires),
        };
      },
    };
  });
  const { http } = server!;
  if (!http.listening) await once(http, 'listening');
  return {
    backend,
    reach,
    close: async () => {
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}
