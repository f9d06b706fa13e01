/** A token service (STS) and an S3 service that believe each other's keys, and an app between them in its own process. */
import { spawn } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { builtLibrary } from '../support/build-library.mjs';

export const ROLE = 'arn:aws:iam::123456789012:role/uploads';
const REGION = 'eu-west-1';
const APP = fileURLToPath(new URL('s3-web-identity-app.mjs', import.meta.url));

/** Credentials as the token service gave them. */
export interface Issued {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
  /** The web identity token that they were given for. */
  readonly token: string;
}

/** A request that the S3 service took, and the credentials that it proved to be signed with. */
export interface Stored {
  readonly path: string;
  readonly body: string;
  readonly signedBy: Issued;
  /** When it came in. */
  readonly at: Date;
}

export interface Answered {
  readonly done?: string;
  readonly failed?: {
    readonly name: string;
    readonly code: string;
    readonly operation: string;
    readonly message: string;
  };
}

async function listening(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/**
 * The signature that a request must have, from the description of Signature Version 4:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
function signatureOf(request: IncomingMessage, signedHeaders: string, secretAccessKey: string): string {
  const { pathname, searchParams } = new URL(request.url!, 'http://s3');
  const { headers } = request;
  const query = [...searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const canonical = [
    request.method,
    pathname,
    query,
    ...signedHeaders.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signedHeaders,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const time = String(headers['x-amz-date']);
  const scope = [time.slice(0, 8), REGION, 's3', 'aws4_request'];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(canonical)].join('\n')).toString('hex');
}

/** The token service of AWS, as far as AssumeRoleWithWebIdentity goes. */
export class TokenService {
  readonly issued: Issued[] = [];
  /** The one token that it takes. */
  token = 'first-token';
  /** Of the credentials that it gives, in milliseconds. */
  life = 3_600_000;
  /** The code of the error that it answers instead. */
  refusal: string | undefined;
  #server: Server | undefined;
  url = '';

  async start(): Promise<void> {
    ({ server: this.#server, url: this.url } = await listening(async (request, response) => {
      const asked = new URLSearchParams(await text(request));
      const refusal = this.#refusalOf(request, asked);
      response.setHeader('content-type', 'text/xml');
      if (refusal === undefined) response.end(this.#issue());
      else {
        const error = `<Error><Type>Sender</Type><Code>${refusal}</Code><Message>refused by the test</Message></Error>`;
        response.writeHead(refusal === 'AccessDenied' ? 403 : 400).end(`<ErrorResponse>${error}</ErrorResponse>`);
      }
    }));
  }

  close(): Promise<void> {
    return closed(this.#server!);
  }

  #refusalOf({ method, headers }: IncomingMessage, asked: URLSearchParams): string | undefined {
    const isCall =
      method === 'POST' && asked.get('Action') === 'AssumeRoleWithWebIdentity' && asked.has('RoleSessionName');
    // Who asks this has no keys yet.
    if (!isCall || headers.authorization !== undefined) return 'ValidationError';
    if (asked.get('RoleArn') !== ROLE) return 'AccessDenied';
    return asked.get('WebIdentityToken') === this.token ? this.refusal : 'InvalidIdentityToken';
  }

  #issue(): string {
    const count = this.issued.length + 1;
    const given: Issued = {
      accessKeyId: `ASIATEST${count}`,
      secretAccessKey: `secret/${count}+`,
      sessionToken: `session/${count}==`,
      expiration: new Date(Date.now() + this.life),
      token: this.token,
    };
    this.issued.push(given);
    const credentials =
      `<AccessKeyId>${given.accessKeyId}</AccessKeyId><SecretAccessKey>${given.secretAccessKey}</SecretAccessKey>` +
      `<SessionToken>${given.sessionToken}</SessionToken><Expiration>${given.expiration.toISOString()}</Expiration>`;
    return (
      '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' +
      `<AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult>` +
      '</AssumeRoleWithWebIdentityResponse>'
    );
  }
}

/** A bucket that takes what is signed with credentials of the token service, and nothing else. */
export class SignedBucket {
  readonly stored: Stored[] = [];
  readonly refused: string[] = [];
  readonly #tokens: TokenService;
  #server: Server | undefined;
  url = '';

  constructor(tokens: TokenService) {
    this.#tokens = tokens;
  }

  async start(): Promise<void> {
    ({ server: this.#server, url: this.url } = await listening(async (request, response) => {
      const at = new Date();
      const body = await text(request);
      const signedBy = this.#signerOf(request);
      if (signedBy === undefined) {
        this.refused.push(`${request.method} ${request.url}`);
        response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
        return;
      }
      this.stored.push({ path: new URL(request.url!, this.url).pathname, body, signedBy, at });
      response.setHeader('etag', '"e"').end();
    }));
  }

  close(): Promise<void> {
    return closed(this.#server!);
  }

  #signerOf(request: IncomingMessage): Issued | undefined {
    const [, accessKeyId, signedHeaders, signature] =
      /Credential=([^/]+)\/.*SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(request.headers.authorization ?? '') ?? [];
    const found = this.#tokens.issued.find((given) => given.accessKeyId === accessKeyId);
    if (!found || request.headers['x-amz-security-token'] !== found.sessionToken) return undefined;
    if (!signedHeaders!.split(';').includes('x-amz-security-token')) return undefined;
    return signatureOf(request, signedHeaders!, found.secretAccessKey) === signature ? found : undefined;
  }
}

/** The app, with nothing in its environment but what a pod with a service account has. */
export class WebIdentityApp {
  readonly #child;
  readonly #answers: AsyncIterator<string>;

  constructor(folder: string, bucket: SignedBucket, tokens: TokenService, tokenFile = join(folder, 'token')) {
    const nowhere = join(folder, 'no-such-file');
    this.#child = spawn(process.execPath, [APP], {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        LIBRARY: builtLibrary.href,
        STORAGE_BACKEND: 's3',
        STORAGE_S3_BUCKET: 'bucket',
        STORAGE_S3_REGION: REGION,
        STORAGE_S3_ENDPOINT: bucket.url,
        AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
        AWS_ROLE_ARN: ROLE,
        AWS_ENDPOINT_URL_STS: tokens.url,
        AWS_CONFIG_FILE: nowhere,
        AWS_SHARED_CREDENTIALS_FILE: nowhere,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async do(verb: 'put' | 'url', key: string): Promise<Answered> {
    this.#child.stdin.write(`${verb} ${key}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the app ended without an answer');
    return JSON.parse(value) as Answered;
  }

  /** @returns its exit code; null where it did not end by itself */
  async close(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    this.#child.stdin.end();
    const stuck = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    const [code] = (await once(this.#child, 'exit')) as [number | null];
    clearTimeout(stuck);
    return code;
  }
}

/** As Kubernetes renews it: in one step. */
export async function writeToken(folder: string, token: string): Promise<void> {
  await writeFile(join(folder, 'token.new'), token);
  await rename(join(folder, 'token.new'), join(folder, 'token'));
}
