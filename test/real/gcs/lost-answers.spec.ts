/** Answers of the GCS service that get lost: what was done counts, and a repetition never undoes what others wrote. */
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import type { GcsBackend } from '../../../lib/backends/gcs/index.js';
import { parseKey } from '../../../lib/contract/index.js';
import { another, backend, content, failure, interrupted, KEY, put, read, server, useServer } from './driver-bench.js';
import { BUCKET, KIB } from './gcs.js';
import { RawClient } from './raw-client.js';

useServer();

const TO = parseKey('copy');
const UPLOAD = /^POST .*uploadType=multipart/;

/** As if it had been done so many seconds earlier, or later, by the service's clock. */
async function shifted<T>(seconds: number, work: () => Promise<T>): Promise<T> {
  server.passTime(seconds);
  try {
    return await work();
  } finally {
    server.passTime(-seconds);
  }
}

/** Requests that fit. */
function sent(fits: RegExp): string[] {
  return server.requests.filter((line) => fits.test(line));
}

async function bytesOf(key = KEY): Promise<string> {
  return (await buffer((await backend.open(key)).body)).toString();
}

describe('lost answers of writes with a condition', () => {
  it('of a create are settled by a look: ours is a success, a stranger’s is not', async () => {
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-after');
    const info = await put(Buffer.from('mine'), { ifNoneMatch: '*', metadata: { owner: 'Zoë' } });
    expect(info.metadata).toEqual({ owner: 'Zoë' });
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-before');
    expect((await failure(put(Buffer.from('other'), { ifNoneMatch: '*' }))).code).toBe('already-exists');
    expect((await read()).toString()).toBe('mine');
  });

  it('of a replacement are settled too', async () => {
    const { etag } = await put(Buffer.from('one'));
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-after');
    const second = await put(Buffer.from('two'), { ifMatch: etag });
    expect((await backend.stat(KEY)).etag).toBe(second.etag);
    expect((await failure(put(Buffer.from('three'), { ifMatch: etag }))).code).toBe('precondition-failed');
    expect((await failure(put(Buffer.from('four'), { ifMatch: 'no-generation' }))).code).toBe('precondition-failed');
  });

  it('of a delete count as deleted, of a copy as copied', async () => {
    await put(content(500 * KIB));
    const copy = parseKey('copy');
    server.faults.next(/^POST .*rewriteTo.*rewriteToken=/, { status: 503 });
    const info = await backend.copy(KEY, copy, { ifNoneMatch: '*' });
    expect(info.size).toBe(500 * KIB);
    await backend.delete(copy);
    await put(content(100));
    server.faults.next(/rewriteTo/, 'reset-after');
    await backend.copy(KEY, copy, { ifNoneMatch: '*' });
    expect((await failure(backend.copy(KEY, copy, { ifNoneMatch: '*' }))).code).toBe('already-exists');
    server.faults.next(/^DELETE/, 'reset-after');
    expect(await backend.delete(KEY)).toBe(true);
    expect(await backend.delete(KEY)).toBe(false);
  });
});

describe('lost answers of a delete', () => {
  it('leave alone what another has created since', async () => {
    await shifted(-10, () => put(Buffer.from('old')));
    server.faults.next(/^DELETE/, 'reset-after');
    const later = interrupted(2, () => shifted(10, () => put(Buffer.from('of another'), { ifNoneMatch: '*' })));
    expect(await later.delete(KEY)).toBe(true);
    expect(await bytesOf()).toBe('of another');
    // Within the second that the service's clock cannot tell apart.
    server.faults.next(/^DELETE/, 'reset-after');
    const atOnce = interrupted(2, () => put(Buffer.from('of a third'), { ifNoneMatch: '*' }));
    const error = await failure(atOnce.delete(KEY));
    expect([error.code, error.operation, error.key]).toEqual(['unavailable', 'delete', KEY]);
    expect(error.advice).toContain('Look at the file');
    expect(await bytesOf()).toBe('of a third');
  });

  it.each([{ status: 503 }, 'reset-before'] as const)('that was not carried out (%p) repeat it', async (fault) => {
    const { etag } = await shifted(-10, () => put(Buffer.from('old')));
    server.faults.next(/^DELETE/, fault);
    server.faults.next(/^DELETE/, { status: 503 });
    expect(await backend.delete(KEY)).toBe(true);
    expect(server.names(BUCKET)).toEqual([]);
    expect(sent(/^DELETE/).slice(1)).toEqual(Array(2).fill(expect.stringContaining(`ifGenerationMatch=${etag}`)));
  });

  it('spare what was overwritten between the look and the repetition', async () => {
    await shifted(-10, () => put(Buffer.from('old')));
    server.faults.next(/^DELETE/, { status: 503 });
    expect(await interrupted(3, () => put(Buffer.from('newer'))).delete(KEY)).toBe(true);
    expect(await bytesOf()).toBe('newer');
  });

  it('are told where nothing may be repeated, or nothing can be seen', async () => {
    await shifted(-10, () => put(Buffer.from('old')));
    const once = another({ retry: { maxRetries: 0 } });
    server.faults.next(/^DELETE/, { status: 503 });
    expect((await failure(once.delete(KEY))).code).toBe('unavailable');
    server.faults.next(/^DELETE/, 'reset-after');
    server.faults.next(/^GET/, { status: 403, reason: 'forbidden' });
    expect((await failure(backend.delete(KEY))).code).toBe('unavailable');
  });

  it('are none where the request never left: what is missing was missing', async () => {
    const raw = new RawClient(server);
    let failures = 1;
    const late = another({
      credentials: undefined,
      auth: {
        getRequestHeaders: async () => {
          if (failures-- > 0) throw Object.assign(new Error('metadata server'), { response: { status: 503 } });
          return { authorization: `Bearer ${await raw.token()}` };
        },
        getCredentials: async () => ({}),
        sign: async () => '',
      },
    });
    expect(await late.delete(KEY)).toBe(false);
    expect(failures).toBe(-1);
  });
});

