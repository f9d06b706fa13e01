/** Says once, at start, when Node's own time-out would cut uploads that the app means to take. */
import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import bytes from 'bytes';
import type { Server } from 'node:http';

/** Milliseconds. Any other value was chosen by the app, which is then left alone. */
const NODE_DEFAULT = 300_000;

/** Bytes per second: 2 Mbit/s, a slow but common uplink. */
const MODEST_RATE = 250_000;

interface ExpectedUpload {
  /** What takes the upload, for people. */
  readonly taker: string;
  readonly storage: string;
  /** Bytes of its largest file; Infinity leaves it to the storage. */
  readonly size: number;
}

@Injectable()
export class UploadTimeoutAdvice implements OnApplicationBootstrap {
  readonly #logger = new Logger('StorageUploads');
  readonly #host: HttpAdapterHost;
  readonly #expected: ExpectedUpload[] = [];
  /** Bytes, by storage. */
  readonly #limits = new Map<string, number>();

  constructor(host: HttpAdapterHost) {
    this.#host = host;
  }

  /** To be told of upload routes, before the app has started. */
  expect(upload: ExpectedUpload): void {
    this.#expected.push(upload);
  }

  /** To be told of a storage's own limit, where it has one. */
  limit(storage: string, size: number): void {
    this.#limits.set(storage, size);
  }

  onApplicationBootstrap(): void {
    const largest = this.#largest();
    if (!largest || largest.size / MODEST_RATE <= NODE_DEFAULT / 1000) return;
    const server: Partial<Server> | undefined = this.#host.httpAdapter?.getHttpServer?.();
    // Many apps set their time-outs in the line behind `await app.listen()`.
    server?.once?.('listening', () => setImmediate(() => this.#advise(server, largest)));
  }

  #largest(): ExpectedUpload | undefined {
    const bounded = this.#expected.map((upload) => ({
      ...upload,
      size: Math.min(upload.size, this.#limits.get(upload.storage) ?? Infinity),
    }));
    return bounded.sort((a, b) => (a.size < b.size ? 1 : -1))[0];
  }

  #advise({ requestTimeout }: Partial<Server>, { taker, size }: ExpectedUpload): void {
    if (requestTimeout !== NODE_DEFAULT) return;
    const seconds = Math.ceil(size / MODEST_RATE);
    const reason = Number.isFinite(size)
      ? `${bytes(size)} take ${seconds} s at 2 Mbit/s`
      : 'files of any size may take longer';
    this.#logger.warn(
      `${taker} may be cut off: Node ends every request after ${NODE_DEFAULT / 1000} s (server.requestTimeout), and ${reason}. ` +
        `Set it in main.ts before listening, in milliseconds: app.getHttpServer().requestTimeout = ${advised(seconds)};`,
    );
  }
}

/** Twice the time that is needed, in whole minutes; without a limit, an hour. Never 0, which would let any request hang. */
function advised(seconds: number): string {
  const minutes = Number.isFinite(seconds) ? Math.ceil((seconds * 2) / 60) : 60;
  return (minutes * 60_000).toLocaleString('en').replaceAll(',', '_');
}
