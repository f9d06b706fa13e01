/** 10,000 keys with awkward names: listings, folders and cursors give exactly what was put, in order. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compareKeys, StorageService } from '../../../lib/index.js';
import { makeBucket, type Bucket } from './ceph.js';

const COUNT = 10_000;
const PIECES = [
  ' a',
  'ä',
  'ä',
  '公司',
  '😀',
  '\u{10FFFF}',
  '\uFFFD',
  // XML cannot hold these two.
  '\uFFFE',
  '\uFFFF',
  '+',
  '%',
  '%2F',
  '&<>"\'',
  '=?',
  '#;:@',
  '(1)',
  '!*~',
  '.env',
];
const FOLDERS = ['', 'a/', 'a b/', 'a+b/', '公/司/', 'x/😀/', '%/', 'a-/', 'a0/'];

/** The same names in every run, each different. */
function names(): string[] {
  return Array.from({ length: COUNT }, (_, index) => {
    const folder = FOLDERS[index % FOLDERS.length]!;
    const one = PIECES[(index * 7) % PIECES.length]!;
    const two = PIECES[Math.floor(index / 3) % PIECES.length]!;
    return `${folder}${one}${index.toString(36)}${two}`;
  });
}

let bucket: Bucket;
let storage: StorageService;
const keys = names().sort(compareKeys);

beforeAll(async () => {
  bucket = await makeBucket();
  storage = new StorageService(bucket.backend());
  const queue = names();
  const work = async () => {
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) await storage.put(key, key, { url: false });
  };
  await Promise.all(Array.from({ length: 32 }, work));
}, 300_000);

afterAll(async () => {
  await bucket.remove();
}, 300_000);

describe('10,000 awkward keys', () => {
  it('are listed exactly as they were put, in the order of their UTF-8 bytes', async () => {
    expect(new Set(keys).size).toBe(COUNT);
    expect(await storage.listKeys('', { limit: COUNT + 1 })).toEqual(keys);
  });

  it('come in the same order through small pages', async () => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await storage.listPage({ cursor, limit: 773 });
      expect(page.files.length).toBeLessThanOrEqual(773);
      found.push(...page.files.map((file) => file.key));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(found).toEqual(keys);
  });

  it.each(['', 'a/', '公/', 'a'])('are grouped into folders below "%s", page by page', async (prefix) => {
    const inside = keys.filter((key) => key.startsWith(prefix));
    const rest = inside.map((key) => key.slice(prefix.length));
    const folders = new Set(rest.filter((key) => key.includes('/')).map((key) => key.slice(0, key.indexOf('/') + 1)));
    const files: string[] = [];
    const prefixes: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await storage.listPage({ prefix, delimiter: '/', cursor, limit: 101 });
      files.push(...page.files.map((file) => file.key));
      prefixes.push(...page.prefixes);
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(files).toEqual(inside.filter((_, index) => !rest[index]!.includes('/')));
    expect(prefixes).toEqual([...folders].map((folder) => prefix + folder).sort(compareKeys));
  });

  it('are read back by their own names', async () => {
    for (const key of keys.filter((_, index) => index % 97 === 0)) {
      expect((await storage.get(key)).toString()).toBe(key);
      expect(await (await fetch(await storage.getUrl(key, { mustExist: false }))).text()).toBe(key);
    }
  });

  // Last, since it takes them away.
  it('are deleted in batches, with those that no batch can hold', async () => {
    const { deleted, failed } = await storage.deleteMany(keys);
    expect(failed).toEqual([]);
    expect(deleted.toSorted(compareKeys)).toEqual(keys);
    expect(await storage.listKeys()).toEqual([]);
  });
});
