/**
 * How requests of the SDK reach the network. The SDK's own handler counts the wait for a free socket as the way to the
 * store, and the pause of a reader as silence of the store (docs/decisions/0160).
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { leaveOnceAnswered } from './early-answer.js';
import { HANDLER_CLOSED } from './network.errors.js';
import { PartStream } from './part-stream.js';
import { encodedText } from './url-path.js';

export interface HttpHandlerOptions {
  /** Milliseconds for a new connection, TLS included. */
  readonly connectTimeout: number;
  /** Milliseconds of silence of the store. */
  readonly idleTimeout: number;
  /** For requests that take as long as the store takes. */
  readonly maxSockets: number;
}

/** What is read of a request of the SDK. */
interface HandledRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | Uint8Array | string;
}

interface HandledResponse {
  readonly statusCode: number;
  readonly reason: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: http.IncomingMessage;
}

interface Agents {
  readonly 'http:': http.Agent;
  readonly 'https:': https.Agent;
}

/** Bodies that wait for a client, as a multiple of the sockets for everything else. */
const WAITING_FOR_CLIENTS = 4;

// Both are repeated by the SDK because of their code.
const noConnection = (timeout: number) =>
  Object.assign(new Error(`no connection within ${timeout} ms`), { name: 'ConnectTimeoutError', code: 'ETIMEDOUT' });
const silence = (timeout: number) =>
  Object.assign(new Error(`no byte within ${timeout} ms`), { name: 'TimeoutError', code: 'ETIMEDOUT' });
/** The error that Node's own streams end with. */
const aborted = ({ reason }: AbortSignal) =>
  Object.assign(new Error('the request was aborted', { cause: reason }), { name: 'AbortError', code: 'ABORT_ERR' });
/** Not repeated. */
const closed = () => Object.assign(new Error('the HTTP handler was closed'), { code: HANDLER_CLOSED });

/** Gives up new connections that take too long. The wait for a free socket is over by then. */
function timeConnections<A extends http.Agent>(agent: A, connected: 'connect' | 'secureConnect', timeout: number): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, done) => {
    const socket = connect(options, done) as Socket;
    const timer = setTimeout(() => socket.destroy(noConnection(timeout)), timeout);
    for (const event of [connected, 'close']) socket.once(event, () => clearTimeout(timer));
    return socket;
  };
  return agent;
}

function makeAgents(maxSockets: number, connectTimeout: number): Agents {
  const settings = { keepAlive: true, maxSockets };
  return {
    'http:': timeConnections(new http.Agent(settings), 'connect', connectTimeout),
    'https:': timeConnections(new https.Agent(settings), 'secureConnect', connectTimeout),
  };
}

/** An object that is read, and a body that is sent as it comes in, last as long as a client takes. */
function waitsForClient({ method, query = {}, body }: HandledRequest): boolean {
  if (method === 'GET') return (query['x-id'] ?? 'GetObject') === 'GetObject' && !isListing(query);
  return body instanceof Readable && !(body instanceof PartStream);
}

function isListing(query: object): boolean {
  return ['list-type', 'uploads', 'tagging'].some((name) => name in query);
}

function target({ path, query }: HandledRequest): string {
  if (query === undefined) return path;
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === null ? [encodedText(name)] : [value].flat().map((one) => `${encodedText(name)}=${encodedText(one)}`),
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}

/** As the option `signal` of a request does, with one listener in place of nine. */
function destroyOnAbort(sent: http.ClientRequest, signal: AbortSignal): void {
  const destroy = () => void sent.destroy(aborted(signal));
  if (signal.aborted) return destroy();
  signal.addEventListener('abort', destroy);
  sent.once('close', () => signal.removeEventListener('abort', destroy));
}

/** Ends a request when the store is silent. A reader that pauses is no silence of the store's. */
function watchSilence(sent: http.ClientRequest, timeout: number): void {
  let answer: http.IncomingMessage | undefined;
  let readOn = 0;
  sent.setTimeout(timeout);
  sent.once('response', (response: http.IncomingMessage) => {
    answer = response.on('resume', () => {
      readOn = performance.now();
    });
  });
  sent.on('timeout', () => {
    const waiting = answer && (answer.complete || answer.isPaused() || answer.readableLength > 0);
    // Where a reader has only just read on, bytes of the store may lie ready.
    if (waiting || performance.now() - readOn < timeout / 10) sent.socket?.setTimeout(timeout);
    else (answer ?? sent).destroy(silence(timeout));
  });
}

function answerOf(body: http.IncomingMessage): HandledResponse {
  const headers: Record<string, string> = {};
  for (const name in body.headers) {
    const value = body.headers[name];
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { statusCode: body.statusCode ?? 0, reason: body.statusMessage, headers, body };
}

/** Stands in the place of the SDK's NodeHttpHandler. */
export class S3HttpHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #idleTimeout: number;
  readonly #short: Agents;
  /** So that slow clients cannot take every socket from requests that are done at once. */
  readonly #waiting: Agents;
  readonly #unanswered = new Set<http.ClientRequest>();
  #closed = false;

  constructor({ connectTimeout, idleTimeout, maxSockets }: HttpHandlerOptions) {
    this.#idleTimeout = idleTimeout;
    this.#short = makeAgents(maxSockets, connectTimeout);
    this.#waiting = makeAgents(maxSockets * WAITING_FOR_CLIENTS, connectTimeout);
  }

  handle(
    request: HandledRequest,
    { abortSignal }: { readonly abortSignal?: AbortSignal } = {},
  ): Promise<{ response: HandledResponse }> {
    if (this.#closed) return Promise.reject(closed());
    const { method, protocol, port, headers, body } = request;
    const secure = protocol === 'https:';
    const agents = waitsForClient(request) ? this.#waiting : this.#short;
    return new Promise((resolve, reject) => {
      const sent = (secure ? https : http).request({
        agent: agents[secure ? 'https:' : 'http:'],
        method,
        host: request.hostname.replace(/^\[(.*)\]$/, '$1'),
        port,
        path: target(request),
        headers,
      });
      this.#unanswered.add(sent);
      for (const event of ['response', 'close']) sent.once(event, () => this.#unanswered.delete(sent));
      if (abortSignal) destroyOnAbort(sent, abortSignal);
      sent.on('error', reject);
      sent.once('response', (answer: http.IncomingMessage) => resolve({ response: answerOf(answer) }));
      watchSilence(sent, this.#idleTimeout);
      leaveOnceAnswered(sent);
      if (body instanceof Readable) body.pipe(sent);
      else sent.end(body);
    });
  }

  /** Its settings are the backend's. */
  updateHttpClientConfig(): void {}

  httpHandlerConfigs(): object {
    return {};
  }

  destroy(): void {
    this.#closed = true;
    // Those that wait for a socket would get one from an agent that lost its own, and the SDK would repeat the others.
    for (const sent of this.#unanswered) sent.destroy(closed());
    for (const agents of [this.#short, this.#waiting]) {
      agents['http:'].destroy();
      agents['https:'].destroy();
    }
  }
}
