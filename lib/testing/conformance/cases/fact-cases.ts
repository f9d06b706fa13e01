/** Cases: type, headers, metadata, dates and etags come back as they were given, together with their own bytes. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { groupOf } from '../case-definition.js';
import { bytesOf } from '../content.js';

/** What transports are known to lose: encodings, empty values, outer spaces, look-alikes of encodings. */
const METADATA = {
  plain: 'report',
  'a-b_c1': 'key with every kind of character',
  nonascii: 'naïve 公司 😀',
  empty: '',
  spaces: '  padded  ',
  encoded: '=?UTF-8?B?eA==?= %41 \\u0041 &amp;',
  quotes: `"double" 'single', a=b; c`,
  lines: 'one\ntwo\ttabbed',
  constructor: 'a name that plain objects inherit',
  number: '007',
};

const HEADERS = {
  contentType: 'application/x-conformance; version=1',
  cacheControl: 'public, max-age=31536000, immutable',
  contentDisposition: `attachment; filename="a b.txt"; filename*=UTF-8''na%C3%AFve.txt`,
};

const UNLIMITED_TRIAL = 4096;

export const factCases = groupOf('facts', {
  'keeps the content type, and finds one by the extension where none is given': async (context) => {
    for (const [name, contentType, expected] of [
      ['a.txt', undefined, 'text/plain'],
      ['a.pdf', undefined, 'application/pdf'],
      ['noextension', undefined, 'application/octet-stream'],
      ['b.txt', 'application/json', 'application/json'],
      ['c', 'text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ] as const) {
      const key = context.key(name);
      const file = await context.put(key, 'x', { contentType });
      assert.equal(file.contentType, expected, `type of ${name} in the answer`);
      await context.holds(key, 'x', { contentType: expected });
    }
  },

  'keeps cacheControl and contentDisposition': async (context) => {
    const key = context.key('headers');
    await context.put(key, 'x', HEADERS);
    const file = await context.eventually(() => context.storage.getMetadata(key));
    const { contentType, cacheControl, contentDisposition } = file;
    assert.deepEqual({ contentType, cacheControl, contentDisposition }, HEADERS);
  },

  'hands out facts that are the caller’s own: changing them changes no object': async (context) => {
    const key = context.key('own');
    const file = await context.put(key, 'x', { metadata: { a: 'stored' } });
    for (const told of [file, await context.eventually(() => context.storage.getMetadata(key))]) {
      // Refusing the change is as good as a copy.
      try {
        (told.metadata as Record<string, string>).a = 'changed';
        told.lastModified.setTime(0);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
    const again = await context.storage.getMetadata(key);
    assert.deepEqual([{ ...again.metadata }, again.lastModified.getTime() > 0], [{ a: 'stored' }, true]);
  },

  'keeps metadata, non-ASCII, empty and awkward values included': async (context) => {
    const key = context.key('metadata');
    const file = await context.put(key, 'x', { metadata: METADATA });
    assert.deepEqual({ ...file.metadata }, METADATA, 'metadata in the answer');
    await context.holds(key, 'x', { metadata: METADATA });
    const opened = await context.storage.open(key);
    await buffer(opened.body);
    assert.deepEqual({ ...opened.file.metadata }, METADATA, 'metadata of an opened object');
  },

  'gives no metadata where none was given': async (context) => {
    const key = context.key('bare');
    await context.put(key, 'x');
    await context.holds(key, 'x', { metadata: {} });
  },

  'keeps metadata up to its declared limit, and refuses more before it reads a byte': async (context) => {
    const limit = context.capabilities.maxMetadataBytes;
    const key = context.key('metadata');
    const fits = { k: 'v'.repeat((limit ?? UNLIMITED_TRIAL) - 1) };
    await context.put(key, 'x', { metadata: fits });
    await context.holds(key, 'x', { metadata: fits });
    if (limit === undefined) return;
    let pulled = false;
    const body = async function* () {
      pulled = true;
      yield bytesOf(10, 'never stored');
    };
    const over = context.storage.put(key, body(), { metadata: { k: `${fits.k}v` } });
    await context.fails(over, 'invalid-options', { operation: 'put', key });
    assert.equal(pulled, false, 'the body must not be touched');
    await context.holds(key, 'x', { metadata: fits });
  },

  'replaces everything when an object is overwritten': async (context) => {
    const key = context.key('replaced');
    await context.put(key, bytesOf(5000, 'old'), { ...HEADERS, metadata: { old: 'yes', both: '1' } });
    await context.put(key, 'new', { contentType: 'text/plain', metadata: { both: '2' } });
    await context.holds(key, 'new', { contentType: 'text/plain', metadata: { both: '2' } });
    const file = await context.storage.getMetadata(key);
    assert.equal(file.cacheControl, undefined, 'cacheControl of the old object is gone');
    assert.equal(file.contentDisposition, undefined, 'contentDisposition of the old object is gone');
  },

  'gives one etag and date for one version, wherever it is asked': async (context) => {
    const key = context.key('versions');
    const written = await context.put(key, 'x');
    await context.eventually(async () => {
      const opened = await context.storage.open(key);
      await buffer(opened.body);
      const [listed] = (await context.storage.listPage({ prefix: key })).files;
      const seen = [written, await context.storage.getMetadata(key), opened.file, listed];
      for (const facts of seen) {
        assert.equal(facts?.etag, written.etag, 'etag of commit, stat, open and list');
        assert.equal(facts?.size, 1, 'size of commit, stat, open and list');
        assert.equal(facts?.key, key, 'key of commit, stat, open and list');
        assert.ok(facts?.lastModified instanceof Date, 'lastModified is a Date');
        // Stores that keep whole seconds round.
        assert.ok(Math.abs(facts.lastModified.getTime() - written.lastModified.getTime()) <= 1000, 'lastModified');
      }
    });
    assert.ok(written.etag.length > 0 && !/^(?:W\/)?"/.test(written.etag), 'an etag is bare, without quotes');
    assert.ok(
      Math.abs(written.lastModified.getTime() - Date.now()) < 15 * 60_000,
      'lastModified is the time of writing',
    );
  },

  'changes the etag with every write': async (context) => {
    const key = context.key('versions');
    const etags = new Set<string>();
    for (const text of ['one', 'two', 'three', 'four']) etags.add((await context.put(key, text)).etag);
    assert.equal(etags.size, 4, 'four versions have four etags');
  },
});
