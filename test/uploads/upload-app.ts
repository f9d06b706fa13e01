/** Real Nest apps with upload routes, and clients that send what browsers would not. */
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import {
  Body,
  Controller,
  Global,
  Module,
  Post,
  Req,
  Res,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Request } from 'express';
import type { ObjectInfo, StagedObject, StageOptions, StorageKey } from '../../lib/contract/index.js';
import { StorageExceptionFilter } from '../../lib/http/index.js';
import { StorageRegistry } from '../../lib/service/index.js';
import { RunningWork } from '../../lib/service/running-work.js';
import { StorageService } from '../../lib/storage.service.js';
import type { StagedFile } from '../../lib/uploads/index.js';
import { ForwardingBackend } from '../../lib/wrappers/index.js';
import type { Platform } from '../support/platforms.js';

/** A real backend, watched: what was staged and not ended is what a failed request would leave behind. */
export class WatchedBackend extends ForwardingBackend {
  readonly unended = new Set<string>();
  /** What it was told of the file that came last. */
  told: StageOptions | undefined;
  /** Runs before a commit reaches the store. */
  beforeCommit: (key: string) => void | Promise<void> = () => undefined;

  /** Runs when the store has published, and before it says so. */
  afterCommit: (key: string) => void | Promise<void> = () => undefined;

  /** Runs before each chunk is taken: a slow store. */
  beforeChunk: () => void | Promise<void> = () => undefined;

  async *#slowed(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      await this.beforeChunk();
      yield chunk;
    }
  }

  override async stage(key: StorageKey, body: AsyncIterable<Uint8Array>, options: StageOptions): Promise<StagedObject> {
    this.told = options;
    const id = `${key} ${Math.random()}`;
    this.unended.add(id);
    try {
      const staged = await super.stage(key, this.#slowed(body), options);
      return {
        info: staged.info,
        ...(staged.open && { open: (range) => staged.open!(range) }),
        commit: async (): Promise<ObjectInfo> => {
          try {
            await this.beforeCommit(key);
          } catch (error) {
            await staged.abort();
            this.unended.delete(id);
            throw error;
          }
          const info = await staged.commit();
          await this.afterCommit(key);
          this.unended.delete(id);
          return info;
        },
        abort: async () => {
          await staged.abort();
          this.unended.delete(id);
        },
      };
    } catch (error) {
      this.unended.delete(id);
      throw error;
    }
  }
}

export interface Seen {
  readonly file: StagedFile;
  readonly files: StagedFile[] & Record<string, StagedFile[]>;
  readonly body: Record<string, unknown>;
  readonly request: Request;
  /** For handlers that answer themselves, in words of both platforms. */
  readonly response?: { status(code: number): { send(body: object): unknown } };
}

/** A controller with one POST route. */
export function route(
  path: string,
  interceptor: Type<NestInterceptor>,
  handler: (seen: Seen) => unknown = ({ file, files }) => file ?? files,
  pipe?: PipeTransform,
  outer: Type<NestInterceptor>[] = [],
  answersItself = false,
): Type {
  const pipes = pipe ? [pipe] : [];
  @Controller(path)
  class UploadController {
    @Post()
    @UseInterceptors(...outer, interceptor)
    upload(
      @UploadedFile(...pipes) file: StagedFile,
      @UploadedFiles() files: Seen['files'],
      @Body() body: Seen['body'],
      @Req() request: Request,
      ...response: NonNullable<Seen['response']>[]
    ) {
      return handler({ file, files, body, request, response: response[0] });
    }
  }
  // What `@Res()` does to a handler: Nest sends nothing for it.
  if (answersItself) Res()(UploadController.prototype, 'upload', 4);
  return UploadController;
}

export interface UploadApp {
  readonly app: INestApplication;
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Starts an app over the given storages. Storages of the default name come without one. */
export async function startApp(
  platform: Platform,
  storages: Record<string, StorageService>,
  controllers: Type[],
  providers: Provider[] = [],
  setUp: (app: INestApplication) => void = () => undefined,
): Promise<UploadApp> {
  const registry = new StorageRegistry();
  for (const [name, storage] of Object.entries(storages)) registry.add(name, storage);
  @Global()
  @Module({
    providers: [{ provide: StorageRegistry, useValue: registry }, RunningWork],
    exports: [StorageRegistry, RunningWork],
  })
  class StoragesModule {}
  @Module({
    imports: [StoragesModule],
    controllers,
    providers: [{ provide: APP_FILTER, useClass: StorageExceptionFilter }, ...providers],
  })
  class AppModule {}
  const app = await platform.create(AppModule, { abortOnError: false });
  setUp(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    app,
    port,
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      app.getHttpServer().closeAllConnections();
      await app.close();
    },
  };
}

export interface Answer {
  readonly status: number;
  // The shape depends on the route; tests look at single properties.
  readonly body: Record<string, never> & { message?: string; code?: string; key?: string };
}

export type FormEntry = [field: string, content: string | Uint8Array | Blob, filename?: string];

/** Sends a form as a browser would. */
export async function send(url: string, entries: FormEntry[], headers: Record<string, string> = {}): Promise<Answer> {
  const form = new FormData();
  for (const [field, content, filename] of entries) {
    if (filename === undefined) form.append(field, content as string);
    else form.append(field, content instanceof Blob ? content : new Blob([content as string]), filename);
  }
  return answered(await fetch(url, { method: 'POST', body: form, headers }));
}

export async function answered(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : { text } };
}

export const BOUNDARY = 'XxBoundaryxX';

/** One part, its header lines as they are given. */
export function part(header: string, content: string | Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\n${header}\r\n\r\n`),
    Buffer.isBuffer(content) ? content : Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
}

export function filePart(disposition: string, content: string | Buffer = 'hello', type = 'text/plain'): Buffer {
  return part(`Content-Disposition: form-data; ${disposition}\r\nContent-Type: ${type}`, content);
}

export function multipart(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}

/** Sends bytes as a multipart body without any check. */
export async function sendRaw(url: string, body: Buffer, type = `multipart/form-data; boundary=${BOUNDARY}`) {
  return answered(await fetch(url, { method: 'POST', body, headers: { 'content-type': type } }));
}

/** A connection that sends the head of an upload and whatever else the test writes. */
export async function openUpload(port: number, path: string, length: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${length}\r\n\r\n`,
  );
  return socket;
}

/** What the server says until it closes, or until the whole text matches. */
export async function readAnswer(socket: Socket, until: RegExp = /\r\n\r\n[^]*\}/): Promise<string> {
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (until.test(text)) break;
  }
  return text;
}

export async function eventually(condition: () => boolean | Promise<boolean>, seconds = 5): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return condition();
}
