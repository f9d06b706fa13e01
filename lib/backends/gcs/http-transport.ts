/** One HTTP exchange at a time over kept-alive sockets: raw bytes, idle timeout, abort, nothing held when left unread. */
import * as http from 'node:http';
import * as https from 'node:https';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Held bytes, so that a request can be sent again. Its Content-Length is set from it. */
  readonly body?: readonly Uint8Array[];
  readonly signal?: AbortSignal;
}

/** The response's stream must be consumed or destroyed. */
export type HttpResponse = http.IncomingMessage & { readonly statusCode: number };

/** The other side was silent for too long. */
export class IdleTimeoutError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(seconds: number) {
    super(`no byte in ${seconds} seconds`);
    this.name = 'IdleTimeoutError';
  }
}

/** The server closed a kept-alive socket while the request was on its way; most likely it never looked at it. */
export class StaleSocketError extends Error {
  readonly code = 'ECONNRESET';
}

export class HttpTransport {
  readonly #idleSeconds: number;
  readonly #given: http.Agent | undefined;
  readonly #agents: { readonly 'http:': http.Agent; readonly 'https:': https.Agent };

  /** @param idleSeconds silence after which an exchange fails with IdleTimeoutError */
  constructor(idleSeconds: number, agent?: http.Agent) {
    this.#idleSeconds = idleSeconds;
    this.#given = agent;
    // The agent's timeout also covers the time until a socket is connected, which a request's own does not.
    const settings = { keepAlive: true, timeout: idleSeconds * 1000 };
    this.#agents = { 'http:': new http.Agent(settings), 'https:': new https.Agent(settings) };
  }

  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  /** @throws StaleSocketError, IdleTimeoutError, or the network's error */
  exchange(request: HttpRequest): Promise<HttpResponse> {
    const { url, method, signal, body = [] } = request;
    const length = body.reduce((sum, part) => sum + part.byteLength, 0);
    // The service wants the length of every request that could have a body, DELETE of an upload session included.
    const bodiless = body.length === 0 && (method === 'GET' || method === 'HEAD');
    const headers = bodiless ? request.headers : { ...request.headers, 'content-length': String(length) };
    const secure = url.protocol === 'https:';
    const agent = this.#given ?? this.#agents[secure ? 'https:' : 'http:'];
    return new Promise((resolve, reject) => {
      const sent = (secure ? https : http).request(url, { method, headers, agent, signal });
      let response: http.IncomingMessage | undefined;
      sent.on('timeout', () => {
        // A reader that takes its time is no silence of the server's.
        const waiting = response !== undefined && (response.complete || response.readableLength > 0);
        if (waiting) sent.socket?.setTimeout(this.#idleSeconds * 1000);
        else (response ?? sent).destroy(new IdleTimeoutError(this.#idleSeconds));
      });
      sent.setTimeout(this.#idleSeconds * 1000);
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const stale = sent.reusedSocket && !response && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        reject(stale ? new StaleSocketError(error.message, { cause: error }) : error);
      });
      sent.on('response', (answer) => {
        response = answer;
        resolve(answer as HttpResponse);
      });
      for (const part of body) sent.write(part);
      sent.end();
    });
  }
}
