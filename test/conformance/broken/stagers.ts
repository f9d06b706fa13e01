/** Backends that break what the contract says of staging. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { StagedObject, StorageKey } from '../../../lib/contract/index.js';
import { changed, staging, type BrokenBackend } from './changes.js';

export const STAGERS: readonly BrokenBackend[] = [
  {
    what: 'publishes when it stages',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          const staged = await inner.stage(key, body, options);
          await staged.commit();
          return staged;
        },
      })),
    caughtBy: [
      'a staged object is invisible until its commit',
      'the old object stays whole until the commit, and after an abort',
    ],
  },
  {
    what: 'publishes on abort',
    make: () => staging((staged) => ({ abort: async () => void (await staged.commit()) })),
    caughtBy: [
      'the old object stays whole until the commit, and after an abort',
      'an abort leaves nothing, may be repeated, and cannot be followed by a commit',
    ],
  },
  {
    what: 'deletes the object on abort',
    make: () => staging((_, key, inner) => ({ abort: async () => void (await inner.delete(key)) })),
    caughtBy: [
      'the old object stays whole until the commit, and after an abort',
      'an abort after the commit does nothing',
    ],
  },
  {
    what: 'deletes the old object before it takes in the new one',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          if (options.ifMatch === undefined && options.ifNoneMatch === undefined) await inner.delete(key);
          return inner.stage(key, body, options);
        },
      })),
    caughtBy: [
      'the old object stays whole until the commit, and after an abort',
      'a body that fails midway keeps the old object and is told',
    ],
  },
  {
    what: 'writes again on a second commit',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          const bytes = await buffer(body);
          const again = () => inner.stage(key, Readable.from([bytes]), options);
          const staged = await again();
          return { ...staged, commit: async () => (await again()).commit() };
        },
      })),
    caughtBy: [
      'a second commit gives the same answer and writes nothing',
      'an abort leaves nothing, may be repeated, and cannot be followed by a commit',
    ],
  },
  {
    what: 'claims staged reads and has none',
    make: () => staging(() => ({ open: undefined })),
    caughtBy: ['staged bytes can be read, whole and in part, where that is declared'],
  },
  {
    what: 'stages all bodies of one key in one place',
    make: () =>
      changed((inner) => {
        const latest = new Map<StorageKey, StagedObject>();
        return {
          stage: async (key, body, options) => {
            const staged = await inner.stage(key, body, options);
            latest.set(key, staged);
            return { ...staged, commit: () => latest.get(key)!.commit() };
          },
        };
      }),
    caughtBy: ['staged objects of one key do not mix: each commit publishes its own'],
  },
];