/** [what is written, its request, how, what is there then] */
const WRITES: readonly (readonly [string, RegExp, (on: GcsBackend) => Promise<{ etag: string }>, string])[] = [
  ['an upload', UPLOAD, (on) => put(Buffer.from('mine'), {}, on), KEY],
  ['a copy', /rewriteTo/, (on) => on.copy(parseKey('source'), TO), TO],
];

describe.each(WRITES)('lost answers of %s without a condition', (_title, request, write, name) => {
  const key = parseKey(name);

  const seed = async (text: string, at = key) =>
    (
      await backend.stage(
        at,
        (async function* () {
          yield Buffer.from(text);
        })(),
        { contentType: 'text/plain', metadata: {} },
      )
    ).commit();
  /** Requests of the upload before it is sent: none, or the look at the source. */
  const before = name === KEY ? 0 : 1;

  const prepared = async () => {
    await shifted(-20, () => seed('mine', parseKey('source')));
    await shifted(-10, () => seed('old'));
  };

  it('count as written, once', async () => {
    await prepared();
    const already = sent(request).length;
    server.faults.next(request, 'reset-after');
    const { etag } = await write(backend);
    expect((await backend.stat(key)).etag).toBe(etag);
    expect(await bytesOf(key)).toBe('mine');
    expect(sent(request)).toHaveLength(already + 1);
  });

  it('count as written even where nothing may be repeated', async () => {
    await prepared();
    server.faults.next(request, 'reset-after');
    const { etag } = await write(another({ retry: { maxRetries: 0 } }));
    expect((await backend.stat(key)).etag).toBe(etag);
  });

  it('never undo what another has written since', async () => {
    await prepared();
    for (const seconds of [0, 10]) {
      server.faults.next(request, 'reset-after');
      const overtaken = interrupted(before + 2, () => shifted(seconds, () => seed('of another')));
      const error = await failure(write(overtaken));
      expect([error.code, error.key]).toEqual(['unavailable', name]);
      expect(await bytesOf(key)).toBe('of another');
      await shifted(-10, () => seed('old'));
    }
  });

  it('repeat what was not carried out, over just what was there', async () => {
    await prepared();
    const { etag } = await backend.stat(key);
    server.faults.next(request, { status: 503 });
    server.faults.next(request, { status: 503 });
    await write(backend);
    expect(await bytesOf(key)).toBe('mine');
    expect(sent(request).slice(-2)).toEqual(Array(2).fill(expect.stringContaining(`ifGenerationMatch=${etag}`)));
    await backend.delete(key);
    server.faults.next(request, 'reset-before');
    await write(backend);
    expect(sent(request).at(-1)).toMatch(/ifGenerationMatch=0(?:&|$)/);
  });

  it('leave alone what came between the look and the repetition', async () => {
    await prepared();
    server.faults.next(request, { status: 503 });
    const overtaken = interrupted(before + 3, () => seed('of another'));
    expect((await failure(write(overtaken))).code).toBe('unavailable');
    expect(await bytesOf(key)).toBe('of another');
  });
});

describe('lost answers of a copy whose source is replaced', () => {
  it('count as copied', async () => {
    await put(content(100));
    server.faults.next(/rewriteTo/, 'reset-after');
    const copier = interrupted(3, () => put(Buffer.from('newer')));
    expect((await copier.copy(KEY, TO, { ifNoneMatch: '*' })).size).toBe(100);
    expect((await read()).toString()).toBe('newer');
  });
});
