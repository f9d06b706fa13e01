/** Writes of the GCS driver where things go wrong, and what they leave behind then: faults, lost answers, races, aborts. */
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { parseKey } from '../../../lib/contract/index.js';
import {
  another,
  backend,
  content,
  failure,
  interrupted,
  KEY,
  pieces,
  put,
  read,
  server,
  TEXT,
  useServer,
} from './driver-bench.js';
import { BUCKET, CHUNK, KIB, MIB } from './gcs.js';

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
    const once = another({ retry: { maxRetries: 0 } });
    const staged = await once.stage(KEY, pieces(bytes), TEXT);
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

  it('take in no more than two chunks while the service is slow', async () => {
    let given = 0;
    const counted = async function* () {
      for await (const piece of pieces(content(10 * CHUNK), KIB)) {
        given += piece.length;
        yield piece;
      }
    };
    server.faults.next(/^PUT .*upload_id=/, 'hang');
    const stop = new AbortController();
    const staging = failure(backend.stage(KEY, counted(), { ...TEXT, signal: stop.signal }));
    await pause(300);
    // The chunk on its way, the one that is full, and the piece that did not fit.
    expect(given).toBe(2 * CHUNK + KIB);
    stop.abort();
    expect((await staging).code).toBe('aborted');
  });

  it('hold no more than two chunks, however many there are', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const held: number[] = [];
    const watched = async function* () {
      for (let at = 0; at < 24 * MIB; at += 64 * KIB) {
        if (at % MIB === 0) {
          collect();
          held.push(process.memoryUsage().arrayBuffers);
        }
        yield Buffer.alloc(64 * KIB, at);
      }
    };
    const staged = await another({ chunkSize: MIB }).stage(KEY, watched(), TEXT);
    expect((await staged.commit()).size).toBe(24 * MIB);
    // Two chunks, and what the server in this same process has in its hands of a third.
    expect(Math.max(...held) - held[0]!).toBeLessThan(6 * MIB);
  });

  it.each([404, 410, 499])('tell a session that is gone as such, not as a missing file (status %p)', async (status) => {
    await put(Buffer.from('old'));
    const gone = { status, reason: 'notFound' };
    server.faults.next(/^PUT .*upload_id=/, gone);
    const staging = await failure(put(bytes));
    expect([staging.code, staging.reason]).toEqual(['unavailable', 'the upload session is gone']);
    expect(staging.advice).toContain('Repeat the upload');
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    server.faults.next(/^PUT .*upload_id=/, gone);
    const committing = await failure(staged.commit());
    expect([committing.code, committing.reason]).toEqual(['unavailable', 'the upload session is gone']);
    expect(server.openSessions).toBe(0);
    expect((await read()).toString()).toBe('old');
  });

  it.each([10, 2 * CHUNK])('are never told as a missing file: %p bytes', async (length) => {
    server.faults.next(/^POST .*uploadType=/, { status: 404, reason: 'notFound' });
    expect((await failure(put(content(length)))).code).toBe('configuration');
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

describe('races', () => {
  it('of a read with a replacement never mix two versions', async () => {
    await put(Buffer.from('first'), { metadata: { version: '1' } });
    const reader = interrupted(2, () => put(Buffer.from('second!'), { metadata: { version: '2' } }));
    const { info, body } = await reader.open(KEY);
    expect([info.metadata.version, (await buffer(body)).toString()]).toEqual(['2', 'second!']);
    const gone = interrupted(2, () => backend.delete(KEY));
    expect((await failure(gone.open(KEY))).code).toBe('not-found');
  });

  it.each(['copy', 'move'] as const)('of a %s with a replacement take the newer source', async (operation) => {
    await put(Buffer.from('first'), { metadata: { version: '1' } });
    const to = parseKey('target');
    const copier = interrupted(2, () => put(Buffer.from('second!'), { metadata: { version: '2' } }));
    const info = await copier[operation](KEY, to, { ifNoneMatch: '*' });
    expect([info.metadata.version, (await buffer((await backend.open(to)).body)).toString()]).toEqual(['2', 'second!']);
    expect(server.names(BUCKET)).toEqual(operation === 'move' ? ['target'] : [KEY, 'target']);
  });

  it('of a copy with a delete tell the source as missing, and with many writers that they were too fast', async () => {
    await put(Buffer.from('first'));
    const gone = await failure(interrupted(2, () => backend.delete(KEY)).copy(KEY, parseKey('to')));
    expect([gone.code, gone.operation, gone.key]).toEqual(['not-found', 'copy', KEY]);
    await put(Buffer.from('first'));
    const outrun = interrupted(
      (nth) => nth % 2 === 0,
      () => put(Buffer.from('again')),
    );
    expect((await failure(outrun.copy(KEY, parseKey('to')))).code).toBe('unavailable');
    expect(server.names(BUCKET)).toEqual([KEY]);
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
