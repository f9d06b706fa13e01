/** Cases: what is deleted is gone, what is missing is told the same way everywhere, and nothing else is touched. */
import assert from 'node:assert/strict';
import { groupOf } from '../case-definition.js';

export const deleteCases = groupOf('delete and missing', {
  'delete says whether there was anything': async (context) => {
    const key = context.key('deleted');
    const beside = context.key('deleted-not');
    await context.put(key, 'x', { metadata: { v: '1' } });
    await context.put(beside, 'y');
    assert.equal(await context.storage.exists(key), true, 'exists before');
    assert.equal(await context.storage.delete(key), true, 'a file that was there');
    await context.absent(key);
    await context.fails(context.storage.get(key), 'not-found', { operation: 'get', key });
    const again = await context.storage.delete(key);
    if (context.settings.blindDeletes !== true) assert.equal(again, false, 'a file that was not there');
    await context.holds(beside, 'y');
  },

  'a key can be used again after a delete, with nothing of the old object': async (context) => {
    const key = context.key('again');
    await context.put(key, 'the longer old object', { metadata: { old: 'yes' }, contentType: 'text/x-old' });
    await context.storage.delete(key);
    await context.put(key, 'new', { contentType: 'text/plain' });
    await context.holds(key, 'new', { metadata: {}, contentType: 'text/plain' });
  },

  'a missing file is the same error everywhere': async (context) => {
    const key = context.key('missing');
    const { storage } = context;
    await context.fails(storage.get(key), 'not-found', { operation: 'get', key });
    await context.fails(storage.get(key, { range: { start: 5 } }), 'not-found', { operation: 'get', key });
    await context.fails(storage.getStream(key), 'not-found', { operation: 'get', key });
    await context.fails(storage.getMetadata(key), 'not-found', { operation: 'getMetadata', key });
    await context.fails(context.read(key), 'not-found', { key });
    assert.equal(await storage.exists(key), false);
    if (context.capabilities.getUrl.length > 0) {
      await context.fails(storage.getUrl(key), 'not-found', { operation: 'getUrl', key });
    }
  },

  'a read of a version that is gone is refused': async (context) => {
    const key = context.key('version');
    const { etag: old } = await context.put(key, 'old');
    const { etag } = await context.put(key, 'newer');
    await context.fails(context.storage.get(key, { ifMatch: old }), 'precondition-failed', { operation: 'get', key });
    assert.equal((await context.storage.get(key, { ifMatch: etag })).toString(), 'newer');
  },

  'deleteMany deletes what is there and nothing else': async (context) => {
    const keys = ['a', 'b/c', 'd e+f'].map((name) => context.key(name));
    const missing = context.key('missing');
    const kept = context.key('kept');
    await Promise.all([...keys, kept].map((key) => context.put(key, 'x')));
    const { deleted, failed } = await context.storage.deleteMany([keys[0]!, missing, ...keys.slice(1)]);
    const told = deleted.filter((key) => key !== missing || context.settings.blindDeletes !== true);
    assert.deepEqual(new Set(told), new Set(keys));
    assert.deepEqual(failed, []);
    await context.lists(['kept']);
    const nothing = await context.storage.deleteMany([]);
    assert.deepEqual([nothing.deleted, nothing.failed], [[], []], 'no keys');
  },

  'deletePrefix takes the folder and never its longer siblings': async (context) => {
    const inside = ['user/1/a', 'user/1/b/c', 'user/1/b/d'];
    const outside = ['other', 'user/1-a', 'user/10/a', 'users/1/a'];
    await Promise.all([...inside, ...outside].map((name) => context.put(context.key(name), name)));
    await context.fails(context.storage.deletePrefix(`${context.folder}user/1`), 'invalid-key', {
      operation: 'delete',
    });
    const { deleted, failed } = await context.storage.deletePrefix(`${context.folder}user/1/`);
    assert.deepEqual([deleted.toSorted(), failed], [inside.map((name) => context.key(name)), []]);
    await context.lists(outside);
  },
});
