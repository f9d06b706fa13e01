/** Cases: listings give every key once, in order where that is declared, page by page whatever happens meanwhile. */
import assert from 'node:assert/strict';
import { compareKeys } from '../../../contract/index.js';
import type { ListedPage, ListPageQuery } from '../../../service/index.js';
import type { CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';

/** Where the order of UTF-8 bytes differs from that of UTF-16 units, of locales, of folders and of upper case. */
const ORDER = [
  'B',
  'a',
  'a!',
  'a-b',
  'a.b',
  'a0',
  'b/!',
  'b/a/x',
  'b/a-x',
  'b/a0',
  'b/b',
  'b-',
  'b0',
  'z',
  'é',
  '\ud7ff',
  '\ue000',
  '～',
  '\uffee',
  '😀',
  '😁/x',
];

async function fill(context: CaseContext, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => context.put(context.key(name), name)));
  await context.eventually(async () => assert.equal((await context.names()).length, names.length));
}

/** All pages of a listing; more pages than entries can fill are an endless listing. */
async function pages(
  context: CaseContext,
  query: ListPageQuery,
  most: number,
  between?: (page: ListedPage, index: number) => Promise<void>,
): Promise<ListedPage[]> {
  const all: ListedPage[] = [];
  let cursor: string | undefined;
  do {
    assert.ok(all.length <= most, `a listing of at most ${most} pages must end`);
    const page = await context.storage.listPage({ ...query, cursor });
    const entries = page.files.length + page.prefixes.length;
    assert.ok(entries <= (query.limit ?? 1000), `a page of at most ${query.limit} holds ${entries}`);
    all.push(page);
    ({ cursor } = page);
    if (cursor !== undefined) await between?.(page, all.length - 1);
  } while (cursor !== undefined);
  return all;
}

function relative(context: CaseContext, names: readonly string[]): string[] {
  return names.map((name) => name.slice(context.folder.length));
}

function filesOf(context: CaseContext, all: readonly ListedPage[]): string[] {
  return relative(
    context,
    all.flatMap((page) => page.files.map((file) => file.key)),
  );
}

function prefixesOf(context: CaseContext, all: readonly ListedPage[]): string[] {
  return relative(
    context,
    all.flatMap((page) => page.prefixes),
  );
}

/** Names of 26 keys, in order. */
const MANY = Array.from({ length: 26 }, (_, index) => `k${String(index).padStart(2, '0')}`);

