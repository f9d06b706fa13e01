/** Cases: parts of objects, as RFC 9110 (14.1.2) cuts them. */
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import type { ByteRange } from '../../../contract/index.js';
import { sameBytes } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { bytesOf } from '../content.js';

const SIZE = 1000;

/** Range, first and last byte that it means in an object of 1,000 bytes. */
const INSIDE: readonly (readonly [ByteRange, number, number])[] = [
  [{ start: 0 }, 0, 999],
  [{ start: 0, end: 0 }, 0, 0],
  [{ start: 10, end: 19 }, 10, 19],
  [{ start: 990 }, 990, 999],
  [{ start: 999 }, 999, 999],
  [{ start: 999, end: 999 }, 999, 999],
  [{ start: 500, end: 5000 }, 500, 999],
  [{ suffix: 1 }, 999, 999],
  [{ suffix: 100 }, 900, 999],
  [{ suffix: 1000 }, 0, 999],
  [{ suffix: 5000 }, 0, 999],
];

const OUTSIDE: readonly ByteRange[] = [{ start: 1000 }, { start: 1000, end: 2000 }, { start: 5000 }, { suffix: 0 }];

export const rangeCases = groupOf('ranges', {
  'reads the part that a range names, cut at the end of the object': async (context) => {
    const bytes = bytesOf(SIZE, 'ranges');
    const key = context.key('ranges.bin');
    await context.put(key, bytes);
    for (const [range, start, end] of INSIDE) {
      const part = bytes.subarray(start, end + 1);
      sameBytes(await context.read(key, range), part, JSON.stringify(range));
      const opened = await context.storage.open(key, { range });
      sameBytes(await buffer(opened.body), part, JSON.stringify(range));
      assert.deepEqual(opened.range, { start, end }, `range that was read for ${JSON.stringify(range)}`);
      assert.equal(opened.file.size, SIZE, 'size is that of the whole object');
    }
  },

  'refuses a range outside the object': async (context) => {
    const key = context.key('ranges.bin');
    await context.put(key, bytesOf(SIZE, 'ranges'));
    for (const range of OUTSIDE) {
      const loose = context.byUrl && context.settings.looseEmptyRanges === true && range.suffix === 0;
      if (!loose) await context.fails(context.read(key, range), 'invalid-range', { operation: 'get', key });
      await context.fails(context.storage.open(key, { range }), 'invalid-range', { operation: 'get', key });
    }
  },

  'refuses every range of an empty object, which reads as nothing': async (context) => {
    if (!context.capabilities.emptyObjects) {
      await context.fails(context.put(context.key('empty'), ''), 'not-supported');
      return;
    }
    const key = context.key('empty');
    await context.put(key, '');
    const opened = await context.storage.open(key);
    assert.equal((await buffer(opened.body)).length, 0);
    assert.equal(opened.range, undefined, 'there is no range in an empty object');
    for (const range of [{ start: 0 }, { start: 0, end: 0 }, { suffix: 1 }]) {
      await context.fails(context.read(key, range), 'invalid-range', { operation: 'get', key });
    }
  },

  'reads ranges across the chunk edges of a large object': async (context) => {
    const bytes = bytesOf(context.largeBytes, 'large ranges');
    const key = context.key('large.bin');
    await context.put(key, bytes);
    const edge = 64 * 1024;
    const last = bytes.length - 1;
    for (const [start, end] of [
      [edge - 1, edge],
      [edge, 3 * edge - 1],
      [1, last],
      [last - edge, last],
    ] as const) {
      sameBytes(await context.read(key, { start, end }), bytes.subarray(start, end + 1), `${start}-${end}`);
    }
  },
});
