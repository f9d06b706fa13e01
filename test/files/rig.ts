/** A real Nest app around the signed routes, and clients for them: fetch, node:http and raw sockets. */
import 'reflect-metadata';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { Global, Module, type DynamicModule, type INestApplication, type NestApplicationOptions } from '@nestjs/common';
import type { Readable } from 'node:stream';
import type { OpenedObject, OpenOptions, StorageBackend, StorageKey } from '../../lib/contract/index.js';
import {
  createStorageFilesController,
  SignedRoutes,
  SignedRoutesModule,
  SignedUrls,
  type FileServingPolicy,
} from '../../lib/files/index.js';
import { StorageRegistry } from '../../lib/service/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { AppUrlsBackend, ForwardingBackend } from '../../lib/wrappers/index.js';
import type { Platform } from '../support/platforms.js';

export const SECRET = 'first secret of the tests, 32 bytes';
export const OTHER_SECRET = 'other secret of the tests, 32 bytes';

/** Keeps every body that was opened, so that a test can see whether all were let go. */
export class WatchedBackend extends ForwardingBackend {
  readonly opened: Readable[] = [];
  opens = 0;
  stats = 0;
  /** Stands in for the next bodies. */
  replaceBody: ((opened: OpenedObject) => Readable) | undefined;
  /** Runs before each open(). */
  beforeOpen: (() => Promise<unknown>) | undefined;

  override async open(key: StorageKey, options?: OpenOptions): Promise<OpenedObject> {
    this.opens++;
    await this.beforeOpen?.();
    const opened = await this.inner.open(key, options);
    const body = this.replaceBody?.(opened) ?? opened.body;
    this.opened.push(body);
    return { ...opened, body };
  }

  override stat(key: StorageKey, options?: OpenOptions) {
    this.stats++;
    return this.inner.stat(key, options);
  }

  allLetGo(): boolean {
    return this.opened.every((body) => body.destroyed);
  }
}

export interface RigStorage {
  readonly name: string;
  readonly backend: StorageBackend;
  readonly path?: string;
  readonly secrets?: readonly string[];
}

export interface RigOptions {
  readonly storages: readonly RigStorage[];
  readonly decorators?: readonly ClassDecorator[];
  readonly policy?: FileServingPolicy;
  readonly imports?: DynamicModule['imports'];
  readonly providers?: DynamicModule['providers'];
  readonly nest?: NestApplicationOptions;
  /** Global prefix that stands in the URLs. */
  readonly prefix?: string;
  readonly setUp?: (app: INestApplication) => void;
}

@Global()
@Module({ providers: [StorageRegistry], exports: [StorageRegistry] })
class RegistryModule {}

class RigModule {}
Module({})(RigModule);

export interface Rig {
  readonly app: INestApplication;
  readonly origin: string;
  readonly port: number;
  storage(name?: string): StorageService;
  signer(name?: string): SignedUrls;
  close(): Promise<void>;
}

export async function startRig(platform: Platform, options: RigOptions): Promise<Rig> {
  const paths = [...new Set(options.storages.map(({ path = 'files' }) => path))];
  const { decorators } = options;
  const app = await platform.create(
    {
      module: RigModule,
      imports: [RegistryModule, SignedRoutesModule, ...(options.imports ?? [])],
      providers: options.providers ?? [],
      controllers: paths.map((path) => createStorageFilesController({ path, decorators })),
    },
    options.nest,
  );
  let origin = '';
  const signers = new Map<string, SignedUrls>();
  for (const { name, backend, path = 'files', secrets = [SECRET] } of options.storages) {
    const base = [options.prefix, path].filter(Boolean).join('/');
    const signer = new SignedUrls({ secrets, baseUrl: () => `${origin}/${base}` });
    signers.set(name, signer);
    app.get(StorageRegistry).add(name, new StorageService(new AppUrlsBackend(backend, name, signer), { name }));
    app.get(SignedRoutes).register({ storage: name, signer, path, policy: options.policy });
  }
  if (options.prefix !== undefined) app.setGlobalPrefix(options.prefix);
  options.setUp?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  origin = `http://127.0.0.1:${port}`;
  return {
    app,
    origin,
    port,
    storage: (name = 'default') => app.get(StorageRegistry).get(name),
    signer: (name = 'default') => signers.get(name)!,
    close: () => {
      // What a failed test left open shall not hold up the rest.
      app.getHttpServer().closeAllConnections();
      return app.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** One request with exactly this path and these headers, over node:http. (A URL object would tidy the path up.) */
export async function send(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  const [, host, port, path] = /^http:\/\/([^:/]+):(\d+)(.*)$/.exec(url)!;
  const { method = 'GET', headers } = options;
  const req = httpRequest({ host, port, path, method, headers, agent: false });
  req.end(options.body);
  const [res] = await once(req, 'response');
  const body = await buffer(res);
  return { status: res.statusCode, headers: res.headers, body, text: body.toString() };
}

/** Bytes over a raw socket; resolves with all that came back when the server closed, or after `wait` ms. */
export async function raw(port: number, bytes: string, wait = 10_000): Promise<{ text: string; closed: boolean }> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => (text += chunk));
  socket.write(bytes);
  const closed = await closedWithin(socket, wait);
  socket.destroy();
  return { text, closed };
}

export function closedWithin(socket: Socket, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Waits until something holds. Fails the test after two seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 2000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`did not come to hold: ${holds}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

export function pathOf(url: string): string {
  return new URL(url).pathname;
}
