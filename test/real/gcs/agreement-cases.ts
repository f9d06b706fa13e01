/** Calls that both servers must answer alike: of the SDK as apps use it, of the driver, by signed URL, and in one request. */
import { buffer } from 'node:stream/consumers';
import type { Bucket } from '@google-cloud/storage';
import type { GcsBackend } from '../../../lib/backends/gcs/index.js';
import { parseKey } from '../../../lib/contract/index.js';

export interface Clients {
  readonly bucket: Bucket;
  readonly driver: GcsBackend;
  /** GET of the XML API, by a URL that is signed for it. */
  get(key: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** POST of bytes alone, the upload in its plainest form. */
  uploadMedia(name: string, body: string, type?: string): Promise<Response>;
}

/** What a case found, in a form that is equal where the servers agree. */
export type AgreementCase = readonly [title: string, run: (clients: Clients) => Promise<unknown>];

const FACTS = ['name', 'size', 'contentType', 'crc32c', 'md5Hash', 'metadata', 'cacheControl', 'contentDisposition'];

function facts(metadata: object): unknown {
  const all = metadata as Record<string, unknown>;
  const found = FACTS.map((name) => [name, name === 'size' ? Number(all[name]) : all[name]]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

async function statusOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'went through',
    (error: { code?: unknown }) => error.code,
  );
}

async function* bytes(text: string): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(text);
}

async function seed(bucket: Bucket, names: readonly string[]): Promise<void> {
  for (const name of names) await bucket.file(name).save(name, { resumable: false });
}

/** What both say of a read. The emulator gives headers of its own beside, and makes up a file name. */
async function readFacts(response: Response): Promise<unknown> {
  const told = ['content-type', 'content-range', 'accept-ranges', 'x-goog-hash'].map((name) =>
    response.headers.get(name),
  );
  return [response.status, ...told, await response.text()];
}

const NAMES = ['list/a', 'list/b/1', 'list/b/2', 'list/c', 'list/é', 'list/z'];