export const listCases = groupOf('listing', {
  'gives every key once, in the order of UTF-8 bytes where declared': async (context) => {
    await fill(context, ORDER);
    await context.lists(ORDER.toSorted(compareKeys));
    const all = await pages(context, { prefix: context.folder, limit: 4 }, ORDER.length);
    const expected = ORDER.toSorted(compareKeys);
    assert.deepEqual(context.inOrder(filesOf(context, all)), context.inOrder(expected), 'in pages of 4');
  },

  'takes the prefix as a plain string': async (context) => {
    const names = ['user/1', 'user/10/b', 'user/1_x', 'user/2/a', 'userx', 'Üser/1', 'u%r', 'u*r', 'u[s]er'];
    await fill(context, context.capabilities.hierarchical ? names : [...names, 'user/1/a']);
    const expected = (prefix: string) =>
      [...names, ...(context.capabilities.hierarchical ? [] : ['user/1/a'])]
        .filter((name) => name.startsWith(prefix))
        .toSorted(compareKeys);
    const prefixes = [
      'user/1',
      'user/1/',
      'user/',
      'user',
      'u',
      'u%',
      'u*',
      'u[s]',
      'user/2/a',
      'user/2/ab',
      'no/such/',
      'x',
      'USER',
    ];
    for (const prefix of prefixes) await context.lists(expected(prefix), prefix);
  },

  'entries carry key, size, lastModified and etag, and no more': async (context) => {
    const stored = await context.put(context.key('entry'), 'four', { metadata: { a: 'b' } });
    const [entry] = await context.eventually(async () => {
      const { files } = await context.storage.listPage({ prefix: context.folder });
      assert.equal(files.length, 1);
      return files;
    });
    assert.deepEqual(Object.keys(entry!).toSorted(), ['etag', 'key', 'lastModified', 'size']);
    assert.deepEqual([entry!.key, entry!.size], [stored.key, 4]);
    if (!context.byUrl) assert.equal(entry!.etag, stored.etag);
  },

  'gives nothing, and no cursor, where there is nothing': async (context) => {
    for (const query of [{}, { delimiter: '/' as const }, { limit: 1 }]) {
      const page = await context.storage.listPage({ ...query, prefix: context.folder });
      assert.deepEqual({ ...page }, { files: [], prefixes: [] });
    }
  },

  'groups by the next folder with a delimiter': async (context) => {
    const names = ['a-b', 'a/x', 'a/y/z', 'a0', 'b/c/d', 'e', '公司/文件'];
    await fill(context, names);
    const look = async (prefix: string) => {
      const all = await pages(context, { prefix: context.folder + prefix, delimiter: '/' }, 2);
      return [context.inOrder(filesOf(context, all)), context.inOrder(prefixesOf(context, all))];
    };
    await context.eventually(async () => {
      assert.deepEqual(await look(''), [
        ['a-b', 'a0', 'e'],
        ['a/', 'b/', '公司/'],
      ]);
      assert.deepEqual(await look('a'), [['a-b', 'a0'], ['a/']]);
      assert.deepEqual(await look('a/'), [['a/x'], ['a/y/']]);
      assert.deepEqual(await look('b/'), [[], ['b/c/']]);
      assert.deepEqual(await look('b/c'), [[], ['b/c/']]);
      assert.deepEqual(await look('none/'), [[], []]);
    });
  },

  'gives every entry once in pages of one, folders too': async (context) => {
    const names = ['a', 'b-', 'b/1', 'b/2', 'b0', 'c/1', 'd'];
    await fill(context, names);
    const flat = await pages(context, { prefix: context.folder, limit: 1 }, names.length + 1);
    assert.deepEqual(context.inOrder(filesOf(context, flat)), context.inOrder(names));
    const grouped = await pages(context, { prefix: context.folder, delimiter: '/', limit: 1 }, names.length + 1);
    assert.deepEqual(context.inOrder(filesOf(context, grouped)), context.inOrder(['a', 'b-', 'b0', 'd']));
    assert.deepEqual(context.inOrder(prefixesOf(context, grouped)), context.inOrder(['b/', 'c/']));
    if (context.capabilities.ordering !== 'utf8') return;
    const mixed = grouped.flatMap((page) => page.files.map((file) => file.key).concat(page.prefixes));
    assert.deepEqual(relative(context, mixed), ['a', 'b-', 'b/', 'b0', 'c/', 'd'], 'files and folders in one order');
  },

  'pages survive inserts and deletes between them': async (context) => {
    await fill(context, MANY);
    const gone = new Set<string>();
    const inserted = new Set<string>();
    const all = await pages(context, { prefix: context.folder, limit: 7 }, MANY.length * 2, async (page, index) => {
      if (index > 1) return;
      // Behind the cursor first fewer entries, then more: what a cursor that counts entries gets wrong. The last key of
      // the page may be the cursor itself.
      const behind = index === 0 ? page.files.slice(-2).map((file) => file.key) : [];
      const coming = context.key(MANY[index * 7 + 10]!);
      gone.add(relative(context, [coming])[0]!);
      await context.storage.deleteMany([...behind, coming]);
      const fresh = index === 0 ? ['k08-after'] : ['a-before-1', 'a-before-2', 'k15-after'];
      for (const name of fresh) {
        inserted.add(name);
        await context.storage.put(context.key(name), name, { url: false });
      }
    });
    const names = filesOf(context, all);
    assert.equal(new Set(names).size, names.length, `no key comes twice: ${names.join(' ')}`);
    if (context.capabilities.consistency === 'eventual') return;
    const stayed = MANY.filter((name) => !gone.has(name));
    const old = names.filter((name) => !inserted.has(name) && !gone.has(name));
    assert.deepEqual(context.inOrder(old), context.inOrder(stayed), 'every key that was there throughout comes');
    if (context.capabilities.ordering === 'utf8') {
      assert.ok(!names.some((name) => gone.has(name)), 'what was deleted ahead of the cursor does not come');
      assert.ok(
        !names.some((name) => name.startsWith('a-before')),
        'what was inserted behind the cursor does not come',
      );
      assert.ok(names.includes('k08-after'), 'what was inserted ahead of the cursor comes');
    }
  },

  'pages with a delimiter survive the delete of a folder between them': async (context) => {
    const names = ['a/1', 'b/1', 'b/2', 'c/1', 'd', 'e/1'];
    await fill(context, names);
    const query = { prefix: context.folder, delimiter: '/', limit: 2 } as const;
    const all = await pages(context, query, names.length + 1, async (page, index) => {
      if (index > 0) return;
      for (const prefix of page.prefixes.slice(-1)) await context.storage.deletePrefix(prefix);
      await context.storage.put(context.key('0'), 'behind', { url: false });
    });
    const entries = [...prefixesOf(context, all), ...filesOf(context, all)];
    assert.equal(new Set(entries).size, entries.length, `no entry comes twice: ${entries.join(' ')}`);
    if (context.capabilities.consistency === 'eventual') return;
    for (const name of ['a/', 'b/', 'c/', 'd', 'e/']) assert.ok(entries.includes(name), `${name} comes`);
  },

  'refuses cursors that are not its own': async (context) => {
    await fill(context, ['a/1', 'a/2', 'a/3', 'b/1', 'b/2']);
    const { cursor } = await context.storage.listPage({ prefix: context.key('a/1').slice(0, -1), limit: 1 });
    assert.ok(cursor, 'a page that is full gives a cursor where there is more');
    const foreign = context.storage.listPage({ prefix: `${context.folder}b/`, cursor, limit: 1 });
    await context.fails(foreign, 'invalid-options', { operation: 'list' });
    for (const garbage of ['', 'garbage', '!!', '../..', Buffer.from('["x"]').toString('base64url'), '公司']) {
      const work = context.storage.listPage({ prefix: `${context.folder}a/`, cursor: garbage });
      await context.fails(work, 'invalid-options', { operation: 'list' });
    }
  },

  'refuses limits and delimiters that are none': async (context) => {
    for (const query of [
      { limit: 0 },
      { limit: -1 },
      { limit: 1.5 },
      { limit: Number.NaN },
      { delimiter: '-' as '/' },
    ]) {
      const work = context.storage.listPage({ ...query, prefix: context.folder });
      await context.fails(work, 'invalid-options', { operation: 'list' });
    }
  },

  'listKeys and the iteration go through all pages and stop at the limit': async (context) => {
    await fill(context, MANY);
    const { storage, folder } = context;
    const some = await storage.listKeys(folder, { limit: 5 });
    assert.equal(some.length, 5);
    if (context.capabilities.ordering === 'utf8') assert.deepEqual(relative(context, some), MANY.slice(0, 5));
    const seen: string[] = [];
    for await (const file of storage.list({ prefix: folder })) seen.push(file.key);
    assert.deepEqual(context.inOrder(relative(context, seen)), MANY);
  },
});
