/** Cases: bodies that fail, lie about themselves or are called off keep the old object and leave nothing new. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { QuotaExceededError, type StorageErrorCode } from '../../../contract/index.js';
import type { PutOptions, StorageBody } from '../../../service/index.js';
import type { CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { bytesOf, chunked, failingAfter } from '../content.js';

const OLD = { metadata: { v: 'old' }, contentType: 'text/x-old' };

/** A write that must fail: over an object it keeps that, elsewhere it leaves nothing. */
async function keepsOld(
  context: CaseContext,
  code: StorageErrorCode,
  make: () => StorageBody,
  options: PutOptions = {},
): Promise<Error> {
  const key = context.key('old');
  const free = context.key('folder/free');
  const { etag } = await context.put(key, 'old', OLD);
  await context.fails(context.storage.put(free, make(), { ...options, url: false }), code, { operation: 'put' });
  const error = await context.fails(context.storage.put(key, make(), { ...options, url: false }), code, { key });
  await context.holds(key, 'old', { ...OLD, etag });
  await context.absent(free);
  await context.lists(['old']);
  return error;
}

/** Bytes of a body until it fails: nothing, some, more than a part. */
const FAILS_AT: Readonly<Record<string, (context: CaseContext) => number>> = {
  'before its first byte': () => 0,
  midway: () => 100_000,
  'after many bytes': (context) => context.multipartBytes ?? context.largeBytes,
};

