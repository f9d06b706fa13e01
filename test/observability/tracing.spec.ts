/** Every operation tells its tracing channel who did what, how many bytes, how long, and how it ended. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel, type TracingChannelSubscribers } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  DynamicScopeBackend,
  MemoryBackend,
  PermissionDeniedError,
  StorageFileNotFoundError,
  StorageService,
  StorageUnavailableError,
  TRACED_OPERATIONS,
  type StorageTraceMessage,
} from '../../lib/index.js';
import { ForwardingBackend } from '../../lib/wrappers/index.js';
import { FakeStorage } from '../../lib/testing/index.js';

type Event = 'start' | 'end' | 'error' | 'asyncStart' | 'asyncEnd';
const EVENTS: readonly Event[] = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];

const SUCCESS = ['start', 'end', 'asyncStart', 'asyncEnd'];
const FAILURE = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'];

/** Each operation that was seen, with its events in order. */
const seen = new Map<StorageTraceMessage, Event[]>();
const stops: (() => void)[] = [];

function listen(): void {
  for (const operation of TRACED_OPERATIONS) {
    const channel = tracingChannel<StorageTraceMessage, StorageTraceMessage>(`nestjs-storage:${operation}`);
    const subscribers = Object.fromEntries(
      EVENTS.map((event) => [
        event,
        (message: StorageTraceMessage) => {
          expect(message.operation).toBe(operation);
          seen.set(message, [...(seen.get(message) ?? []), event]);
        },
      ]),
    ) as unknown as TracingChannelSubscribers<StorageTraceMessage>;
    channel.subscribe(subscribers);
    stops.push(() => channel.unsubscribe(subscribers));
  }
}

function stop(): void {
  for (const unsubscribe of stops.splice(0)) unsubscribe();
}

/** The only operation since the last call, without what differs from run to run. */
function only(): Partial<StorageTraceMessage> & { events: Event[] } {
  expect(seen.size).toBe(1);
  const [[message, events]] = [...seen] as [[StorageTraceMessage, Event[]]];
  const { duration, ...facts } = message;
  expect(duration).toBeGreaterThan(0);
  expect(duration).toBeLessThan(5);
  seen.clear();
  return { ...facts, events };
}

afterEach(() => {
  stop();
  seen.clear();
});

