/** Writes of the GCS driver where things go wrong, and what they leave behind then: faults, lost answers, races, aborts. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import type { GcsBackend } from '../../../lib/backends/gcs/index.js';
import { parseKey } from '../../../lib/contract/index.js';
import { another, backend, content, failure, KEY, pieces, put, read, server, TEXT, useServer } from './driver-bench.js';
import { BUCKET, CHUNK, KIB } from './gcs.js';
import { RawClient } from './raw-client.js';

useServer();

describe('uploads in parts', () => {
  const bytes = content(4 * CHUNK + 1000);

  it('send what fits a chunk in one request, and more in a session whose last chunk waits for the commit', async () => {
    await put(content(CHUNK));
    expect(server.requests.filter((line) => line.includes('uploadType=multipart'))).toHaveLength(1);
    const staged = await backend.stage(KEY, pieces(content(CHUNK + 1)), TEXT);
    expect(server.openSessions).toBe(1);
    expect((await backend.stat(KEY)).size).toBe(CHUNK);
    expect((await staged.commit()).size).toBe(CHUNK + 1);
    expect(server.openSessions).toBe(0);
  });

  for (const [fault, title] of [
    [{ status: 503 }, 'a chunk that is refused for now'],
    ['reset-before', 'a chunk that does not arrive'],
    ['reset-after', 'a chunk whose answer is lost'],
    ['keep-little', 'a chunk of which the service keeps a part'],
  ] as const) {
    it(`survive ${title}`, async () => {
      server.faults.next(/^PUT .*upload_id=/, fault);
      server.faults.next(/^PUT .*upload_id=/, fault);
      const info = await put(bytes);
      expect(info.size).toBe(bytes.length);
      expect((await read()).equals(bytes)).toBe(true);
    });
  }

  it('survive a lost answer to the last chunk, and publish once', async () => {
    const staged = await backend.stage(KEY, pieces(bytes), { ...TEXT, ifNoneMatch: '*' });
    server.faults.next(/^PUT .*upload_id=/, 'reset-after');
    const info = await staged.commit();
    expect((await backend.stat(KEY)).etag).toBe(info.etag);
  });

  it('find out that the last chunk published even when no answer ever comes', async () => {
    const impatient = another({ requestTimeout: 0.2, retry: { maxRetries: 0 } });
    const staged = await impatient.stage(KEY, pieces(bytes), TEXT);
    server.faults.next(/^PUT .*upload_id=/, 'reset-after');
    expect((await staged.commit()).size).toBe(bytes.length);
  });

  it('are taken back when the last chunk fails for good, and the old object stays', async () => {
    await put(Buffer.from('old'));
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    // The chunk, three questions where the upload stands, and no more.
    for (let tries = 0; tries < 4; tries++) server.faults.next(/^PUT .*upload_id=/, { status: 503 });
    expect((await failure(staged.commit())).code).toBe('unavailable');
    expect(server.openSessions).toBe(0);
    expect((await read()).toString()).toBe('old');
  });

  it('are taken back when the body fails, the signal fires or abort() is called', async () => {
    const broken = async function* () {
      yield* pieces(bytes);
      throw new Error('the source broke');
    };
    await expect(backend.stage(KEY, broken(), TEXT)).rejects.toThrow('the source broke');
    const stop = new AbortController();
    const stopped = async function* () {
      yield* pieces(bytes);
      stop.abort(new Error('enough'));
      yield bytes;
    };
    expect((await failure(backend.stage(KEY, stopped(), { ...TEXT, signal: stop.signal }))).code).toBe('aborted');
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    await staged.abort();
    await staged.abort();
    expect((await failure(staged.commit())).code).toBe('aborted');
    expect(server.openSessions).toBe(0);
    expect(server.names(BUCKET)).toEqual([]);
  });

  it('end at once when the signal fires while a chunk hangs or a pause lasts', async () => {
    const slow = another({ retry: { maxRetries: 3 } });
    for (const fault of ['hang', { status: 503 }] as const) {
      server.faults.next(/^PUT .*upload_id=/, fault);
      const started = Date.now();
      const signal = AbortSignal.timeout(300);
      expect((await failure(slow.stage(KEY, pieces(bytes), { ...TEXT, signal }))).code).toBe('aborted');
      expect(Date.now() - started).toBeLessThan(1000);
    }
    expect(server.openSessions).toBe(0);
  });

  it('hold no more than two chunks, however small the pieces are', async () => {
    const tiny = Readable.from(
      (function* () {
        for (let at = 0; at < 200_000; at++) yield Buffer.from([at & 255]);
      })(),
    );
    const staged = await backend.stage(KEY, tiny, TEXT);
    expect((await staged.commit()).size).toBe(200_000);
  });

  it('tell a condition that fails before the whole body was sent', async () => {
    await put(Buffer.from('there'));
    let given = 0;
    const counted = async function* () {
      for await (const piece of pieces(content(40 * CHUNK))) {
        given += piece.length;
        yield piece;
      }
    };
    expect((await failure(backend.stage(KEY, counted(), { ...TEXT, ifNoneMatch: '*' }))).code).toBe('already-exists');
    expect(given).toBeLessThan(4 * CHUNK);
  });
});

describe('lost answers', () => {
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

describe('races', () => {
  /** A backend that does something before its n-th request that fits. */
  function interrupted(nth: number, action: () => Promise<unknown>): GcsBackend {
    const raw = new RawClient(server);
    let calls = 0;
    return another({
      credentials: undefined,
      auth: {
        getRequestHeaders: async () => {
          if (++calls === nth) await action();
          return { authorization: `Bearer ${await raw.token()}` };
        },
        getCredentials: async () => ({}),
        sign: async () => '',
      },
    });
  }

  it('of a read with a replacement never mix two versions', async () => {
    await put(Buffer.from('first'), { metadata: { version: '1' } });
    const reader = interrupted(2, () => put(Buffer.from('second!'), { metadata: { version: '2' } }));
    const { info, body } = await reader.open(KEY);
    expect([info.metadata.version, (await buffer(body)).toString()]).toEqual(['2', 'second!']);
    const gone = interrupted(2, () => backend.delete(KEY));
    expect((await failure(gone.open(KEY))).code).toBe('not-found');
  });

  it('of a move with a replacement leave the newer source', async () => {
    await put(Buffer.from('first'));
    const to = parseKey('moved');
    await interrupted(3, () => put(Buffer.from('second'))).move(KEY, to);
    expect((await read()).toString()).toBe('second');
    expect((await buffer((await backend.open(to)).body)).toString()).toBe('first');
  });

  it('of many creates have one winner', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) => put(content(at % 2 === 0 ? 10 : CHUNK + at), { ifNoneMatch: '*' })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(server.openSessions).toBe(0);
  });
});
