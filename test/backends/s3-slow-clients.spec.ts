/** Slow clients over the whole upload engine, in steps instead of seconds: at each step every client sends one piece. */
import { setImmediate as soon, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  DEFAULT_PART_BUFFER_BYTES,
  partBuffers,
  S3Backend,
  type S3BackendOptions,
} from '../../lib/backends/s3/index.js';
import { parseKey, type StageOptions } from '../../lib/index.js';
import { MIB } from './s3-rig.js';

const PIECE = Buffer.alloc(64 * 1024);
/** Milliseconds in which a client of 1 Mbit/s sends a piece. */
const STEP = 524;

/** Moves the clients on once nothing else happens. */
class Clock {
  /** Counts whatever happens. */
  events = 0;
  steps = 0;
  #waiting: (() => void)[] = [];

  turn(): Promise<void> {
    this.events++;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** @returns the steps it took */
  async run(work: Promise<unknown>, most = 5000): Promise<number> {
    const before = this.steps;
    const state = { done: false };
    const end = () => {
      state.done = true;
    };
    void work.then(end, end);
    while (!state.done && this.steps - before < most) {
      for (let seen = -1; seen !== this.events;) {
        seen = this.events;
        for (let round = 0; round < 4; round++) await soon();
        // What the pool of threads does (settings that the SDK reads) takes real time, more of it on a busy machine.
        await sleep(2);
      }
      this.steps++;
      jest.advanceTimersByTime(STEP);
      for (const go of this.#waiting.splice(0)) go();
      await soon();
    }
    return this.steps - before;
  }
}

let clock: Clock;
/** Sizes of the parts by key. */
let parts: Map<string, number[]>;
let most: number;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] });
  clock = new Clock();
  parts = new Map();
  most = 0;
});

afterEach(() => {
  jest.useRealTimers();
  expect(partBuffers.used).toBe(0);
  expect(partBuffers.waiting).toBe(0);
  partBuffers.limit = DEFAULT_PART_BUFFER_BYTES;
});

/** A store that answers at once, without a socket. */
function backend(options: Partial<S3BackendOptions> = {}): S3Backend {
  const answer = (request: { method: string; path: string; query: object; headers: Record<string, string> }) => {
    if (request.method === 'PUT') {
      const sizes = parts.get(request.path) ?? [];
      parts.set(request.path, [...sizes, Number(request.headers['content-length'])]);
    }
    if (request.method !== 'POST') return '';
    if ('uploads' in request.query) {
      return '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
    }
    return '<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>';
  };
  const requestHandler = {
    async handle(request: Parameters<typeof answer>[0]) {
      clock.events++;
      await soon();
      clock.events++;
      return { response: { statusCode: 200, headers: { etag: '"e"' }, body: Buffer.from(answer(request)) } };
    },
    destroy() {},
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
  };
  const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret' };
  return new S3Backend({
    bucket: 'bucket',
    dialect: 'aws',
    region: 'us-east-1',
    credentials,
    clientConfig: { requestHandler },
    ...options,
  });
}

async function* client(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += PIECE.length) {
    await clock.turn();
    most = Math.max(most, partBuffers.used);
    yield PIECE;
  }
}

const FACTS = { contentType: 'a/b', metadata: {} };

async function put(
  store: S3Backend,
  name: string,
  body: AsyncIterable<Uint8Array>,
  options: Partial<StageOptions> = {},
) {
  const staged = await store.stage(parseKey(name), body, { ...FACTS, ...options });
  return staged.commit();
}

const clients = (count: number, work: (index: number) => Promise<unknown>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

describe('slow clients', () => {
  it('share the budget: whoever is let in gets on at its own pace', async () => {
    const store = backend();
    // Of 8 MiB each, 40 clients need 128 steps, where there is room for all at once. A part of each 5 MiB fits 12 times.
    const steps = await clock.run(clients(40, (index) => put(store, `k${index}`, client(8 * MIB))));
    expect(steps).toBeLessThan(128 * 4);
    expect(most).toBeLessThanOrEqual(DEFAULT_PART_BUFFER_BYTES);
    expect(most).toBeGreaterThan(DEFAULT_PART_BUFFER_BYTES - 5 * MIB);
    for (let index = 0; index < 40; index++) {
      const sent = parts.get(`/k${index}`)!;
      expect(sent.reduce((sum, bytes) => sum + bytes)).toBe(8 * MIB);
      for (const bytes of sent.slice(0, -1)) expect(bytes).toBeGreaterThanOrEqual(5 * MIB);
    }
  });

  it('are no matter for small files whose largest size is known', async () => {
    const store = backend();
    const small = (index: number) => put(store, `k${index}`, client(256 * 1024), { maxSize: 300_000 });
    expect(await clock.run(clients(200, small))).toBeLessThan(12);
  });

  it('do not take parts of full size from those who wait, and one alone has them', async () => {
    const alone = client(30 * MIB);
    await clock.run(put(backend(), 'alone', alone));
    expect(parts.get('/alone')).toEqual([12 * MIB, 12 * MIB, 6 * MIB]);
  });

  it('of a store that wants equal parts get them, whoever waits', async () => {
    const store = backend({ dialect: 'cloudflare', endpoint: `https://${'a'.repeat(32)}.r2.cloudflarestorage.com` });
    const upload = (name: string) => put(store, name, client(30 * MIB), { maxSize: 40 * MIB });
    const early = clients(2, (index) => upload(`early${index}`));
    await clock.run(early, 150);
    await clock.run(Promise.all([early, clients(16, (index) => upload(`late${index}`))]));
    expect(parts.size).toBe(18);
    const firsts = [...parts.values()].map(([first, ...others]) => {
      expect(others.pop()).toBeLessThanOrEqual(first!);
      for (const bytes of others) expect(bytes).toBe(first);
      return first;
    });
    expect(new Set(firsts)).toEqual(new Set([12 * MIB, 5 * MIB]));
  });

  it('who send nothing any more, or next to nothing, do not keep others out', async () => {
    const store = backend();
    let leave = () => {};
    const left = new Promise<never>((_, reject) => (leave = () => reject(new Error('left'))));
    left.catch(() => {});
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield* client(MIB);
      await left;
    }
    async function* trickling(): AsyncGenerator<Uint8Array> {
      for (;;) {
        await Promise.race([clock.turn(), left]);
        yield PIECE.subarray(0, 100);
      }
    }
    const stuck = clients(20, (index) => {
      const upload = put(store, `stuck${index}`, index % 2 === 0 ? stalling() : trickling());
      return upload.catch((error: Error) => expect(error.message).toBe('left'));
    });
    await clock.run(stuck, 20);
    // In one and a half minutes: without them it is half of one.
    const steps = await clock.run(
      clients(20, (index) => put(store, `k${index}`, client(2 * MIB))),
      500,
    );
    expect(steps).toBeLessThan(170);
    expect(parts.size).toBe(20);
    leave();
    await clock.run(stuck, 50);
  });
});