describe('tracing channels', () => {
  let storage: FakeStorage;
  const base = { storage: 'docs', backend: 'memory', outcome: 'success' };

  beforeEach(async () => {
    storage = await new FakeStorage({ name: 'docs' }).seed({ 'a/1': '12345', 'a/2': 'x', b: '0123456789' });
    listen();
  });

  it('tell of every operation, once', async () => {
    const rows: [() => Promise<unknown>, Partial<StorageTraceMessage>][] = [
      [() => storage.put('n', 'seven b'), { operation: 'put', key: 'n', bytes: 7 }],
      [() => storage.get('b'), { operation: 'get', key: 'b', bytes: 10 }],
      [() => storage.get('b', { range: { start: 2, end: 4 } }), { operation: 'get', key: 'b', bytes: 3 }],
      [() => storage.exists('nowhere'), { operation: 'exists', key: 'nowhere' }],
      [() => storage.getMetadata('b'), { operation: 'getMetadata', key: 'b' }],
      [() => storage.copy('b', 'c'), { operation: 'copy', key: 'b', target: 'c' }],
      [() => storage.move('c', 'd'), { operation: 'move', key: 'c', target: 'd' }],
      [() => storage.listPage({ prefix: 'a/' }), { operation: 'list', key: 'a/' }],
      [() => storage.listKeys('a/'), { operation: 'list', key: 'a/' }],
      [() => storage.getUrl('b'), { operation: 'getUrl', key: 'b' }],
      [() => storage.getUploadUrl('e'), { operation: 'getUploadUrl', key: 'e' }],
      [() => storage.delete('d'), { operation: 'delete', key: 'd' }],
      [() => storage.deleteMany(['n', 'b']), { operation: 'deleteMany' }],
      [() => storage.deletePrefix('a/'), { operation: 'deletePrefix', key: 'a/' }],
      [() => storage.checkHealth(), { operation: 'checkHealth' }],
    ];
    for (const [run, expected] of rows) {
      await run();
      // A stream ends an instant after its last byte.
      await delay(1);
      expect(only()).toEqual({ ...base, ...expected, events: SUCCESS });
    }
    expect(new Set(rows.map(([, { operation }]) => operation))).toEqual(new Set(TRACED_OPERATIONS));
  });

  it('tell of each page of a listing', async () => {
    for (let i = 0; i < 1001; i++) await storage.put(`many/${i}`, '', { url: false });
    seen.clear();
    let files = 0;
    for await (const file of storage.list({ prefix: 'many/' })) files += file.key ? 1 : 0;
    expect(files).toBe(1001);
    expect([...seen.keys()].map(({ operation, key }) => [operation, key])).toEqual([
      ['list', 'many/'],
      ['list', 'many/'],
    ]);
  });

  it('tell of a failure by its code, and keep the error', async () => {
    const error: unknown = await storage.get('nowhere').catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(StorageFileNotFoundError);
    const failed = { ...base, outcome: 'failure', events: FAILURE };
    expect(only()).toEqual({ ...failed, operation: 'get', key: 'nowhere', errorCode: 'not-found', error });
    await storage.put('../x', 'y').catch(() => undefined);
    expect(only()).toMatchObject({ ...failed, operation: 'put', key: '../x', errorCode: 'invalid-key' });
    storage.failNext('commit', new RangeError('odd'));
    await storage.put('x', 'y').catch(() => undefined);
    expect(only()).toMatchObject({ ...failed, key: 'x', errorCode: 'unknown', error: expect.any(RangeError) });
  });

  it('follow a read until its stream is closed', async () => {
    const stream = await storage.getStream('b');
    expect([...seen.values()]).toEqual([['start', 'end']]);
    expect(await text(stream)).toBe('0123456789');
    if (!stream.closed) await once(stream, 'close');
    expect(only()).toMatchObject({ operation: 'get', bytes: 10, outcome: 'success', events: SUCCESS });

    const left = await storage.getStream('b');
    left.destroy();
    await once(left, 'close');
    expect(only()).toMatchObject({ bytes: 0, outcome: 'aborted', events: SUCCESS });

    const broken = await storage.getStream('b');
    const closed = once(broken, 'close').catch(() => undefined);
    broken.on('error', () => undefined).destroy(new RangeError('cut'));
    await closed;
    await delay(1);
    expect(only()).toMatchObject({ outcome: 'failure', errorCode: 'unknown', events: FAILURE });
  });

  it('count the bytes of a stream that is read slowly, without changing it', async () => {
    const size = 1_000_000;
    await storage.put('big', Buffer.alloc(size, 1));
    seen.clear();
    stop();
    const read = async () => {
      const chunks: number[] = [];
      for await (const chunk of await storage.getStream('big')) {
        chunks.push((chunk as Buffer).length);
        await delay(1);
      }
      return chunks;
    };
    const plain = await read();
    listen();
    expect(await read()).toEqual(plain);
    await delay(1);
    expect(only()).toMatchObject({ bytes: size, outcome: 'success' });
  });

  it('follow a staged file until it is published or thrown away', async () => {
    const staged = await storage.stage('s', 'four');
    expect([...seen.values()]).toEqual([['start', 'end']]);
    await staged.commit();
    expect(only()).toMatchObject({ operation: 'put', key: 's', bytes: 4, outcome: 'success', events: SUCCESS });
    const dropped = await storage.stage('s', 'four');
    await dropped.abort();
    expect(only()).toMatchObject({ operation: 'put', outcome: 'aborted', events: SUCCESS });
    storage.failNext('commit', new PermissionDeniedError({ operation: 'put' }));
    const failing = await storage.stage('s', 'four');
    await failing.commit().catch(() => undefined);
    await failing.abort();
    expect(only()).toMatchObject({ outcome: 'failure', errorCode: 'permission-denied', events: FAILURE });
  });

  it('end where a staged file cannot be thrown away', async () => {
    const error = new StorageUnavailableError({ operation: 'put' });
    class SteadfastBackend extends ForwardingBackend {
      override async stage(...args: Parameters<MemoryBackend['stage']>) {
        const staged = await super.stage(...args);
        return { ...staged, commit: () => staged.commit(), abort: () => Promise.reject(error) };
      }
    }
    const steadfast = new StorageService(new SteadfastBackend(new MemoryBackend()), { name: 'docs' });
    const staged = await steadfast.stage('s', 'four');
    await expect(staged.abort()).rejects.toBe(error);
    const told = { operation: 'put', key: 's', outcome: 'failure', errorCode: 'unavailable', error, events: FAILURE };
    expect(only()).toMatchObject(told);
  });

  it('name the scope, and tell of refused ones', async () => {
    await storage.scope('tenants/a').scope('docs').put('x', 'y');
    expect(only()).toMatchObject({ operation: 'put', key: 'x', scope: 'tenants/a/docs/' });
    const tenants = new AsyncLocalStorage<string>();
    const scoped = new StorageService(
      new DynamicScopeBackend(new MemoryBackend(), () => tenants.getStore() && ['tenants', tenants.getStore()!]),
    );
    await tenants.run('acme', () => scoped.put('x', 'y'));
    expect(only()).toMatchObject({ key: 'x', scope: 'tenants/acme/', outcome: 'success' });
    await scoped.put('x', 'y').catch(() => undefined);
    expect(only()).toMatchObject({ key: 'x', errorCode: 'permission-denied', events: FAILURE });
  });

  it('keep operations that run at the same time apart', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key, index) => storage.put(key, 'x'.repeat(index))));
    const told = [...seen].map(([{ key, bytes }, events]) => [key, bytes, events]);
    expect(told.sort(([a], [b]) => String(a).localeCompare(String(b)))).toEqual(
      keys.map((key, index) => [key, index, SUCCESS]).sort(([a], [b]) => String(a).localeCompare(String(b))),
    );
  });
});

