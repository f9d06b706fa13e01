/** Cases: every valid key is a key of its own, in every operation. */
import assert from 'node:assert/strict';
import { compareKeys } from '../../../contract/index.js';
import { sameBytes, type CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { request } from '../signed-requests.js';

const MAX_COMFORTABLE_SEGMENT = 200;

// No name promises a picture: what is stored here is text, and stores that know images refuse it under one.
const AWKWARD: Readonly<Record<string, readonly string[]>> = {
  'spaces and plus signs': ['a b.txt', 'a+b.txt', 'a%20b.txt', 'a%2Bb.txt', ' leading', 'a  b'],
  'percent signs and what look like escapes': ['100%', '%', '%2F', 'a%2fb', 'x/y%2Fz', 'x/y/z', '%00', '%E4', '%25'],
  'characters with a meaning in URLs': [
    'a#b',
    'a?b=c',
    'a&b',
    'a=b',
    'a;b',
    'a:b',
    'a@b',
    'http:',
    '~a',
    'a,b',
    'a$b!',
  ],
  'quotes, brackets and wildcards': [`it's`, 'a"b', '<a>', '[a]', '{a}', '(a)', 'a|b', 'a^b', 'a`b', 'a*', '**', 'a_'],
  'Unicode, composed and decomposed as two keys': [
    'caf\u00e9.txt',
    'cafe\u0301.txt',
    '公司/文件.docx',
    '😀.txt',
    'עברית',
    'ﬁ',
    'ß',
  ],
  dots: ['.env', '.hidden/file', 'foo../x', 'foo..bar', '...x', 'a.b.c', '..x', '.x/..y/...z'],
  'names that systems give a meaning to': [
    'con',
    'nul.txt',
    'index.html',
    '__proto__',
    'constructor',
    'thumbs.db',
    '-rf',
    '~',
  ],
};

/** Objects under all these names, each holding its own name, through every operation. */
async function throughEverything(context: CaseContext, names: readonly string[]): Promise<void> {
  const keys = names.map((name) => context.key(`in/${name}`));
  await Promise.all(keys.map((key) => context.put(key, key, { metadata: { mine: key } })));
  await Promise.all(keys.map((key) => context.holds(key, key, { metadata: { mine: key } })));
  await context.lists(names.map((name) => `in/${name}`).toSorted(compareKeys), 'in/');
  if (context.capabilities.getUrl.length > 0 && !context.byUrl) {
    await Promise.all(
      keys.map(async (key) => {
        const answer = await request(await context.storage.getUrl(key));
        assert.equal(answer.status, 200, `URL of ${key}`);
        sameBytes(answer.body, Buffer.from(key), `URL of ${key}`);
      }),
    );
  }
  const copies = names.map((name) => context.key(`out/${name}`));
  await Promise.all(copies.map((copy, index) => context.storage.copy(keys[index]!, copy)));
  await Promise.all(
    copies.map((copy, index) => context.holds(copy, keys[index]!, { metadata: { mine: keys[index]! } })),
  );
  const deleted = await context.storage.deleteMany(copies);
  assert.deepEqual([deleted.deleted.toSorted(), deleted.failed], [copies.toSorted(), []], 'deleteMany');
  assert.equal(await context.storage.delete(keys[0]!), true);
  await context.absent(keys[0]!);
  await Promise.all(keys.slice(1).map((key) => context.holds(key, key)));
}

/** A key of exactly so many bytes, in segments that any disk holds. */
function keyOfBytes(context: CaseContext, bytes: number): string {
  const segment = Math.min(context.capabilities.maxSegmentBytes ?? MAX_COMFORTABLE_SEGMENT, MAX_COMFORTABLE_SEGMENT);
  let key = context.folder;
  while (bytes - key.length > segment) key += `${'k'.repeat(Math.min(segment, bytes - key.length - 2))}/`;
  return key + 'k'.repeat(bytes - key.length);
}

export const keyCases = groupOf('keys', {
  ...Object.fromEntries(
    Object.entries(AWKWARD).map(([what, names]) => [
      `treats as themselves: ${what}`,
      (context: CaseContext) => throughEverything(context, names),
    ]),
  ),

  'keeps keys apart that differ in case alone, or says that it cannot': async (context) => {
    const upper = context.key('Case/File.TXT');
    const lower = context.key('case/file.txt');
    await context.put(upper, 'upper');
    const refused = await context.put(lower, 'lower').then(
      () => undefined,
      (error: unknown) => error,
    );
    await context.holds(upper, 'upper');
    if (refused === undefined) await context.holds(lower, 'lower');
    else await context.fails(Promise.reject(refused), ['key-conflict', 'invalid-key'], { operation: 'put' });
  },

  'takes a key of the longest declared length and refuses one byte more': async (context) => {
    const { maxKeyBytes } = context.capabilities;
    const longest = keyOfBytes(context, maxKeyBytes);
    assert.equal(Buffer.byteLength(longest), maxKeyBytes);
    await context.put(longest, 'longest');
    await context.holds(longest, 'longest');
    assert.deepEqual(await context.storage.listKeys(context.folder), [longest]);
    const over = context.storage.put(`${longest}k`, 'over', { url: false });
    await context.fails(over, 'invalid-key', { operation: 'put' });
    await context.holds(longest, 'longest');
  },

  'takes a segment of the longest declared length and refuses one byte more': async (context) => {
    const { maxSegmentBytes, maxKeyBytes } = context.capabilities;
    const room = maxKeyBytes - Buffer.byteLength(context.folder);
    const longest = Math.min(maxSegmentBytes ?? room, room);
    const key = context.key('s'.repeat(longest));
    await context.put(key, 'longest');
    await context.holds(key, 'longest');
    // In characters of several bytes too: limits are in bytes.
    const wide = context.key('é'.repeat(Math.floor(longest / 2)));
    await context.put(wide, 'wide');
    await context.holds(wide, 'wide');
    const over = `${context.folder}${'s'.repeat(longest + 1)}`;
    await context.fails(context.storage.put(over, 'over', { url: false }), 'invalid-key', { operation: 'put' });
    const overFolder = `${over}/x`;
    await context.fails(context.storage.put(overFolder, 'over', { url: false }), 'invalid-key', { operation: 'put' });
    assert.equal((await context.names()).length, 2, 'nothing came of the keys that are too long');
  },

  'lets `a` and `a/b` stand side by side, or refuses the second as declared': async (context) => {
    const file = context.key('a');
    const below = context.key('a/b');
    await context.put(file, 'file');
    if (context.capabilities.hierarchical) {
      await context.fails(context.storage.put(below, 'x', { url: false }), 'key-conflict', { operation: 'put' });
      await context.holds(file, 'file');
      await context.storage.delete(file);
      await context.put(below, 'below');
      await context.fails(context.storage.put(file, 'x', { url: false }), 'key-conflict', { operation: 'put' });
      await context.put(context.key('other'), 'other');
      await context.fails(context.storage.copy(context.key('other'), file), 'key-conflict');
      await context.holds(below, 'below');
      await context.lists(['a/b', 'other']);
      return;
    }
    await context.put(below, 'below');
    await context.holds(file, 'file');
    await context.holds(below, 'below');
    await context.lists(['a', 'a/b']);
    await context.storage.delete(file);
    await context.holds(below, 'below');
  },

  'leaves no folder behind that blocks a key or shows in a listing': async (context) => {
    const deep = context.key('a/b/c');
    await context.put(deep, 'deep');
    await context.storage.delete(deep);
    const page = await context.eventually(() => context.storage.listPage({ prefix: context.folder, delimiter: '/' }));
    assert.deepEqual([page.files, page.prefixes], [[], []], 'an empty folder is no entry');
    await context.put(context.key('a/b'), 'now a file');
    await context.holds(context.key('a/b'), 'now a file');
    await context.storage.delete(context.key('a/b'));
    await context.put(context.key('a'), 'now a file');
    await context.holds(context.key('a'), 'now a file');
  },

  'finds nothing under keys that name a folder or go below a file': async (context) => {
    await context.put(context.key('folder/file'), 'x');
    for (const name of ['folder', 'folder/file/below', 'folder/other', 'other/file']) {
      const key = context.key(name);
      assert.equal(await context.storage.exists(key), false, name);
      await context.fails(context.storage.get(key), 'not-found', { operation: 'get', key });
      if (context.settings.blindDeletes !== true) assert.equal(await context.storage.delete(key), false, name);
    }
    await context.holds(context.key('folder/file'), 'x');
  },

  'refuses keys that break the rules, without a trace': async (context) => {
    for (const name of [
      '../out',
      'a/../../b',
      'a//b',
      'a/',
      'a\\b',
      'a\0b',
      'a.',
      'a ',
      '.nestjs-storage/x',
      '\ud800',
    ]) {
      const key = context.folder + name;
      await context.fails(context.storage.put(key, 'x'), 'invalid-key', { operation: 'put' });
      await context.fails(context.storage.get(key), 'invalid-key', { operation: 'get' });
      await context.fails(context.storage.delete(key), 'invalid-key', { operation: 'delete' });
    }
    assert.deepEqual(await context.names(), []);
  },
});
