/** Backends that break what the contract says of keys, listings and declared limits. */
import { compareKeys, type StorageBackend, type StorageKey } from '../../../lib/contract/index.js';
import { changed, claiming, type BrokenBackend } from './changes.js';

function renaming(rename: (key: string) => string): StorageBackend {
  const named = (key: StorageKey) => rename(key) as StorageKey;
  return changed((inner) => ({
    stage: async (key, body, options) => {
      const staged = await inner.stage(named(key), body, options);
      return { ...staged, info: { ...staged.info, key }, commit: async () => ({ ...(await staged.commit()), key }) };
    },
    open: async (key, options) => {
      const opened = await inner.open(named(key), options);
      return { ...opened, info: { ...opened.info, key } };
    },
    stat: async (key, options) => ({ ...(await inner.stat(named(key), options)), key }),
    delete: (key, options) => inner.delete(named(key), options),
  }));
}

/** A listing that sorts by itself; the cursor is the number of entries given so far. */
function listingBy(compare: (a: string, b: string) => number): StorageBackend {
  return changed((inner) => ({
    list: async ({ prefix, cursor, limit }) => {
      const { objects } = await inner.list({ prefix, limit: 10_000 });
      const sorted = objects.toSorted((a, b) => compare(a.key, b.key));
      const from = Number(cursor ?? 0);
      const rest = sorted.length > from + limit ? { cursor: String(from + limit) } : {};
      return { objects: sorted.slice(from, from + limit), prefixes: [], ...rest };
    },
  }));
}

export const NAMERS: readonly BrokenBackend[] = [
  {
    what: 'lists in the order of UTF-16 units',
    make: () => listingBy((a, b) => (a < b ? -1 : 1)),
    caughtBy: ['gives every key once, in the order of UTF-8 bytes where declared'],
  },
  {
    what: 'lists in the order of a locale',
    make: () => listingBy((a, b) => a.localeCompare(b)),
    caughtBy: ['gives every key once, in the order of UTF-8 bytes where declared'],
  },
  {
    what: 'counts entries in its cursor, so that deletes shift the pages',
    make: () => listingBy(compareKeys),
    caughtBy: ['pages survive inserts and deletes between them', 'refuses cursors that are not its own'],
  },
  {
    what: 'takes a prefix for a folder',
    make: () =>
      changed((inner) => ({
        list: (options) => inner.list({ ...options, prefix: options.prefix.replace(/[^/]*$/, '') }),
      })),
    caughtBy: ['takes the prefix as a plain string'],
  },
  {
    what: 'skips an entry at the end of each page',
    make: () =>
      changed((inner) => ({
        list: async (options) => {
          const page = await inner.list(options);
          return page.cursor === undefined ? page : { ...page, objects: page.objects.slice(0, -1) };
        },
      })),
    caughtBy: [
      'gives every entry once in pages of one, folders too',
      'listKeys and the iteration go through all pages and stop at the limit',
    ],
  },
  {
    what: 'gives a folder again on every page',
    make: () =>
      changed((inner) => ({
        list: async (options) => {
          const page = await inner.list(options);
          if (options.delimiter === undefined || options.cursor === undefined) return page;
          const { prefixes } = await inner.list({ ...options, cursor: undefined });
          return { ...page, prefixes: [...new Set([...prefixes, ...page.prefixes])] };
        },
      })),
    caughtBy: ['pages with a delimiter survive the delete of a folder between them'],
  },
  {
    what: 'composes Unicode in keys',
    make: () => renaming((key) => key.normalize('NFC')),
    caughtBy: ['treats as themselves: Unicode, composed and decomposed as two keys'],
  },
  {
    what: 'folds the case of keys',
    make: () => renaming((key) => key.toLowerCase()),
    caughtBy: ['keeps keys apart that differ in case alone, or says that it cannot'],
  },
  {
    what: 'decodes percent signs in keys',
    make: () => renaming((key) => key.replace(/%2f/gi, '/').replaceAll('%20', ' ')),
    caughtBy: [
      'treats as themselves: percent signs and what look like escapes',
      'treats as themselves: spaces and plus signs',
    ],
  },
  {
    what: 'cuts long keys',
    make: () => renaming((key) => key.slice(0, 200)),
    caughtBy: ['takes a key of the longest declared length and refuses one byte more'],
  },
  {
    what: 'declares a limit of segments that it does not keep',
    make: () => claiming({ maxSegmentBytes: 100 }),
    caughtBy: ['takes a segment of the longest declared length and refuses one byte more'],
  },
  {
    what: 'is flat but declares itself hierarchical',
    make: () => claiming({ hierarchical: true }),
    caughtBy: ['lets `a` and `a/b` stand side by side, or refuses the second as declared'],
  },
  {
    what: 'declares URLs and makes none',
    make: () => claiming({ getUrl: ['expiry'], getUploadUrl: ['expiry'] }),
    caughtBy: [
      'a URL gives the whole object with its type and length',
      'an upload stores the object, of any content type',
    ],
  },
];