export const agreementCases: readonly AgreementCase[] = [
  [
    'SDK: a simple upload has its facts',
    async ({ bucket }) => {
      const file = bucket.file('simple.txt');
      const metadata = { contentType: 'text/plain', cacheControl: 'no-store', metadata: { owner: 'Zoë' } };
      await file.save('hello', { resumable: false, metadata });
      return facts((await file.getMetadata())[0]);
    },
  ],
  [
    'SDK: a resumable upload in one request has its facts',
    async ({ bucket }) => {
      const file = bucket.file('resumable.bin');
      await file.save(Buffer.alloc(300_000, 7), { resumable: true, contentType: 'application/x-test' });
      return facts((await file.getMetadata())[0]);
    },
  ],
  [
    'SDK: an empty object',
    async ({ bucket }) => {
      await bucket.file('empty').save('', { resumable: false });
      const [content] = await bucket.file('empty').download();
      return [content.length, Number((await bucket.file('empty').getMetadata())[0].size)];
    },
  ],
  [
    'SDK: a download is what was uploaded',
    async ({ bucket }) => {
      await bucket.file('down').save('0123456789', { resumable: false });
      return (await bucket.file('down').download())[0].toString();
    },
  ],
  [
    'SDK: a range',
    async ({ bucket }) => (await buffer(bucket.file('down').createReadStream({ start: 2, end: 5 }))).toString(),
  ],
  [
    'SDK: a name beyond ASCII, with spaces, plus and percent signs',
    async ({ bucket }) => {
      const file = bucket.file('ordner/公司 a+b 100%.txt');
      await file.save('name', { resumable: false });
      const [[found]] = await bucket.getFiles({ prefix: 'ordner/' });
      return [found?.name, (await file.download())[0].toString()];
    },
  ],
  ['SDK: exists()', async ({ bucket }) => [await bucket.file('down').exists(), await bucket.file('none').exists()]],
  ['SDK: facts of a missing object', ({ bucket }) => statusOf(bucket.file('none').getMetadata())],
  ['SDK: download of a missing object', ({ bucket }) => statusOf(bucket.file('none').download())],
  [
    'SDK: delete, and delete again',
    async ({ bucket }) => {
      await bucket.file('gone').save('x', { resumable: false });
      await bucket.file('gone').delete();
      return [await bucket.file('gone').exists(), await statusOf(bucket.file('gone').delete())];
    },
  ],
  [
    'SDK: an overwrite is a new generation',
    async ({ bucket }) => {
      const file = bucket.file('again');
      const generations: bigint[] = [];
      for (const text of ['one', 'two']) {
        await file.save(text, { resumable: false });
        generations.push(BigInt((await file.getMetadata())[0].generation!));
      }
      return [generations[1]! > generations[0]!, (await file.download())[0].toString()];
    },
  ],
  [
    'SDK: a changed description keeps bytes and raises the metageneration',
    async ({ bucket }) => {
      const file = bucket.file('described');
      await file.save('x', { resumable: false });
      const before = Number((await file.getMetadata())[0].metageneration);
      await file.setMetadata({ contentType: 'text/x-changed', metadata: { a: 'b' } });
      const [after] = await file.getMetadata();
      return [Number(after.metageneration) - before, facts(after)];
    },
  ],
  [
    'SDK: a copy has the bytes and the description',
    async ({ bucket }) => {
      await bucket.file('simple.txt').copy(bucket.file('copied.txt'));
      const [copied] = await bucket.file('copied.txt').getMetadata();
      return [facts(copied), (await bucket.file('copied.txt').download())[0].toString()];
    },
  ],
  ['SDK: a copy of a missing object', ({ bucket }) => statusOf(bucket.file('none').copy(bucket.file('copy')))],
  [
    'SDK: a listing by prefix, in order',
    async ({ bucket }) => {
      await seed(bucket, NAMES);
      return (await bucket.getFiles({ prefix: 'list/' }))[0].map(({ name }) => name);
    },
  ],
  [
    'SDK: a listing by delimiter',
    async ({ bucket }) => {
      const [files, , answer] = await bucket.getFiles({ prefix: 'list/', delimiter: '/', autoPaginate: false });
      return [files.map(({ name }) => name), (answer as { prefixes?: string[] }).prefixes];
    },
  ],
  [
    'SDK: a listing page by page',
    async ({ bucket }) => {
      const pages: string[][] = [];
      let pageToken: string | undefined;
      do {
        const [files, next] = await bucket.getFiles({ prefix: 'list/', maxResults: 2, autoPaginate: false, pageToken });
        pages.push(files.map(({ name }) => name));
        ({ pageToken } = (next ?? {}) as { pageToken?: string });
      } while (pageToken !== undefined && pages.length < 9);
      return pages;
    },
  ],
  [
    'driver: put, stat, read whole and in part',
    async ({ driver }) => {
      const key = parseKey('driver/a b.txt');
      const options = { contentType: 'text/plain', metadata: { owner: 'Zoë' }, contentDisposition: 'inline' };
      const staged = await driver.stage(key, bytes('0123456789'), options);
      const { size, contentType, metadata, contentDisposition } = await staged.commit();
      const whole = await buffer((await driver.open(key)).body);
      const part = await buffer((await driver.open(key, { range: { start: 3, end: 4 } })).body);
      return [size, contentType, metadata, contentDisposition, whole.toString(), part.toString()];
    },
  ],
  [
    'driver: copy, move, delete, and what is missing',
    async ({ driver }) => {
      const [from, to, moved] = ['driver/from', 'driver/to', 'driver/moved'].map((key) => parseKey(key));
      const staged = await driver.stage(from!, bytes('x'), { contentType: 'text/plain', metadata: {} });
      await staged.commit();
      await driver.copy(from!, to!);
      await driver.move(to!, moved!);
      return [
        await driver.delete(moved!),
        await driver.delete(moved!),
        await statusOf(driver.stat(to!)),
        await statusOf(driver.open(to!)),
      ];
    },
  ],
  [
    'driver: a listing with folders',
    async ({ driver }) => {
      const page = await driver.list({ prefix: 'list/', delimiter: '/', limit: 100 });
      return [page.objects.map(({ key, size }) => [key, size]), page.prefixes, page.cursor];
    },
  ],
  [
    'driver: a listing page by page',
    async ({ driver }) => {
      const pages: string[][] = [];
      let cursor: string | undefined;
      do {
        const page = await driver.list({ prefix: 'list/', limit: 4, cursor });
        pages.push(page.objects.map(({ key }) => key));
        ({ cursor } = page);
      } while (cursor !== undefined && pages.length < 9);
      return pages;
    },
  ],
  [
    'driver: an empty object, and one in the place of another',
    async ({ driver }) => {
      const key = parseKey('driver/again');
      const etags: string[] = [];
      for (const text of ['first', '']) {
        const staged = await driver.stage(key, bytes(text), { contentType: 'text/plain', metadata: {} });
        etags.push((await staged.commit()).etag);
      }
      return [
        etags[0] !== etags[1],
        (await driver.stat(key)).size,
        (await buffer((await driver.open(key)).body)).length,
      ];
    },
  ],
  [
    'signed URL: an object',
    async ({ bucket, get }) => {
      await bucket.file('signed/read.txt').save('0123456789', { resumable: false, contentType: 'text/plain' });
      return readFacts(await get('signed/read.txt'));
    },
  ],
  ['signed URL: a range', async ({ get }) => readFacts(await get('signed/read.txt', { range: 'bytes=2-5' }))],
  ['signed URL: a range to the end', async ({ get }) => readFacts(await get('signed/read.txt', { range: 'bytes=7-' }))],
  ['signed URL: the last bytes', async ({ get }) => readFacts(await get('signed/read.txt', { range: 'bytes=-3' }))],
  [
    'signed URL: a name beyond ASCII, with spaces, plus and percent signs',
    async ({ bucket, get }) => {
      const name = 'ordner/公司 a+b 100%.txt';
      await bucket.file(name).save('name', { resumable: false, contentType: 'text/plain' });
      return readFacts(await get(name));
    },
  ],
  ['signed URL: a missing object', async ({ get }) => (await get('signed/none')).status],
  [
    'plain upload: bytes and type',
    async ({ bucket, uploadMedia }) => {
      const response = await uploadMedia('plain/ü.txt', 'hello', 'text/x-plain');
      const answered = facts((await response.json()) as object);
      return [response.status, answered, facts((await bucket.file('plain/ü.txt').getMetadata())[0])];
    },
  ],
  [
    'plain upload: no type',
    async ({ uploadMedia }) => facts((await (await uploadMedia('plain/typeless', 'x')).json()) as object),
  ],
  [
    'plain upload: no bytes, over some',
    async ({ bucket, uploadMedia }) => {
      await uploadMedia('plain/again', 'some', 'text/plain');
      await uploadMedia('plain/again', '', 'text/plain');
      return [
        facts((await bucket.file('plain/again').getMetadata())[0]),
        (await bucket.file('plain/again').download())[0].length,
      ];
    },
  ],
];
