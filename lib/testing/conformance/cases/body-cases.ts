/** Cases: every form and size of body arrives as it was sent. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { StorageBody } from '../../../service/index.js';
import { groupOf, type CaseDefinition } from '../case-definition.js';
import type { CaseContext } from '../case-context.js';
import { bytesOf, chunked } from '../content.js';

const KIB = 1024;

const FORMS: Readonly<Record<string, (bytes: Buffer<ArrayBuffer>) => StorageBody>> = {
  'a Uint8Array': (bytes) => new Uint8Array(bytes),
  'an ArrayBuffer': (bytes) => new Uint8Array(bytes).buffer,
  'a Readable': (bytes) => Readable.from(chunked(bytes, 700)),
  'a web ReadableStream': (bytes) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.subarray(0, 1000));
        controller.enqueue(bytes.subarray(1000));
        controller.close();
      },
    }),
  'a Blob': (bytes) => new Blob([bytes.subarray(0, 5), bytes.subarray(5)]),
  'an AsyncIterable': (bytes) => chunked(bytes, 999, 1),
};

function formCase(form: string, make: (bytes: Buffer<ArrayBuffer>) => StorageBody): CaseDefinition {
  return {
    group: 'bodies',
    name: `takes ${form}`,
    run: async (context) => {
      const bytes = Buffer.from(bytesOf(5 * KIB, form));
      const key = context.key('form.bin');
      const file = await context.put(key, make(bytes));
      assert.equal(file.size, bytes.length, 'size in the answer');
      assert.equal(file.key, key, 'key in the answer');
      await context.holds(key, bytes);
    },
  };
}

async function roundTrip(context: CaseContext, name: string, bytes: Uint8Array, body: StorageBody): Promise<void> {
  const key = context.key(name);
  assert.equal((await context.put(key, body)).size, bytes.length, `size of ${name}`);
  await context.holds(key, bytes);
}

const others = groupOf('bodies', {
  'takes an AsyncIterable of strings and empty chunks': async (context) => {
    const parts = ['', 'naïve ', new Uint8Array(0), '公司', Buffer.from(' 😀'), ''];
    const body = async function* () {
      yield* parts;
    };
    await roundTrip(context, 'parts.txt', Buffer.from('naïve 公司 😀'), body());
  },

  'takes a string as UTF-8': async (context) => {
    const text = 'naïve 公司 😀\r\n\0 end';
    await roundTrip(context, 'text.txt', Buffer.from(text), text);
  },

  'stores an empty body, or refuses it as declared': async (context) => {
    const key = context.key('empty');
    const bodies: StorageBody[] = [new Uint8Array(0), Readable.from([])];
    for (const body of bodies) {
      if (context.capabilities.emptyObjects) {
        assert.equal((await context.put(key, body)).size, 0);
        await context.holds(key, '');
        assert.deepEqual(await context.names(), ['empty'], 'an empty object is listed');
        assert.equal(await context.storage.delete(key), true, 'an empty object can be deleted');
      } else {
        await context.fails(context.put(key, body), 'not-supported', { operation: 'put', key });
        await context.absent(key);
      }
    }
  },

  'stores one byte, and bytes up to and over the edges of 64 KiB': async (context) => {
    for (const size of [1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1]) {
      const bytes = bytesOf(size, 'edge');
      await roundTrip(context, `edge-${size}`, bytes, bytes);
      await roundTrip(context, `edge-${size}`, bytes, chunked(bytes, 64 * KIB));
    }
  },

  'stores megabytes of known length': async (context) => {
    const bytes = bytesOf(context.largeBytes, 'known length');
    await roundTrip(context, 'large.bin', bytes, bytes);
  },

  'stores megabytes of unknown length': async (context) => {
    const bytes = bytesOf(context.largeBytes + 1, 'unknown length').subarray(0, context.largeBytes);
    await roundTrip(context, 'large.bin', bytes, chunked(bytes, 64 * KIB, 1, 100_003));
  },

  'stores a body of the size that goes in parts': async (context) => {
    const size = context.multipartBytes ?? context.largeBytes;
    const bytes = bytesOf(size, 'in parts');
    await roundTrip(context, 'parts.bin', bytes, chunked(bytes, 256 * KIB, 77));
  },

  'stores many tiny chunks in their order': async (context) => {
    const bytes = bytesOf(20_000, 'tiny');
    await roundTrip(context, 'tiny.bin', bytes, chunked(bytes, 1, 2, 3, 13));
  },

  'keeps what was stored when the caller changes its buffer afterwards': async (context) => {
    const bytes = bytesOf(2 * KIB, 'buffer');
    const key = context.key('buffer.bin');
    const mine = new Uint8Array(bytes);
    await context.storage.put(key, mine, { url: false });
    mine.fill(0);
    await context.holds(key, bytes);
    (await context.storage.get(key)).fill(0);
    await context.holds(key, bytes);
  },
});

export const bodyCases: readonly CaseDefinition[] = [
  ...Object.entries(FORMS).map(([form, make]) => formCase(form, make)),
  ...others,
];