describe('a tracing channel', () => {
  /** Remembers in which context it was called. */
  class ContextBackend extends ForwardingBackend {
    readonly contexts: unknown[] = [];

    constructor(private readonly store: AsyncLocalStorage<unknown>) {
      super(new MemoryBackend());
    }

    override stat(...args: Parameters<MemoryBackend['stat']>) {
      this.contexts.push(this.store.getStore());
      return super.stat(...args);
    }
  }

  it('can carry a store into the backend', async () => {
    const store = new AsyncLocalStorage<unknown>();
    const { start } = tracingChannel<unknown, StorageTraceMessage>('nestjs-storage:exists');
    start.bindStore(store, (message) => `span of ${message.key}`);
    const backend = new ContextBackend(store);
    await new StorageService(backend).exists('k');
    start.unbindStore(store);
    await new StorageService(backend).exists('k');
    expect(backend.contexts).toEqual(['span of k', undefined]);
  });

  it('that nobody listens to costs no object and no hook', async () => {
    const bodies: Readable[] = [];
    class BodiesBackend extends ForwardingBackend {
      override async open(...args: Parameters<MemoryBackend['open']>) {
        const opened = await super.open(...args);
        bodies.push(opened.body);
        return opened;
      }
    }
    let asked = 0;
    class NamedBackend extends BodiesBackend {
      override get name(): string {
        asked++;
        return 'named';
      }
    }
    const storage = new StorageService(new NamedBackend(new MemoryBackend()));
    await storage.put('k', 'v');
    const before = asked;
    await storage.exists('k');
    // The facts of a message would ask for the backend's name.
    expect(asked).toBe(before);
    await storage.get('k');
    listen();
    await storage.exists('k');
    expect(asked).toBeGreaterThan(before);
    await storage.get('k');
    expect(bodies.map((body) => Object.hasOwn(body, 'push'))).toEqual([false, true]);
  });
});
