/** Set-ups that need no server of their own, and what is wrong with each. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { DiagnoseOptions } from '../../lib/doctor/index.js';
import { StorageModule } from '../../lib/storage.module.js';
import { URL_SECRET } from './diagnosed.js';

export const urls = { secret: URL_SECRET };
export const S3_SECRET = 'an+S3/secret-that-nobody-may-read=';
const ends: (() => unknown)[] = [];

/** Puts away what the set-ups of a test made. */
export async function putAway(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

export async function folder(): Promise<string> {
  const path = await fs.mkdtemp(join(tmpdir(), 'doctor-'));
  ends.push(() => fs.rm(path, { recursive: true, force: true }));
  return path;
}

export async function listening(server: net.Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A port on which nobody listens any more. */
export async function freedPort(): Promise<string> {
  const server = net.createServer();
  const address = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return address;
}

/** @param settings of TLS beside the certificate, which nobody signed */
export async function tlsServer(settings: TlsOptions = {}): Promise<Server> {
  const path = await folder();
  const [key, cert] = [join(path, 'key.pem'), join(path, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-newkey', 'rsa:2048'];
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return createTlsServer({ key: await fs.readFile(key), cert: await fs.readFile(cert), ...settings }, (_, response) =>
    response.end(),
  );
}

/** An app that serves a folder by signed routes. @returns base URL of the routes */
export async function appOn(root: string, secret = URL_SECRET): Promise<string> {
  const storage = StorageModule.forRoot({ env: {}, backend: 'local', local: { root }, urls: { secret } });
  const module = await Test.createTestingModule({ imports: [storage] }).compile();
  const app: INestApplication = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  ends.push(() => app.close());
  return `${await app.getUrl()}/files`;
}

export const local = async (more: DiagnoseOptions = {}): Promise<DiagnoseOptions> => ({
  env: {},
  backend: 'local',
  local: { root: await folder() },
  urls,
  ...more,
});

export const s3 = (endpoint: string, more: DiagnoseOptions = {}): DiagnoseOptions => ({
  env: {},
  backend: 's3',
  s3: { bucket: 'uploads', endpoint, credentials: { accessKeyId: 'an-access-key-id', secretAccessKey: S3_SECRET } },
  ...more,
});

/** The certificate is of RSA, so that no cipher for one of ECDSA will do. */
const NO_COMMON_CIPHER: TlsOptions = { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' };
const OLD_TLS: TlsOptions = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1.1' };

const HTML = { 'content-type': 'text/html' };
const PAGE = '<html><head><title>Hello</title></head><body><h1>Hello</h1></body></html>';

/** Endpoints of S3 at which something else answers. [what answers, cause, status, body, headers] */
const WEBSITES: readonly (readonly [string, RegExp, number, string, Readonly<Record<string, string>>])[] = [
  ['a console in place of S3', /is no S3 service/, 200, '<p>Console<br>', HTML],
  ['a website in place of S3', /is no S3 service, or its path is another one \(status 404\)/, 404, PAGE, HTML],
  ['an ingress in place of S3', /is no S3 service, or its path is another one \(status 404\)/, 404, '', {}],
  [
    'an ingress with broken HTML',
    /is no S3 service, or its path is another one \(status 404\)/,
    404,
    '<p>No<br>',
    HTML,
  ],
  ['a web server that wants TLS', /sending elsewhere \(301\)/, 301, PAGE, { ...HTML, location: 'https://s3.invalid/' }],
  ['a firewall before S3', /refuses with status 403 before S3 does/, 403, PAGE, HTML],
  ['a guard before S3', /refuses with status 401 before S3 does/, 401, '', {}],
  ['a proxy before an S3 that does not run', /failed with status 502/, 502, PAGE, HTML],
  ['a server that takes no GET', /is no S3 service, or its path is another one \(status 405\)/, 405, PAGE, HTML],
];

/** [what is broken, step, cause, set-up] */
export const BROKEN: readonly (readonly [string, string, RegExp, () => Promise<DiagnoseOptions>])[] = [
  [
    'no backend in production',
    'settings',
    /no backend is configured, and keeping files in memory is refused/i,
    async () => ({ env: { NODE_ENV: 'production' } }),
  ],
  [
    'a backend that does not exist',
    'settings',
    /STORAGE_BACKEND must be one of local, s3/,
    async () => ({ env: { STORAGE_BACKEND: 'ftp' } }),
  ],
  [
    'an option with a slip in its name',
    'settings',
    /There is no option local\.rot/,
    async () => ({ env: {}, backend: 'local', local: { rot: '/tmp' } as object }),
  ],
  [
    'no bucket named',
    'settings',
    /STORAGE_S3_BUCKET .*is not set/,
    async () => ({ env: { STORAGE_BACKEND: 's3', STORAGE_S3_SECRET_KEY: S3_SECRET, STORAGE_S3_ACCESS_KEY: 'abcd' } }),
  ],
  [
    'a key without its secret',
    'settings',
    /STORAGE_AVATARS_S3_SECRET_KEY is not set, and STORAGE_AVATARS_S3_ACCESS_KEY is/,
    async () => ({
      envPrefix: 'STORAGE_AVATARS_',
      env: { STORAGE_AVATARS_S3_BUCKET: 'uploads', STORAGE_AVATARS_S3_ACCESS_KEY: 'an-access-key-id' },
    }),
  ],
  [
    'a Cloudinary URL with a slip',
    'settings',
    /CLOUDINARY_URL lacks the API key, the secret or the cloud name/,
    async () => ({ env: { STORAGE_BACKEND: 'cloudinary', CLOUDINARY_URL: 'cloudinary://only-one-part@cloud' } }),
  ],
  [
    'credentials of Google that are no JSON',
    'settings',
    /credentials are not JSON/,
    async () => ({ env: { STORAGE_GCS_BUCKET: 'uploads', STORAGE_GCS_CREDENTIALS: '{"private_key": "cut off' } }),
  ],
  [
    'no URL secret in production',
    'backend',
    /STORAGE_URL_SECRET is not set, and a generated secret is refused/,
    () => local({ urls: {}, strict: true }),
  ],
  [
    'a URL secret that is too short',
    'settings',
    /urls\.secret must have at least 32 bytes/,
    () => local({ urls: { secret: 'too-short' } }),
  ],
  [
    'a base URL with a query',
    'settings',
    /urls\.baseUrl must have no query and no fragment/,
    () => local({ urls: { ...urls, baseUrl: 'http://127.0.0.1/files?token=x' } }),
  ],
  [
    'a root that is a file',
    'folder',
    /is a file/,
    async () => {
      const path = join(await folder(), 'file');
      await fs.writeFile(path, '');
      return local({ local: { root: path } });
    },
  ],
  [
    'a root below a file',
    'folder',
    /something above it is a file/,
    async () => {
      const path = join(await folder(), 'file');
      await fs.writeFile(path, '');
      return local({ local: { root: join(path, 'uploads') } });
    },
  ],
  [
    'a store of a later version',
    'folder',
    /layout that this version does not know/,
    async () => {
      const root = await folder();
      await fs.mkdir(join(root, '.nestjs-storage'));
      await fs.writeFile(join(root, '.nestjs-storage/layout.json'), '{"version":99,"id":"x"}');
      return local({ local: { root } });
    },
  ],
  [
    'a base URL at which nothing listens',
    'url',
    /Links lead nowhere\. Nothing listens at http:\/\/127\.0\.0\.1:\d+/,
    async () => local({ urls: { ...urls, baseUrl: `http://${await freedPort()}/files` } }),
  ],
  [
    'a base URL that takes connections and never answers',
    'url',
    /^Links lead nowhere\. There was no answer from http:\/\/127\.0\.0\.1:\d+ within 0\.5 seconds/,
    async () =>
      local({ urls: { ...urls, baseUrl: `http://${await listening(net.createServer())}/files` }, timeout: 0.5 }),
  ],
  [
    'a base URL with a port that browsers refuse',
    'url',
    /Browsers refuse the port of http:\/\/127\.0\.0\.1:6000/,
    () => local({ urls: { ...urls, baseUrl: 'http://127.0.0.1:6000/files' } }),
  ],
  [
    'a base URL of a host that does not exist',
    'url',
    /Links lead nowhere\. (?:The host name of|No name server answers for the host name of) files\.invalid/,
    () => local({ urls: { ...urls, baseUrl: 'http://files.invalid/files' } }),
  ],
  [
    'a base URL of something else',
    'url',
    /has no signed routes under the path of the links/,
    async () => {
      const other = createServer((_, response) => response.writeHead(404).end('<h1>Not here</h1>'));
      return local({ urls: { ...urls, baseUrl: `http://${await listening(other)}/files` } });
    },
  ],
  [
    'a base URL with the wrong path',
    'url',
    /has no signed routes under the path of the links/,
    async () => {
      const root = await folder();
      return local({ local: { root }, urls: { ...urls, baseUrl: `${await appOn(root)}/more` } });
    },
  ],
  [
    'an app with another URL secret',
    'url',
    /refuses the link: it has another URL secret/,
    async () => {
      const root = await folder();
      const baseUrl = await appOn(root, 'another-secret-of-the-app-0123456789abcdef');
      return local({ local: { root }, urls: { ...urls, baseUrl } });
    },
  ],
  [
    'an app on another folder',
    'url',
    /knows the link, but not the object: it keeps its files somewhere else/,
    async () => local({ urls: { ...urls, baseUrl: await appOn(await folder()) } }),
  ],
  [
    'a guard before the routes',
    'url',
    /refuses the link before the signed routes see it/,
    async () => {
      const guard = createServer((_, response) => response.writeHead(401).end('{"statusCode":401}'));
      return local({ urls: { ...urls, baseUrl: `http://${await listening(guard)}/files` } });
    },
  ],
  [
    'a base URL that sends elsewhere',
    'url',
    /sending elsewhere \(308\)/,
    async () => {
      const sending = createServer((_, response) =>
        response.writeHead(308, { location: 'https://files.invalid/' }).end(),
      );
      return local({ urls: { ...urls, baseUrl: `http://${await listening(sending)}/files` } });
    },
  ],
  [
    'a proxy before an app that does not run',
    'url',
    /failed with status 502/,
    async () => {
      const proxy = createServer((_, response) => response.writeHead(502).end('Bad gateway'));
      return local({ urls: { ...urls, baseUrl: `http://${await listening(proxy)}/files` } });
    },
  ],
  [
    'something that gives other bytes',
    'url',
    /The link gave back something else than was written/,
    async () => {
      const page = createServer((_, response) => response.end('<h1>Welcome</h1>'));
      return local({ urls: { ...urls, baseUrl: `http://${await listening(page)}/files` } });
    },
  ],
  [
    'memory that is full',
    'write',
    /no room left/,
    async () => ({ env: {}, backend: 'memory', memory: { maxBytes: 10 }, urls }),
  ],
  [
    'an endpoint at which nothing listens',
    'reach',
    /Nothing listens at http:\/\/127\.0\.0\.1:\d+: the connection was refused/,
    async () => s3(`http://${await freedPort()}`),
  ],
  [
    'an endpoint of a host that does not exist',
    'reach',
    /host name of store\.invalid/,
    async () => s3('http://store.invalid'),
  ],
  [
    'TLS to a plain port',
    'reach',
    /speaks plain HTTP, and was spoken to in TLS/,
    async () => s3(`https://${await listening(createServer((_, response) => response.end()))}`),
  ],
  [
    'plain HTTP to a TLS port',
    'reach',
    /speaks TLS, and was spoken to in plain HTTP/,
    async () => s3(`http://${await listening(await tlsServer())}`),
  ],
  [
    'a certificate that nobody signed',
    'reach',
    /certificate of 127\.0\.0\.1:\d+ is signed by nobody/,
    async () => s3(`https://${await listening(await tlsServer())}`),
  ],
  [
    'a TLS server without a common cipher',
    'reach',
    /agree on no TLS version, cipher or client certificate \(.*handshake failure\)/,
    async () => s3(`https://${await listening(await tlsServer(NO_COMMON_CIPHER))}`),
  ],
  [
    'a TLS server of old versions alone',
    'reach',
    /agree on no TLS version, cipher or client certificate \(.*protocol version\)/,
    async () => s3(`https://${await listening(await tlsServer(OLD_TLS))}`),
  ],
  [
    'a TLS server that wants a certificate of its clients',
    'reach',
    /agree on no TLS version, cipher or client certificate \(/,
    async () => s3(`https://${await listening(await tlsServer({ requestCert: true, maxVersion: 'TLSv1.2' }))}`),
  ],
  [
    'links to a TLS server without a common cipher',
    'url',
    /^Links lead nowhere\. TLS with 127\.0\.0\.1:\d+ fails: the two sides agree on no TLS version, cipher/,
    async () =>
      local({ urls: { ...urls, baseUrl: `https://${await listening(await tlsServer(NO_COMMON_CIPHER))}/files` } }),
  ],
  [
    'plain HTTP to a TLS server without a common cipher',
    'reach',
    /speaks TLS, and was spoken to in plain HTTP/,
    async () => s3(`http://${await listening(await tlsServer(NO_COMMON_CIPHER))}`),
  ],
  [
    'a port that does not speak HTTP',
    'reach',
    /does not speak HTTP/,
    async () => s3(`http://${await listening(net.createServer((socket) => socket.write('SSH-2.0-OpenSSH\r\n')))}`),
  ],
  [
    'an endpoint that never answers',
    'reach',
    /no answer from http:\/\/127\.0\.0\.1:\d+ within 0\.5 seconds/,
    async () => s3(`http://${await listening(net.createServer())}`, { timeout: 0.5 }),
  ],
  [
    'an endpoint that closes at once',
    'reach',
    /closed the connection without an answer/,
    async () => s3(`http://${await listening(net.createServer((socket) => socket.destroy()))}`),
  ],
  ...WEBSITES.map(
    ([what, cause, status, body, headers]) =>
      [
        what,
        'access',
        cause,
        async () => {
          const site = createServer((_, response) => response.writeHead(status, headers).end(body));
          const options = s3(`http://${await listening(site)}`);
          return { ...options, s3: { ...options.s3, maxAttempts: 1 } };
        },
      ] as const,
  ),
];
