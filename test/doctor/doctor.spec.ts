/** The doctor on set-ups that need no server of their own: what it names, what it leaves alone, what it leaves behind. */
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { StorageError } from '../../lib/contract/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { diagnoseStorage, DIAGNOSIS_STEPS, type DiagnoseOptions, type DiagnosisStep } from '../../lib/doctor/index.js';
import { StorageModule } from '../../lib/storage.module.js';
import { createStorage } from '../../lib/create-storage.js';
import { expectCause, expectGood, expectNoSecret, failedStep, tell, URL_SECRET } from './diagnosed.js';

const urls = { secret: URL_SECRET };
const S3_SECRET = 'an+S3/secret-that-nobody-may-read=';
const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function folder(): Promise<string> {
  const path = await fs.mkdtemp(join(tmpdir(), 'doctor-'));
  ends.push(() => fs.rm(path, { recursive: true, force: true }));
  return path;
}

async function listening(server: net.Server): Promise<string> {
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
async function freedPort(): Promise<string> {
  const server = net.createServer();
  const address = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return address;
}

async function tlsServer(): Promise<Server> {
  const path = await folder();
  const [key, cert] = [join(path, 'key.pem'), join(path, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes', '-newkey', 'rsa:2048'];
  execFileSync('openssl', ['req', '-x509', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return createTlsServer({ key: await fs.readFile(key), cert: await fs.readFile(cert) }, (_, response) =>
    response.end(),
  );
}

/** An app that serves a folder by signed routes. @returns base URL of the routes */
async function appOn(root: string, secret = URL_SECRET): Promise<string> {
  const storage = StorageModule.forRoot({ env: {}, backend: 'local', local: { root }, urls: { secret } });
  const module = await Test.createTestingModule({ imports: [storage] }).compile();
  const app: INestApplication = module.createNestApplication({ logger: false });
  await app.listen(0, '127.0.0.1');
  ends.push(() => app.close());
  return `${await app.getUrl()}/files`;
}

const local = async (more: DiagnoseOptions = {}): Promise<DiagnoseOptions> => ({
  env: {},
  backend: 'local',
  local: { root: await folder() },
  urls,
  ...more,
});

const s3 = (endpoint: string, more: DiagnoseOptions = {}): DiagnoseOptions => ({
  env: {},
  backend: 's3',
  s3: { bucket: 'uploads', endpoint, credentials: { accessKeyId: 'an-access-key-id', secretAccessKey: S3_SECRET } },
  ...more,
});

/** [what is broken, step, cause, set-up] */
const BROKEN: readonly (readonly [string, string, RegExp, () => Promise<DiagnoseOptions>])[] = [
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
  [
    'an endpoint that is no S3 service',
    'access',
    /is no S3 service/,
    async () => {
      const page = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>Console<br>'));
      return s3(`http://${await listening(page)}`);
    },
  ],
];

const SECRETS = [URL_SECRET, S3_SECRET, 'an-access-key-id', 'only-one-part', 'too-short', 'token=x', 'cut off'];

async function leftIn(root: string | undefined): Promise<string[]> {
  if (root === undefined) return [];
  const names = await fs.readdir(root, { recursive: true }).catch(() => []);
  return names.filter((name) => /doctor|\/tmp\/./.test(name));
}

const WRITE_STEPS = ['write', 'read', 'range', 'list'];

describe('a broken set-up', () => {
  it.each(BROKEN)('%s: fails at %s and says %s', async (_, id, cause, make) => {
    const options = await make();
    const diagnosis = await diagnoseStorage(options);
    expectCause(diagnosis, id, cause);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftIn(options.local?.root)).toEqual([]);
  });

  afterAll(() => tell(`${BROKEN.length} broken set-ups without a server of their own`));
});

describe('a good set-up', () => {
  it('on local passes, with links that an app serves', async () => {
    const root = await folder();
    const diagnosis = await diagnoseStorage(
      await local({ local: { root }, urls: { ...urls, baseUrl: await appOn(root) } }),
    );
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'url', 'upload-url', 'delete']);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftIn(root)).toEqual([]);
    const storage = await createStorage({ env: {}, backend: 'local', local: { root } });
    expect(await storage.listKeys()).toEqual([]);
    await storage.close();
  });

  it('on local passes where the folder is not there yet, and does not make it', async () => {
    const above = await folder();
    const diagnosis = await diagnoseStorage(await local({ local: { root: join(above, 'deep/uploads') } }));
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'delete']);
    expect(await fs.readdir(above)).toEqual([]);
  });

  it('of its own prefix, name, strict keys and a tenant scope passes', async () => {
    const root = await folder();
    const env = { STORAGE_DOCS_BACKEND: 'local', STORAGE_DOCS_BASE_PATH: root, STORAGE_URL_SECRET: URL_SECRET };
    const diagnosis = await diagnoseStorage({
      env,
      envPrefix: 'STORAGE_DOCS_',
      name: 'docs',
      strictKeys: true,
      maxFileSize: 100,
      scope: () => undefined,
    });
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'delete']);
    expect(diagnosis).toMatchObject({
      storage: 'docs',
      backend: 'local',
      reason: 'STORAGE_DOCS_BACKEND says so',
      steps: expect.arrayContaining([expect.objectContaining({ id: 'write', detail: '100 bytes' })]),
    });
    expectNoSecret(diagnosis, SECRETS);
  });

  it('in memory passes, and says why its links are not tried', async () => {
    const diagnosis = await diagnoseStorage({ env: { STORAGE_BACKEND: 'memory' }, urls });
    expectGood(diagnosis, ['settings', 'backend', ...WRITE_STEPS, 'delete']);
    expect(diagnosis.steps.find(({ id }) => id === 'url')).toMatchObject({
      outcome: 'skipped',
      detail: expect.stringMatching(/seen by the process that wrote them alone/),
    });
  });

  it('of a backend that was handed in passes, and the backend stays open', async () => {
    const backend = new MemoryBackend();
    let closed = 0;
    backend.close = async () => void closed++;
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls });
    expectGood(diagnosis, ['settings', 'backend', 'access', ...WRITE_STEPS, 'delete']);
    expect(closed).toBe(0);
    expect((await backend.list({ prefix: '', limit: 10 })).objects).toEqual([]);
  });

  it('in production of an app without signed routes passes without their secret', async () => {
    const backend = new MemoryBackend();
    const diagnosis = await diagnoseStorage({ env: { NODE_ENV: 'production' }, backend, signedRoutes: false });
    expectGood(diagnosis, ['settings', 'backend', 'access', ...WRITE_STEPS, 'delete']);
    expect(diagnosis.steps.find(({ id }) => id === 'url')).toMatchObject({
      detail: 'the store makes no links, and the app has no signed routes',
    });
  });

  it('that is read-only passes by reading what is there, and changes nothing', async () => {
    const root = await folder();
    const writer = await createStorage({ env: {}, backend: 'local', local: { root } });
    await writer.put('report.txt', 'what was there before');
    const baseUrl = await appOn(root);
    const diagnosis = await diagnoseStorage(
      await local({ local: { root }, readOnly: true, urls: { ...urls, baseUrl } }),
    );
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'read', 'range', 'list', 'url']);
    expect(await writer.listKeys()).toEqual(['report.txt']);
    await writer.close();
  });

  it('that is read-only and empty passes, with nothing to try', async () => {
    const diagnosis = await diagnoseStorage(await local({ readOnly: true }));
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'list']);
  });
});

