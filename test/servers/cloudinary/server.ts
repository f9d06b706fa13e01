/** A contract server for Cloudinary: real HTTP on the loopback, keeps what it is given, refuses what the service refuses. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Account, type AccountSettings } from './account.js';
import { handleAdminApi, rateHeaders } from './admin-api.js';
import { handleDelivery, handleDownload } from './delivery.js';
import { answerJson, parseForm, readBody, Refusal } from './exchange.js';
import { delay, spoil, type Fault } from './faults.js';
import { handleUploadApi } from './upload-api.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
}

export interface CloudinaryServer {
  /** The SDK's upload_prefix. */
  readonly apiUrl: string;
  readonly deliveryUrl: string;
  readonly account: Account;
  readonly seen: SeenRequest[];
  /** Sockets open now, kept ones included. */
  readonly connections: ReadonlySet<Socket>;
  /** Requests that are being answered. */
  answering(): number;
  /** The next request that it matches fails so. */
  fail(fault: Fault): void;
  /** CLOUDINARY_URL for the SDK, which decides between http and https by it, once, when it is loaded. */
  readonly cloudinaryUrl: string;
  close(): Promise<void>;
}

const DEFAULTS: AccountSettings = {
  cloudName: 'contract-cloud',
  apiKey: '874837483274837',
  apiSecret: 'kS3cr3t-of_the-account',
  authTokenKey: '00112233FF99',
  signatureAlgorithm: 'sha1',
  maxFileBytes: 100 * 1024 * 1024,
  adminLimit: 1_000_000,
  etagInDetails: true,
};

export async function startCloudinaryServer(settings: Partial<AccountSettings> = {}): Promise<CloudinaryServer> {
  const account = new Account({ ...DEFAULTS, ...settings });
  const { cloudName, apiKey, apiSecret } = account.settings;
  const seen: SeenRequest[] = [];
  const faults: Fault[] = [];
  const connections = new Set<Socket>();
  let answering = 0;

  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    fault: Fault | undefined,
  ): Promise<void> => {
    const path = url.pathname;
    const delivered = `/res/${cloudName}/`;
    if (path.startsWith('/res/')) {
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'Only GET and HEAD');
      if (!path.startsWith(delivered)) throw new Refusal(401, 'Unknown cloud name');
      return handleDelivery(account, url, path.slice(delivered.length), request, response);
    }
    const [, version, cloud, ...encoded] = path.split('/');
    if (version !== 'v1_1') throw new Refusal(404, `Unknown API version ${version}`);
    if (cloud !== cloudName) throw new Refusal(401, 'cloud_name mismatch');
    const segments = encoded.map((segment) => decodeURIComponent(segment));
    const [resourceType = '', action = ''] = segments;
    if (action === 'download' && segments.length === 2) {
      if (request.method !== 'GET' && request.method !== 'HEAD') throw new Refusal(405, 'Only GET and HEAD');
      return handleDownload(account, resourceType, url.searchParams, request, response);
    }
    const body = await readBody(request);
    await delay(response, fault);
    if (request.method === 'POST') {
      if (segments.length !== 2 || url.search !== '') throw new Refusal(404, `Unknown path ${path}`);
      const form = parseForm(request.headers['content-type'], body);
      answerJson(response, 200, handleUploadApi(account, { resourceType, action, headers: request.headers, form }));
      return;
    }
    const { method = '', headers } = request;
    const answer = handleAdminApi(account, { method, path: segments, query: url.searchParams, headers, body });
    answerJson(response, 200, answer, rateHeaders(account));
  };

  // Longer than any client keeps a socket for later: on a busy machine a request would meet its end.
  const server = createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const method = request.method ?? '';
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    answering++;
    response.once('close', () => {
      answering--;
      seen.push({ method, path: url.pathname, status: response.statusCode, bytes });
    });
    const index = faults.findIndex((candidate) => candidate.match({ method, path: url.pathname }));
    const [fault] = index < 0 ? [] : faults.splice(index, 1);
    const { socket } = request;
    if (fault?.how === 'unheard') return void socket.destroy();
    if (fault?.how === 'silent') return void request.resume();
    spoil(response, fault?.how);
    const work =
      typeof fault?.how === 'number'
        ? readBody(request).then(() => Promise.reject(new Refusal(fault.how as number, fault.message ?? 'Fault')))
        : serve(request, response, url, fault);
    work.catch((error: unknown) => {
      const { status, message } =
        error instanceof Refusal ? error : new Refusal(500, `Internal error: ${String(error)}`);
      request.resume();
      const headers = url.pathname.startsWith('/res/') ? { 'x-cld-error': message } : rateHeaders(account);
      answerJson(response, status, { error: { message } }, headers);
    });
  });
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    apiUrl: origin,
    deliveryUrl: `${origin}/res/${cloudName}`,
    cloudinaryUrl: `cloudinary://${apiKey}:${apiSecret}@${cloudName}?upload_prefix=${origin}`,
    account,
    seen,
    connections,
    answering: () => answering,
    fail: (fault) => void faults.push(fault),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
