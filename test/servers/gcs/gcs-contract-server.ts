/**
 * A contract server for Google Cloud Storage: the JSON API, uploads, tokens and signed URLs over HTTP on loopback, with
 * state. It is test equipment, so it takes nothing that the service would refuse, and less where the service is lenient.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBucket, deleteBucket, getBucket } from './bucket-calls.js';
import { Call } from './call.js';
import type { ServerContext } from './context.js';
import { badRequest, Refusal, sendRefusal, type RefusalShape } from './errors.js';
import { Faults, uploadFaultOf, type Fault } from './faults.js';
import { listObjects } from './list-call.js';
import { MachineIdentity } from './machine-identity.js';
import { TokenEndpoint } from './oauth.js';
import { deleteObject, getObject, patchObject } from './object-calls.js';
import { ObjectStore } from './object-store.js';
import { RewriteCalls } from './rewrite-call.js';
import { answerSigned } from './signed-calls.js';
import { postUpload } from './upload-calls.js';
import { UploadSessions } from './upload-sessions.js';

export interface GcsServerSettings {
  /** Made when the server starts. */
  readonly buckets: readonly string[];
  /** Bytes that one rewrite call copies. Default 1 MiB. */
  readonly rewriteStep?: number;
  /** Seconds that access tokens live. Default 3599. */
  readonly tokenSeconds?: number;
  /** Default 0: any free one. */
  readonly port?: number;
}

/** A service account as its key file holds it, with the token endpoint of the server. */
export interface ServiceAccountKey {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly token_uri: string;
}

const EMAIL = 'storage-tests@example-project.iam.gserviceaccount.com';

export class GcsContractServer {
  readonly faults = new Faults();
  /** `METHOD /path?query` of every request, in order. */
  readonly requests: string[] = [];
  /** Refusals by status and reason. */
  readonly refusals: string[] = [];
  readonly #keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  readonly #folder = mkdtempSync(join(tmpdir(), 'gcs-contract-'));
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  readonly #rewrites = new RewriteCalls();
  readonly #machine: MachineIdentity;
  readonly #context: ServerContext;
  #clockOffset = 0;