describe('what works and is likely not meant', () => {
  it.each<readonly [string, DiagnoseOptions, string, RegExp]>([
    ['the fallback to memory', { env: {}, urls }, 'settings', /kept in memory and are lost/],
    ['a generated URL secret', { env: { STORAGE_BACKEND: 'memory' } }, 'backend', /STORAGE_URL_SECRET is not set/],
    [
      'a default expiry over the maximum',
      { env: { STORAGE_BACKEND: 'memory', STORAGE_URL_EXPIRATION: '2592000' }, urls },
      'settings',
      /live for 2592000 seconds, over the maximum of 604800/,
    ],
    [
      'links to this machine in production',
      {
        env: { STORAGE_BACKEND: 'memory', NODE_ENV: 'production', STORAGE_BASE_URL: 'http://localhost:3000/files' },
        urls,
      },
      'settings',
      /lead to this machine itself/,
    ],
  ])('is a warning: %s', async (_, options, id, cause) => {
    const { ok, steps } = await diagnoseStorage(options);
    const warned = steps.filter(({ outcome }) => outcome === 'warned');
    expect(warned).toEqual([expect.objectContaining({ id, cause: expect.stringMatching(cause) })]);
    expect(warned[0]!.advice).toMatch(/\w/);
    expect(ok).toBe(true);
  });

  it('is a warning: variables of two backends', async () => {
    const CLOUDINARY_URL = 'cloudinary://key-of-it:secret-of-it@cloud';
    const diagnosis = await diagnoseStorage({
      env: { RAILWAY_VOLUME_MOUNT_PATH: await folder(), CLOUDINARY_URL },
      urls,
    });
    expect(diagnosis).toMatchObject({ ok: true, backend: 'local' });
    expect(diagnosis.steps[0]).toMatchObject({
      outcome: 'warned',
      cause: expect.stringMatching(/Variables of other backends are set too: cloudinary \(CLOUDINARY_URL\)/),
      advice: expect.stringMatching(/Set STORAGE_BACKEND/),
    });
    expectNoSecret(diagnosis, ['key-of-it', 'secret-of-it']);
  });
});

