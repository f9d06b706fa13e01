/** Backends that break what the contract says of reads, deletes, copies and checks. */
import { Readable } from 'node:stream';
import type { StorageKey } from '../../../lib/contract/index.js';
import { changed, copied, type BrokenBackend } from './changes.js';

export const READERS: readonly BrokenBackend[] = [
  {
    what: 'takes the end of a range as exclusive',
    make: () =>
      changed((inner) => ({
        open: (key, options) => {
          const { range } = options ?? {};
          if (range?.end === undefined || range.end === range.start) return inner.open(key, options);
          return inner.open(key, { ...options, range: { ...range, end: range.end - 1 } });
        },
      })),
    caughtBy: [
      'reads the part that a range names, cut at the end of the object',
      'reads ranges across the chunk edges of a large object',
    ],
  },
  {
    what: 'reads nothing where a range is outside',
    make: () =>
      changed((inner) => ({
        open: async (key, options) => {
          const { info } = await inner.open(key);
          const outside = (options?.range?.start ?? 0) >= info.size || options?.range?.suffix === 0;
          return outside ? { info, body: Readable.from([]) } : inner.open(key, options);
        },
      })),
    caughtBy: [
      'refuses a range outside the object',
      'refuses every range of an empty object, which reads as nothing',
      'operations that fail leave nothing open',
    ],
  },
  {
    what: 'tells of a missing file in its own words',
    make: () =>
      changed((inner) => ({
        open: (key, options) =>
          inner.open(key, options).catch(() => {
            throw Object.assign(new Error('NoSuchKey'), { code: 'not-found', operation: 'get', key });
          }),
      })),
    caughtBy: ['a missing file is the same error everywhere'],
  },
  {
    what: 'ignores ifMatch when it reads',
    make: () => changed((inner) => ({ open: (key, options) => inner.open(key, { ...options, ifMatch: undefined }) })),
    caughtBy: ['a read of a version that is gone is refused'],
  },
  {
    what: 'ignores a signal that has fired',
    make: () =>
      changed((inner) => ({
        delete: (key) => inner.delete(key),
        deleteMany: (keys) => inner.deleteMany(keys),
        stat: (key) => inner.stat(key),
      })),
    caughtBy: ['a signal fired beforehand stops every operation'],
  },
  {
    what: 'leaves a listener on every signal',
    make: () =>
      changed((inner) => ({
        stat: (key, options) => {
          options?.signal?.addEventListener('abort', () => undefined);
          return inner.stat(key, options);
        },
      })),
    caughtBy: ['an operation that is over leaves no listener on its signal'],
  },
  {
    what: 'gives the same etag to every version',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          const staged = await inner.stage(key, body, options);
          return { ...staged, commit: async () => ({ ...(await staged.commit()), etag: 'same' }) };
        },
      })),
    caughtBy: ['changes the etag with every write', 'gives one etag and date for one version, wherever it is asked'],
  },
  {
    what: 'gives etags in quotes when it lists',
    make: () =>
      changed((inner) => ({
        list: async (options) => {
          const page = await inner.list(options);
          return {
            ...page,
            objects: page.objects.map((entry) => Object.assign({}, entry, { etag: `"${entry.etag}"` })),
          };
        },
      })),
    caughtBy: ['gives one etag and date for one version, wherever it is asked'],
  },
  {
    what: 'says that a missing file was deleted',
    make: () =>
      changed((inner) => ({
        delete: async (key, options) => (await inner.delete(key, options)) || true,
      })),
    caughtBy: ['delete says whether there was anything'],
  },
  {
    what: 'takes the sibling along when it deletes',
    make: () =>
      changed((inner) => ({
        delete: async (key, options) => {
          const { objects } = await inner.list({ prefix: key, limit: 100 });
          await inner.deleteMany(objects.map((entry) => entry.key).filter((other) => other !== key));
          return inner.delete(key, options);
        },
      })),
    caughtBy: [
      'delete says whether there was anything',
      'lets `a` and `a/b` stand side by side, or refuses the second as declared',
    ],
  },
  {
    what: 'copies without metadata',
    make: () => changed((inner) => ({ copy: (from, to) => copied(inner, from, to, { metadata: {} }) })),
    caughtBy: ['copy takes bytes, type, headers and metadata to the new key, and keeps the source'],
  },
  {
    what: 'moves by copy and delete, onto itself too',
    make: () =>
      changed((inner) => ({
        move: async (from, to, options) => {
          const info = await inner.copy(from, to, options);
          await inner.delete(from);
          return info;
        },
      })),
    caughtBy: ['copy and move onto the same key keep the object'],
  },
  {
    what: 'moves without removing the source',
    make: () => changed((inner) => ({ move: (from, to, options) => inner.copy(from, to, options) })),
    caughtBy: ['move takes the object along and leaves nothing under the old key'],
  },
  {
    what: 'leaves its probe behind',
    make: () =>
      changed((inner) => ({
        check: async ({ write }) => {
          const { objects } = await inner.list({ prefix: '', limit: 1 });
          const folder = objects[0]?.key.split('/')[0] ?? 'conformance';
          if (write) await copied(inner, objects[0]!.key, `${folder}/probe` as StorageKey, {});
        },
      })),
    caughtBy: ['a check resolves, and its write probe leaves nothing'],
  },
];
