/** Cases: copies and moves take bytes, type and metadata along, keep to conditions, and lose nothing on failure. */
import assert from 'node:assert/strict';
import type { CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { bytesOf } from '../content.js';

const FACTS = { contentType: 'text/x-conformance', metadata: { mine: 'naïve 公司', empty: '' } };
/** A copy that streams through the process fails as the write that it is. */
const writing = (operation: 'copy' | 'move') => ({ operation: [operation, 'copy', 'put'] as const });

const HEADERS = { cacheControl: 'max-age=60', contentDisposition: 'inline' };

async function source(context: CaseContext, name = 'source') {
  const bytes = bytesOf(100_000, 'copied');
  const key = context.key(name);
  const { etag } = await context.put(key, bytes, { ...FACTS, ...HEADERS });
  return { key, bytes, etag };
}

export const copyCases = groupOf('copy and move', {
  'copy takes bytes, type, headers and metadata to the new key, and keeps the source': async (context) => {
    const from = await source(context);
    const to = context.key('deeper/target');
    const file = await context.storage.copy(from.key, to);
    assert.deepEqual([file.key, file.size, file.contentType], [to, from.bytes.length, FACTS.contentType]);
    assert.deepEqual({ ...file.metadata }, FACTS.metadata);
    await context.holds(to, from.bytes, { ...FACTS, etag: file.etag });
    const { cacheControl, contentDisposition } = await context.storage.getMetadata(to);
    assert.deepEqual({ cacheControl, contentDisposition }, HEADERS);
    await context.holds(from.key, from.bytes, { ...FACTS, etag: from.etag });
  },

  'copy replaces everything of an existing target, which is then an object of its own': async (context) => {
    const from = await source(context);
    const to = context.key('target');
    await context.put(to, 'old', { metadata: { old: 'yes' } });
    await context.storage.copy(from.key, to);
    await context.holds(to, from.bytes, FACTS);
    await context.storage.delete(from.key);
    await context.holds(to, from.bytes, FACTS);
  },

  'move takes the object along and leaves nothing under the old key': async (context) => {
    const from = await source(context);
    const to = context.key('deeper/target');
    await context.put(to, 'old');
    const file = await context.storage.move(from.key, to);
    assert.deepEqual([file.key, file.size], [to, from.bytes.length]);
    await context.holds(to, from.bytes, FACTS);
    await context.absent(from.key);
    await context.lists(['deeper/target']);
  },

  'copy and move onto the same key keep the object': async (context) => {
    const { key, bytes } = await source(context);
    await context.storage.copy(key, key);
    await context.holds(key, bytes, FACTS);
    await context.storage.move(key, key);
    await context.holds(key, bytes, FACTS);
  },

  'copy and move of a missing source fail and leave the target alone': async (context) => {
    const missing = context.key('missing');
    const to = context.key('target');
    await context.put(to, 'old');
    await context.fails(context.storage.copy(missing, to), 'not-found', { operation: 'copy', key: missing });
    const moved = context.storage.move(missing, to);
    await context.fails(moved, 'not-found', { operation: 'move', key: missing });
    await context.fails(context.storage.move(missing, missing), 'not-found', { operation: 'move' });
    await context.holds(to, 'old');
  },

  'create-only copies and moves spare a taken target, or are refused as declared': async (context) => {
    const from = await source(context);
    const to = context.key('target');
    const claimed = context.capabilities.createOnly.includes('copy');
    const options = { ifNoneMatch: '*' } as const;
    if (claimed) {
      await context.storage.copy(from.key, to, options);
      await context.holds(to, from.bytes, FACTS);
    }
    const { etag } = await context.put(to, 'taken');
    for (const operation of ['copy', 'move'] as const) {
      const work = context.storage[operation](from.key, to, options);
      await context.fails(work, claimed ? 'already-exists' : 'not-supported', writing(operation));
    }
    await context.holds(to, 'taken', { etag });
    await context.holds(from.key, from.bytes, FACTS);
  },

  'of parallel create-only copies exactly one wins, or all are refused as declared': async (context) => {
    const names = ['0', '1', '2', '3', '4', '5'];
    await Promise.all(names.map((name) => context.put(context.key(name), name)));
    const to = context.key('target');
    const settled = await Promise.allSettled(
      names.map((name) => context.storage.copy(context.key(name), to, { ifNoneMatch: '*' })),
    );
    const claimed = context.capabilities.createOnly.includes('copy');
    for (const one of settled) {
      if (one.status === 'rejected') {
        await context.fails(Promise.reject(one.reason), claimed ? 'already-exists' : 'not-supported');
      }
    }
    const won = settled.flatMap((one, index) => (one.status === 'fulfilled' ? [names[index]!] : []));
    assert.equal(won.length, claimed ? 1 : 0, 'copies that went through');
    if (claimed) await context.holds(to, won[0]!);
    else await context.absent(to);
  },

  'copies and moves with ifMatch replace the named version alone, or are refused as declared': async (context) => {
    const from = await source(context);
    const to = context.key('target');
    const { etag } = await context.put(to, 'old');
    const claimed = context.capabilities.ifMatch.includes('copy');
    const code = claimed ? 'precondition-failed' : 'not-supported';
    const { etag: current } = await context.put(to, 'newer');
    for (const operation of ['copy', 'move'] as const) {
      const stale = context.storage[operation](from.key, to, { ifMatch: etag });
      await context.fails(stale, code, writing(operation));
      const missing = context.storage[operation](from.key, context.key('nothing'), { ifMatch: etag });
      await context.fails(missing, code, writing(operation));
    }
    await context.holds(to, 'newer', { etag: current });
    await context.holds(from.key, from.bytes, FACTS);
    if (claimed) {
      await context.storage.copy(from.key, to, { ifMatch: current });
      await context.holds(to, from.bytes, FACTS);
    } else {
      await context.fails(context.storage.copy(from.key, to, { ifMatch: current }), 'not-supported');
    }
  },
});