describe('the guide', () => {
  it('lists every step, in order, and names causes at steps that there are', async () => {
    const guide = await fs.readFile(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
    const [tried, named] = ['## What it tries', '## What it names'].map((heading) =>
      [
        ...guide
          .slice(guide.indexOf(heading))
          .split(/^## /m)[1]!
          .matchAll(/^\| `([\w-]+)` /gm),
      ].map(([, id]) => id),
    );
    expect(tried).toEqual(DIAGNOSIS_STEPS);
    const ids: readonly string[] = DIAGNOSIS_STEPS;
    expect(named!.length).toBeGreaterThan(10);
    expect(named!.map((id) => ids.indexOf(id!))).toEqual(named!.map((id) => ids.indexOf(id!)).sort((a, b) => a - b));
    expect(named!.every((id) => ids.includes(id!))).toBe(true);
  });
});

describe('a diagnosis', () => {
  it('tells each step as it ends, in order, with its time', async () => {
    const seen: DiagnosisStep[] = [];
    const diagnosis = await diagnoseStorage(await local({ onStep: (step) => void seen.push(step) }));
    expect(seen).toEqual(diagnosis.steps);
    const order = seen.map(({ id }) => DIAGNOSIS_STEPS.indexOf(id));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    for (const { seconds, title } of seen) {
      expect(seconds).toBeGreaterThanOrEqual(0);
      expect(title).toMatch(/^[A-Z]/);
    }
    expect(diagnosis.seconds).toBeGreaterThan(0);
  });

  it('skips what stands on a failed step and says on which', async () => {
    const diagnosis = await diagnoseStorage(s3(`http://${await freedPort()}`));
    const after = diagnosis.steps.slice(diagnosis.steps.indexOf(failedStep(diagnosis)) + 1);
    expect(after.map(({ id }) => id)).toContain('write');
    for (const { id, outcome, detail } of after) {
      expect(outcome).toBe('skipped');
      expect(detail).toBe(id === 'delete' ? 'nothing was written' : 'not tried, since "Reach the store" failed');
    }
  });

  it.each(['write', 'read', 'list', 'url'])('that is stopped after %s removes what it wrote', async (last) => {
    const root = await folder();
    const stop = new AbortController();
    const diagnosis = await diagnoseStorage(
      await local({
        local: { root },
        signal: stop.signal,
        onStep: ({ id }) => {
          if (id === last) stop.abort();
        },
      }),
    );
    expect(diagnosis.ok).toBe(false);
    const at = diagnosis.steps.findIndex(({ id }) => id === last);
    const after = diagnosis.steps.slice(at + 1);
    expect(after.at(-1)).toMatchObject({ id: 'delete', outcome: 'passed' });
    expect(new Set(after.slice(0, -1).map(({ detail }) => detail))).toEqual(new Set(['the diagnosis was stopped']));
    expect(await leftIn(root)).toEqual([]);
  });

  it('that is stopped while a store is silent ends at once', async () => {
    const silent = await listening(net.createServer());
    const began = performance.now();
    const diagnosis = await diagnoseStorage(s3(`http://${silent}`, { signal: AbortSignal.timeout(200), timeout: 60 }));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(diagnosis.ok).toBe(false);
    expect(diagnosis.steps.every(({ outcome }) => outcome !== 'failed')).toBe(true);
  });

  it('removes what it wrote where the store loses it in between', async () => {
    const backend = new MemoryBackend();
    backend.open = async () => Promise.reject(new Error('the connection to secret-of-it broke'));
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls: { secret: URL_SECRET } });
    expectCause(diagnosis, 'read', /connection to secret-of-it broke/);
    expect(diagnosis.steps.at(-1)).toMatchObject({ id: 'delete', outcome: 'passed' });
    expect((await backend.list({ prefix: '', limit: 10 })).objects).toEqual([]);
  });

  it('tells the words beneath an error of which the storage knows no reason', async () => {
    const backend = new MemoryBackend();
    const cause = new Error('EWHATEVER: something of the disk');
    const details = { operation: 'put', backend: 'memory', reason: 'the store refused the request', cause } as const;
    backend.stage = async () => Promise.reject(new StorageError(details));
    expectCause(
      await diagnoseStorage({ env: {}, backend, urls }),
      'write',
      /^The store refused the request: EWHATEVER: something of the disk\.$/,
    );
  });

  it.each([
    ['strong', 'failed'],
    ['eventual', 'passed'],
  ] as const)('that finds no trace in a listing of %s consistency has %s', async (consistency, outcome) => {
    const backend = new MemoryBackend();
    Object.defineProperty(backend, 'capabilities', { value: { ...backend.capabilities, consistency } });
    backend.list = async () => ({ objects: [], prefixes: [] });
    const { steps } = await diagnoseStorage({ env: {}, backend, urls });
    expect(steps.find(({ id }) => id === 'list')).toMatchObject({ outcome });
  });

  it('tells no secret, whatever the words of the store hold', async () => {
    const PASSWORD = 'p%40ssword-of-the-proxy';
    const backend = new MemoryBackend();
    const link = `https://user:${PASSWORD}@bucket.example.com/a?X-Amz-Credential=abc&X-Amz-Signature=0123abcd`;
    const words = `${S3_SECRET} of an-access-key-id, ${URL_SECRET}, private-key-of-google, apisecretofcloud, ${link}`;
    backend.open = async () => Promise.reject(new Error(words));
    const diagnosis = await diagnoseStorage({
      env: { CLOUDINARY_URL: 'cloudinary://apikeyofcloud:apisecretofcloud@cloud' },
      backend,
      urls: { secret: [URL_SECRET] },
      s3: { credentials: { accessKeyId: 'an-access-key-id', secretAccessKey: S3_SECRET } },
      gcs: { credentials: JSON.stringify({ client_email: 'a@b', private_key: 'private-key-of-google' }) },
    });
    const hidden = [PASSWORD, 'X-Amz-Signature', '0123abcd', 'private-key-of-google', 'apisecretofcloud'];
    expectNoSecret(diagnosis, [...SECRETS, ...hidden]);
    expect(failedStep(diagnosis).cause).toBe('**** of ****, ****, ****, ****, https://****@bucket.example.com/a?****.');
  });

  it('names what it could not delete', async () => {
    const backend = new MemoryBackend();
    backend.delete = async () => Promise.reject(new Error('deletes are off'));
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls });
    expectCause(diagnosis, 'delete', /Deletes are off/);
    const left = (await backend.list({ prefix: '', limit: 10 })).objects.map(({ key }) => key);
    expect(left).toEqual([expect.stringMatching(/^\.storage-doctor-[0-9a-f]{32}\/check\.bin$/)]);
    expect(failedStep(diagnosis).detail).toBe(`left behind: ${left[0]}`);
  });
});