export const failureCases = groupOf('failures', {
  ...Object.fromEntries(
    Object.entries(FAILS_AT).map(([when, bytes]) => [
      `a body that fails ${when} keeps the old object and is told`,
      async (context: CaseContext) => {
        const cause = new Error('the body broke');
        const make = () => failingAfter(bytesOf(bytes(context), 'broken'), cause);
        const error = await keepsOld(context, 'source-failed', make);
        assert.equal(error.cause, cause, "the body's own error is the cause");
        // A storage error of the body is not wrapped: the driver passes on what it caught.
        const typed = new QuotaExceededError({ operation: 'upload', backend: context.backend.name });
        const work = context.storage.put(context.key('typed'), failingAfter(bytesOf(10, 'typed'), typed), {
          url: false,
        });
        assert.equal(await context.fails(work, 'quota-exceeded'), typed, 'the very error of the body');
      },
    ]),
  ),

  'a stream that fails before anybody reads it is told, and takes nobody down': async (context) => {
    const cause = new Error('the file is not there');
    const failing = () => {
      const stream = new Readable({ read() {} });
      process.nextTick(() => stream.destroy(cause));
      return stream;
    };
    const error = await keepsOld(context, 'source-failed', failing);
    assert.equal(error.cause, cause, "the stream's own error is the cause");
    const web = () => new ReadableStream<Uint8Array>({ start: (controller) => controller.error(cause) });
    await keepsOld(context, 'source-failed', web);
    // Refused before its failure comes: an 'error' that nobody hears ends the process.
    const late = new Readable({ read() {} });
    await context.fails(context.storage.put(`${context.folder}/double`, late, { url: false }), 'invalid-key');
    assert.ok(late.destroyed, 'a body that was refused is let go');
    assert.ok(late.listenerCount('error') > 0, 'a failure that comes later is heard');
  },

  'a stream that somebody else reads is refused': async (context) => {
    const locked = () => {
      const stream = new Blob(['locked']).stream() as ReadableStream<Uint8Array>;
      stream.getReader();
      return stream;
    };
    await keepsOld(context, 'invalid-options', locked);
  },

  'a stream that is destroyed midway keeps the old object': async (context) => {
    const make = () => {
      let pushed = 0;
      const stream = new Readable({
        read() {
          if (pushed++ < 3) this.push(bytesOf(40_000, 'destroyed'));
          else this.destroy();
        },
      });
      return stream;
    };
    await keepsOld(context, 'source-failed', make);
  },

  'checksums are verified before anything is published': async (context) => {
    const bytes = bytesOf(100_000, 'checksum');
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(bytes));
    const right = [
      { algorithm: 'sha256', digest: createHash('sha256').update(bytes).digest('hex') },
      { algorithm: 'md5', digest: createHash('md5').update(bytes).digest('base64') },
      { algorithm: 'crc32', digest: crc.toString('hex') },
    ] as const;
    const key = context.key('right');
    for (const checksum of right) await context.storage.put(key, chunked(bytes, 30_000), { checksum, url: false });
    await context.holds(key, bytes);
    await context.storage.delete(key);
    const wrong = { algorithm: 'sha256', digest: createHash('sha256').update('other').digest('hex') } as const;
    await keepsOld(context, 'checksum-mismatch', () => chunked(bytes, 30_000), { checksum: wrong });
    await keepsOld(context, 'checksum-mismatch', () => bytes, { checksum: wrong });
  },

  'a body of another size than promised stores nothing': async (context) => {
    const bytes = bytesOf(100_000, 'promised');
    const key = context.key('right');
    await context.storage.put(key, chunked(bytes, 30_000), { size: bytes.length, url: false });
    await context.holds(key, bytes);
    await context.storage.delete(key);
    for (const size of [bytes.length - 1, bytes.length + 1, 0]) {
      await keepsOld(context, 'size-mismatch', () => chunked(bytes, 30_000), { size });
    }
  },

  'a body over maxSize stores nothing': async (context) => {
    const bytes = bytesOf(100_000, 'too large');
    const key = context.key('right');
    await context.storage.put(key, chunked(bytes, 30_000), { maxSize: bytes.length, url: false });
    await context.holds(key, bytes);
    await context.storage.delete(key);
    await keepsOld(context, 'file-too-large', () => chunked(bytes, 30_000), { maxSize: bytes.length - 1 });
  },

  'a signal fired beforehand stops every operation': async (context) => {
    const key = context.key('there');
    const { etag } = await context.put(key, 'old', OLD);
    const signal = AbortSignal.abort(new Error('called off'));
    const { storage, folder } = context;
    const other = context.key('other');
    const works: readonly (() => Promise<unknown>)[] = [
      () => storage.put(key, 'new', { signal, url: false }),
      () => storage.put(key, chunked(bytesOf(1000, 'new'), 100), { signal, url: false }),
      () => storage.get(key, { signal }),
      () => storage.getMetadata(key, { signal }),
      () => storage.exists(key, { signal }),
      () => storage.listPage({ prefix: folder, signal }),
      () => storage.copy(key, other, { signal }),
      () => storage.move(key, other, { signal }),
      () => storage.delete(key, { signal }),
      () => storage.deleteMany([key], { signal }),
      () => storage.deletePrefix(folder, { signal }),
      () => storage.checkHealth({ signal }),
    ];
    for (const work of works) await context.fails(work(), 'aborted');
    await context.holds(key, 'old', { ...OLD, etag });
    await context.absent(other);
  },

  'a signal fired midway stops a write and keeps the old object': async (context) => {
    const key = context.key('old');
    const { etag } = await context.put(key, 'old', OLD);
    const controller = new AbortController();
    const reason = new Error('called off');
    const endless = async function* () {
      yield bytesOf(50_000, 'endless');
      setTimeout(() => controller.abort(reason), 5);
      for (;;) yield await new Promise<Uint8Array>((resolve) => setTimeout(resolve, 2, bytesOf(10, 'endless')));
    };
    const { signal } = controller;
    const error = await context.fails(context.storage.put(key, endless(), { signal, url: false }), 'aborted', { key });
    assert.equal(error.cause, reason, 'the reason of the signal is the cause');
    await context.holds(key, 'old', { ...OLD, etag });
    await context.lists(['old']);
  },

  'a signal fired midway ends a read with an error': async (context) => {
    const key = context.key('large');
    await context.put(key, bytesOf(context.largeBytes, 'read'));
    const controller = new AbortController();
    const stream = await context.storage.getStream(key, { signal: controller.signal });
    const read = async () => {
      for await (const chunk of stream) if (chunk) controller.abort();
    };
    await context.fails(read(), 'aborted', { operation: 'get', key });
  },

  'an operation that is over leaves no listener on its signal': async (context) => {
    const { signal } = new AbortController();
    const key = context.key('signal');
    const { storage } = context;
    await storage.put(key, chunked(bytesOf(1000, 'signal'), 100), { signal, url: false });
    await storage.get(key, { signal });
    await storage.getMetadata(key, { signal });
    await storage.copy(key, context.key('copy'), { signal });
    await storage.listKeys(context.folder);
    await context.fails(storage.get(context.key('missing'), { signal }), 'not-found');
    const staged = await storage.stage(key, 'x', { signal });
    await staged.abort();
    (await storage.getStream(key, { signal })).destroy();
    await buffer(await storage.getStream(key, { signal }));
    await storage.delete(key, { signal });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners left on the signal');
  },
});