  private constructor(http: Server, settings: GcsServerSettings) {
    this.#http = http;
    const { port } = http.address() as AddressInfo;
    const account = { email: EMAIL, publicKey: this.#keys.publicKey };
    const now = () => new Date(Date.now() + this.#clockOffset);
    const tokens = new TokenEndpoint(account, settings.tokenSeconds ?? 3599);
    this.#machine = new MachineIdentity(account, this.#keys.privateKey, tokens);
    this.#context = {
      origin: `http://127.0.0.1:${port}`,
      folder: this.#folder,
      account,
      store: new ObjectStore(now),
      tokens,
      sessions: new UploadSessions(),
      faults: this.faults,
      rewriteStep: settings.rewriteStep ?? 1024 * 1024,
      now,
    };
    for (const bucket of settings.buckets) this.#context.store.createBucket(bucket);
    http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    http.on('request', (req, res) => void this.#answer(req, res));
  }

  static async start(settings: GcsServerSettings): Promise<GcsContractServer> {
    const http = createServer({ keepAliveTimeout: 30_000 });
    await new Promise<void>((resolve) => http.listen(settings.port ?? 0, '127.0.0.1', resolve));
    return new GcsContractServer(http, settings);
  }

  get origin(): string {
    return this.#context.origin;
  }

  get key(): ServiceAccountKey {
    return {
      type: 'service_account',
      project_id: 'example-project',
      private_key_id: 'k1',
      private_key: this.#keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      client_email: EMAIL,
      token_uri: `${this.origin}/token`,
    };
  }

  /** Uploads that were begun and neither published nor taken back. */
  get openSessions(): number {
    return this.#context.sessions.open;
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  get tokensIssued(): number {
    return this.#context.tokens.issued;
  }

  names(bucket: string): string[] {
    return this.#context.store.inOrder(bucket).map(({ name }) => name);
  }

  revokeTokens(): void {
    this.#context.tokens.revokeAll();
  }

  /** Moves the server's clock. Access tokens keep the time of the machine, as the library that holds them does. */
  passTime(seconds: number): void {
    this.#clockOffset += seconds * 1000;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#context.store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const call = new Call(req, res);
    const line = `${call.method} ${req.url}`;
    this.requests.push(line);
    const fault = this.faults.take(line);
    let shape: RefusalShape = 'json';
    res.setHeader('date', this.#context.now().toUTCString());
    try {
      if (fault === 'hang') return;
      if (fault === 'reset-before') return void req.socket.destroy();
      if (typeof fault === 'object') {
        await call.body();
        throw new Refusal(fault.status, fault.reason ?? 'backendError', 'asked for by a test');
      }
      if (fault === 'reset-after') cutAnswer(res);
      if (call.rawPath === '/token') return await this.#context.tokens.answer(call);
      if (this.#machine.answers(call)) return await this.#machine.answer(call);
      shape = shapeOf(call);
      if (shape === 'xml') return await answerSigned(this.#context, call);
      await this.#route(call, fault);
    } catch (error) {
      if (res.headersSent || res.destroyed) return void res.destroy();
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'internalError', String(error));
      this.refusals.push(`${refusal.status} ${refusal.reason}`);
      sendRefusal(res, refusal, shape);
    } finally {
      // What was refused unread must not be taken for the next request.
      req.resume();
    }
  }

  async #route(call: Call, fault: Fault | undefined): Promise<void> {
    const context = this.#context;
    const { method } = call;
    const segments = call.rawPath.split('/').slice(1).map(decodedSegment);
    const upload = segments[0] === 'upload';
    const [storage, version, b, bucket, o, name, rewriteTo, b2, bucket2, o2, name2] = upload
      ? segments.slice(1)
      : segments;
    if (storage !== 'storage' || version !== 'v1' || b !== 'b') throw new Refusal(404, 'notFound', 'Not Found');
    const depth = segments.length - (upload ? 1 : 0);
    const uploadId = upload ? new URLSearchParams(call.rawQuery).get('upload_id') : null;
    if (upload && uploadId !== null) {
      if (call.header('authorization') !== undefined) context.tokens.assertToken(call);
      if (method === 'DELETE') return context.sessions.cancel(call, uploadId);
      if (method === 'PUT') return context.sessions.put(context, call, uploadId, uploadFaultOf(fault));
      throw notAllowed();
    }
    context.tokens.assertToken(call);
    if (upload) {
      if (depth !== 5 || o !== 'o' || method !== 'POST') throw notAllowed();
      return postUpload(context, call, bucket!, uploadFaultOf(fault));
    }
    if (depth === 3 && method === 'POST') return createBucket(context, call);
    if (depth === 4 && method === 'GET') return getBucket(context, call, bucket!);
    if (depth === 4 && method === 'DELETE') return deleteBucket(context, call, bucket!);
    if (o !== 'o') throw notAllowed();
    if (depth === 5 && method === 'GET') return listObjects(context, call, bucket!);
    if (depth === 6 && method === 'GET') {
      return getObject(context, call, bucket!, name!, fault === 'cut' || fault === 'corrupt' ? fault : undefined);
    }
    if (depth === 6 && method === 'PATCH') return patchObject(context, call, bucket!, name!);
    if (depth === 6 && method === 'DELETE') return deleteObject(context, call, bucket!, name!);
    const rewrites = depth === 11 && rewriteTo === 'rewriteTo' && b2 === 'b' && o2 === 'o' && method === 'POST';
    if (!rewrites) throw notAllowed();
    return this.#rewrites.answer(context, call, { bucket: bucket!, name: name! }, { bucket: bucket2!, name: name2! });
  }
}

function notAllowed(): Refusal {
  return new Refusal(404, 'notFound', 'Not Found');
}

function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest('Malformed URL.', 'badRequest');
  }
}

function shapeOf(call: Call): RefusalShape {
  const api = /^\/(?:storage|upload\/storage)\/v1\//.test(call.rawPath);
  if (!api) return 'xml';
  return /(?:^|&)alt=media(?:&|$)/.test(call.rawQuery) ? 'text' : 'json';
}

/** The call is carried out; of its answer nothing arrives. */
function cutAnswer(res: ServerResponse): void {
  res.writeHead = () => {
    res.destroy();
    return res;
  };
}
