/** Requests as they are written here, with a real token: for what no well-behaved client would send. */
import { createSign } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Default: the real one. Null sends none. */
  readonly token?: string | null;
}

export interface Refused {
  readonly status: number;
  /** The reason of a JSON error, the Code of an XML one, the error of the token endpoint. */
  readonly reason: string;
}

export type Claims = Readonly<Record<string, unknown>>;

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export class RawClient {
  readonly #server: GcsContractServer;
  #token: string | undefined;

  constructor(server: GcsContractServer) {
    this.#server = server;
  }

  /** A signed assertion; the claims given replace the right ones. */
  assertion(claims: Claims = {}, head: Claims = { alg: 'RS256', typ: 'JWT' }): string {
    const { client_email: iss, private_key: key } = this.#server.key;
    const iat = Math.floor(Date.now() / 1000);
    const right = {
      iss,
      aud: 'https://oauth2.googleapis.com/token',
      scope: 'https://www.googleapis.com/auth/devstorage.read_write',
      iat,
      exp: iat + 3600,
    };
    const signed = `${part(head)}.${part({ ...right, ...claims })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
  }

  grant(assertion: string): Promise<Response> {
    const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
    return fetch(`${this.#server.origin}/token`, { method: 'POST', body });
  }

  async token(): Promise<string> {
    if (this.#token === undefined) {
      const answer = (await (await this.grant(this.assertion())).json()) as { access_token: string };
      this.#token = answer.access_token;
    }
    return this.#token;
  }

  /** @param path below the origin, or a whole URL */
  async send(path: string, request: RawRequest = {}): Promise<Response> {
    const { method = 'GET', headers = {}, body, token = await this.token() } = request;
    return fetch(new URL(path, this.#server.origin), {
      method,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
      body,
      redirect: 'manual',
    });
  }

  async refused(path: string, request: RawRequest = {}): Promise<Refused> {
    return refusalOf(await this.send(path, request));
  }

  /** Begins a resumable upload. @returns the session URI */
  async session(bucket: string, name: string, query = '', headers: Record<string, string> = {}): Promise<string> {
    const path = `/upload/storage/v1/b/${bucket}/o?uploadType=resumable&name=${encodeURIComponent(name)}${query}`;
    const response = await this.send(path, { method: 'POST', headers });
    return response.headers.get('location')!;
  }
}

/** Takes an upload back. fetch() sends no Content-Length with DELETE, which the service wants. @returns the status */
export function cancel(uri: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    httpRequest(uri, { method: 'DELETE', headers: { 'content-length': '0' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}

export async function refusalOf(response: Response): Promise<Refused> {
  const text = await response.text();
  const xml = /<Code>([^<]+)<\/Code>/.exec(text)?.[1];
  if (xml !== undefined) return { status: response.status, reason: xml };
  try {
    const { error } = JSON.parse(text) as { error: string | { errors: { reason: string }[] } };
    return { status: response.status, reason: typeof error === 'string' ? error : error.errors[0]!.reason };
  } catch {
    return { status: response.status, reason: text };
  }
}
