/** Cases: a staged body is invisible until its commit, which publishes it in one step, and leaves nothing on abort. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { sameBytes, type CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { bytesOf, chunked } from '../content.js';

const OLD = { metadata: { v: 'old' }, contentType: 'text/x-old' };
const NEW = { metadata: { v: 'new' }, contentType: 'text/x-new' };

/** Bodies that go in one request and in parts. */
function bothWays(context: CaseContext): readonly Buffer[] {
  return [bytesOf(1000, 'small'), bytesOf(context.multipartBytes ?? 300_000, 'in parts')];
}

export const stagingCases = groupOf('staging', {
  'a staged object is invisible until its commit': async (context) => {
    for (const [index, bytes] of bothWays(context).entries()) {
      const key = context.key(`staged-${index}`);
      const staged = await context.storage.stage(key, chunked(bytes, 50_000), NEW);
      const { info } = staged;
      assert.deepEqual([info.key, info.size, info.contentType], [key, bytes.length, NEW.contentType], 'staged info');
      assert.deepEqual({ ...info.metadata }, NEW.metadata, 'staged metadata');
      await context.absent(key);
      await context.fails(context.storage.get(key), 'not-found');
      const { prefixes, files } = await context.storage.listPage({ prefix: context.folder, delimiter: '/' });
      assert.deepEqual([prefixes, files.length], [[], index], 'a listing shows nothing of it');
      const file = await staged.commit();
      assert.deepEqual([file.key, file.size], [key, bytes.length], 'answer of the commit');
      await context.holds(key, bytes, { ...NEW, etag: file.etag });
    }
  },

  'the old object stays whole until the commit, and after an abort': async (context) => {
    for (const [index, bytes] of bothWays(context).entries()) {
      const key = context.key(`old-${index}`);
      const { etag } = await context.put(key, 'old', OLD);
      const aborted = await context.storage.stage(key, chunked(bytes, 50_000), NEW);
      await context.holds(key, 'old', { ...OLD, etag });
      await aborted.abort();
      await context.holds(key, 'old', { ...OLD, etag });
      const staged = await context.storage.stage(key, chunked(bytes, 50_000), NEW);
      await context.holds(key, 'old', { ...OLD, etag });
      await staged.commit();
      await context.holds(key, bytes, NEW);
    }
  },

  'an abort leaves nothing, may be repeated, and cannot be followed by a commit': async (context) => {
    for (const [index, bytes] of bothWays(context).entries()) {
      const key = context.key(`aborted-${index}`);
      const staged = await context.storage.stage(key, chunked(bytes, 50_000));
      await staged.abort();
      await staged.abort();
      await context.absent(key);
      await assert.rejects(staged.commit(), 'commit after abort');
      await context.absent(key);
    }
    assert.deepEqual(await context.names(), []);
  },

  'a second commit gives the same answer and writes nothing': async (context) => {
    const key = context.key('twice');
    const staged = await context.storage.stage(key, 'once');
    const [first, beside] = await Promise.all([staged.commit(), staged.commit()]);
    assert.equal(beside.etag, first.etag, 'commits at once');
    await context.storage.put(key, 'newer', { url: false });
    assert.equal((await staged.commit()).etag, first.etag, 'a commit later on');
    await context.holds(key, 'newer');
  },

  'a commit that failed fails the same way again': async (context) => {
    const key = context.key('failed');
    const claimed = context.capabilities.createOnly.includes('single');
    if (!claimed) {
      const refused = context.storage.put(key, 'x', { ifNoneMatch: '*', url: false });
      await context.fails(refused, 'not-supported');
      return;
    }
    const staged = await context.storage.stage(key, 'staged', { ifNoneMatch: '*' });
    await context.put(key, 'taken');
    await context.fails(staged.commit(), 'already-exists');
    await context.storage.delete(key);
    await context.fails(staged.commit(), 'already-exists');
    await staged.abort();
    await context.absent(key);
  },

  'an abort after the commit does nothing': async (context) => {
    for (const [index, bytes] of bothWays(context).entries()) {
      const key = context.key(`committed-${index}`);
      const staged = await context.storage.stage(key, chunked(bytes, 50_000), NEW);
      await staged.commit();
      await staged.abort();
      await context.holds(key, bytes, NEW);
    }
  },

  'staged objects of one key do not mix: each commit publishes its own': async (context) => {
    const key = context.key('two');
    const first = await context.storage.stage(key, bytesOf(5000, 'first'), { metadata: { v: 'first' } });
    const second = await context.storage.stage(key, bytesOf(3000, 'second'), { metadata: { v: 'second' } });
    await second.commit();
    await context.holds(key, bytesOf(3000, 'second'), { metadata: { v: 'second' } });
    await first.commit();
    await context.holds(key, bytesOf(5000, 'first'), { metadata: { v: 'first' } });
  },

  'a commit publishes what was staged, though the old object was deleted meanwhile': async (context) => {
    const key = context.key('folder/deleted');
    await context.put(key, 'old');
    const staged = await context.storage.stage(key, 'new');
    await context.storage.delete(key);
    await context.absent(key);
    await staged.commit();
    await context.holds(key, 'new');
  },

  'staged bytes can be read, whole and in part, where that is declared': async (context) => {
    for (const [index, bytes] of bothWays(context).entries()) {
      const staged = await context.storage.stage(context.key(`readable-${index}`), chunked(bytes, 50_000));
      try {
        const { stagedReads } = context.capabilities;
        assert.equal(typeof staged.open, stagedReads ? 'function' : 'undefined', 'open() is there as declared');
        if (!staged.open) continue;
        sameBytes(await buffer(await staged.open()), bytes, 'staged object');
        sameBytes(await buffer(await staged.open({ start: 10, end: 19 })), bytes.subarray(10, 20), 'part of it');
        sameBytes(await buffer(await staged.open({ suffix: 7 })), bytes.subarray(-7), 'end of it');
        await context.fails(staged.open({ start: bytes.length }), 'invalid-range');
        if (!staged.matches) continue;
        const other = Buffer.from(bytes);
        other[other.length - 1]! ^= 1;
        const answers = [bytes, other, bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(0)];
        const told = await Promise.all(answers.map((answer) => staged.matches!(answer)));
        assert.deepEqual(told, [true, false, false, false, false], 'matches() tells the bytes from others');
      } finally {
        await staged.abort();
      }
    }
  },
});
