/** Backends that break what the contract says of writes. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { StageOptions, StorageBackend, StorageKey, WriteKind } from '../../../lib/contract/index.js';
import { changed, claiming, staging, unconditional, type BrokenBackend } from './changes.js';

/** Replaces what a body is before it is stored. */
function storing(
  body: (bytes: AsyncIterable<Uint8Array>, key: StorageKey) => AsyncIterable<Uint8Array>,
  options: (options: StageOptions) => StageOptions = (given) => given,
): StorageBackend {
  return changed((inner) => ({ stage: (key, bytes, given) => inner.stage(key, body(bytes, key), options(given)) }));
}

async function* truncated(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    // What came so far counts as the body.
  }
}

async function* latin1(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) yield Buffer.from(Buffer.from(chunk).toString('utf8'));
}

const EVERY: readonly WriteKind[] = ['single', 'multipart', 'copy'];
const FREE_OR_TAKEN = 'stores under a free key and keeps what is under a taken one';
const ONE_OF_TWO = 'of two staged writes commits exactly one';

export const WRITERS: readonly BrokenBackend[] = [
  {
    what: 'ignores create-only',
    make: () => staging(() => ({}), unconditional),
    caughtBy: [
      `create-only in one request ${FREE_OR_TAKEN}`,
      `create-only in parts ${FREE_OR_TAKEN}`,
      'create-only in one request lets exactly one of many parallel writes win',
      'ifMatch in one request replaces the version it names and keeps every other',
      'ifMatch in parts is refused where there is nothing',
    ],
  },
  {
    what: 'looks at conditions when it stages, but not when it commits',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          await (await inner.stage(key, Readable.from([]), options)).abort();
          return inner.stage(key, body, unconditional(options));
        },
      })),
    caughtBy: [
      `create-only in one request ${ONE_OF_TWO}`,
      'create-only in one request sees at commit what came after the staging',
      `ifMatch in one request ${ONE_OF_TWO}`,
    ],
  },
  {
    what: 'declares no conditions and lets them pass in silence',
    make: () =>
      claiming({ createOnly: [], ifMatch: [] }, (inner) => ({
        stage: (key, body, options) => inner.stage(key, body, unconditional(options)),
        copy: (from, to) => inner.copy(from, to),
      })),
    caughtBy: [
      `create-only in one request ${FREE_OR_TAKEN}`,
      `create-only in parts ${ONE_OF_TWO}`,
      'ifMatch in one request is refused where there is nothing',
      'of parallel create-only copies exactly one wins, or all are refused as declared',
      'copies and moves with ifMatch replace the named version alone, or are refused as declared',
    ],
  },
  {
    what: 'claims conditions for copies and ignores them',
    make: () =>
      claiming({ createOnly: EVERY, ifMatch: EVERY }, (inner) => ({ copy: (from, to) => inner.copy(from, to) })),
    caughtBy: [
      'create-only copies and moves spare a taken target, or are refused as declared',
      'of parallel create-only copies exactly one wins, or all are refused as declared',
      'copies and moves with ifMatch replace the named version alone, or are refused as declared',
    ],
  },
  {
    what: 'creates with ifMatch where there is nothing',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          const there = await inner.stat(key).catch(() => undefined);
          return inner.stage(key, body, there ? options : unconditional(options));
        },
      })),
    caughtBy: ['ifMatch in one request is refused where there is nothing'],
  },
  {
    what: 'keeps old metadata when it overwrites',
    make: () =>
      changed((inner) => ({
        stage: async (key, body, options) => {
          const old = await inner.stat(key).catch(() => undefined);
          return inner.stage(key, body, { ...options, metadata: { ...old?.metadata, ...options.metadata } });
        },
      })),
    caughtBy: ['replaces everything when an object is overwritten'],
  },
  {
    what: 'keeps metadata apart from the bytes, and writes it first',
    make: () =>
      staging((staged, key, inner, { contentType, metadata }) => ({
        commit: async () => {
          const old = await inner.open(key).catch(() => undefined);
          if (old) await (await inner.stage(key, old.body, { contentType, metadata })).commit();
          await new Promise((resolve) => setTimeout(resolve, 2));
          return staged.commit();
        },
      })),
    caughtBy: ['reads during overwrites see one version whole, with its own metadata'],
  },
  {
    what: 'writes in place, half by half',
    make: () =>
      staging((staged, key, inner, options) => ({
        commit: async () => {
          const half = await buffer(await staged.open!({ start: 0, end: Math.floor(staged.info.size / 2) }));
          await (await inner.stage(key, Readable.from([half]), options)).commit();
          await new Promise((resolve) => setTimeout(resolve, 2));
          return staged.commit();
        },
      })),
    caughtBy: ['reads during overwrites see one version whole, with its own metadata'],
  },
  {
    what: 'loses what is not ASCII in metadata',
    make: () =>
      storing(
        (body) => body,
        (options) => ({
          ...options,
          metadata: Object.fromEntries(
            Object.entries(options.metadata).map(([key, value]) => [key, Buffer.from(value).toString('latin1')]),
          ),
        }),
      ),
    caughtBy: ['keeps metadata, non-ASCII, empty and awkward values included'],
  },
  {
    what: 'drops empty metadata values',
    make: () =>
      storing(
        (body) => body,
        (options) => ({
          ...options,
          metadata: Object.fromEntries(Object.entries(options.metadata).filter(([, value]) => value !== '')),
        }),
      ),
    caughtBy: ['keeps metadata, non-ASCII, empty and awkward values included'],
  },
  {
    what: 'cuts metadata to the limit that it declares',
    make: () =>
      claiming({ maxMetadataBytes: 2048 }, (inner) => ({
        stage: (key, body, options) =>
          inner.stage(key, body, {
            ...options,
            metadata: Object.fromEntries(Object.entries(options.metadata).map(([k, v]) => [k, v.slice(0, 2047)])),
          }),
      })),
    caughtBy: ['keeps metadata up to its declared limit, and refuses more before it reads a byte'],
  },
  {
    what: 'forgets cacheControl and the parameters of a content type',
    make: () =>
      storing(
        (body) => body,
        (options) => ({ ...options, contentType: options.contentType.split(';')[0]!, cacheControl: undefined }),
      ),
    caughtBy: [
      'keeps cacheControl and contentDisposition',
      'keeps the content type, and finds one by the extension where none is given',
    ],
  },
  {
    what: 'decodes bodies as text',
    make: () => storing(latin1),
    caughtBy: ['takes a Readable', 'stores megabytes of known length', 'stores many tiny chunks in their order'],
  },
  {
    what: 'keeps the buffers of its caller',
    make: () =>
      changed((inner) => {
        const held = new Map<StorageKey, Uint8Array[]>();
        return {
          stage: async (key, body, options) => {
            const chunks: Uint8Array[] = [];
            for await (const chunk of body) chunks.push(chunk);
            held.set(key, chunks);
            return inner.stage(key, Readable.from(chunks), options);
          },
          open: async (key, options) => ({ ...(await inner.open(key, options)), body: Readable.from(held.get(key)!) }),
        };
      }),
    caughtBy: ['keeps what was stored when the caller changes its buffer afterwards'],
  },
  {
    what: 'loses empty objects',
    make: () =>
      staging((staged) => ({
        commit: async () => {
          if (staged.info.size > 0) return staged.commit();
          return { ...staged.info, etag: 'empty', lastModified: new Date() };
        },
      })),
    caughtBy: ['stores an empty body, or refuses it as declared'],
  },
  {
    what: 'declares that it cannot hold empty objects, and holds them',
    make: () => claiming({ emptyObjects: false }),
    caughtBy: ['stores an empty body, or refuses it as declared'],
  },
  {
    what: 'takes a body that failed for a body that ended',
    make: () => storing(truncated),
    caughtBy: [
      'a body that fails before its first byte keeps the old object and is told',
      'a body that fails midway keeps the old object and is told',
      'checksums are verified before anything is published',
      'a body of another size than promised stores nothing',
    ],
  },
  {
    what: 'reports the error of a body as one of its own',
    make: () =>
      changed((inner) => ({
        stage: (key, body, options) =>
          inner.stage(key, body, options).catch((cause: unknown) => {
            throw new Error('upload failed', { cause });
          }),
      })),
    caughtBy: ['a body that fails midway keeps the old object and is told', 'a body over maxSize stores nothing'],
  },
];
