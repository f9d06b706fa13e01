/** Keys as public IDs and facts as context: nothing is lost, nothing meets, and everything is what Cloudinary takes. */
import { describe, expect, it } from '@jest/globals';
import { encodeContext, encodeMetadata, newEtag, objectInfo } from '../../../lib/backends/cloudinary/context.js';
import { PublicIds } from '../../../lib/backends/cloudinary/public-id.js';
import { parseKey, type StorageKey } from '../../../lib/contract/index.js';
import { checkedPublicId } from '../../servers/cloudinary/account.js';
import { parseContext } from '../../servers/cloudinary/upload-api.js';

const details = { operation: 'put', backend: 'cloudinary' } as const;

/** The same numbers on every run. */
function* numbers(seed: number): Generator<number, never, undefined> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

const PIECES = [
  'a',
  'v',
  'v1',
  '_',
  '_2',
  '_2e',
  '_l',
  '.',
  '..x',
  '-',
  '/',
  '/v2/',
  ' b',
  '+',
  '%20',
  'é',
  '公司',
  '😀',
  'e\u0301',
];
const PIECES_MORE = [
  '.jpg',
  '.png',
  '.mp4',
  '.ts',
  '.svg',
  '?',
  '&',
  '#',
  '=',
  '|',
  '<>',
  "'",
  '"',
  'Z',
  'z',
  '0',
  '~',
  '*',
  ':',
];

const LENGTHY = ['+', 'é', '公', '😀', '_', 'a b'];

function randomKeys(count: number, longest: number): StorageKey[] {
  const random = numbers(42);
  const next = (below: number) => Math.floor(random.next().value * below);
  const pieces = [...PIECES, ...PIECES_MORE];
  const keys = new Set<StorageKey>();
  while (keys.size < count) {
    const some = (most: number, from: readonly string[]) =>
      Array.from({ length: 1 + next(most) }, () => from[next(from.length)]).join('');
    // Every fifth is long enough, once escaped, for the other form.
    const text = next(5) === 0 ? `${some(3, pieces)}${some(60, LENGTHY)}${some(2, pieces)}` : some(8, pieces);
    try {
      keys.add(parseKey(text, { maxBytes: longest }));
    } catch {
      // Not a key: the next one.
    }
  }
  return [...keys];
}

describe.each(['raw', 'auto'] as const)('public IDs with resourceType %s', (resourceType) => {
  const ids = new PublicIds('files', resourceType);
  const keys = randomKeys(5000, ids.maxKeyBytes);

  it('are different for different keys, lead back, and are within the rules', () => {
    const names = new Set<string>();
    const wrong: string[] = [];
    let long = 0;
    for (const key of keys) {
      const name = ids.of(key);
      if (ids.keyOf(name) !== key) wrong.push(key);
      if (checkedPublicId(name.publicId) !== name.publicId) wrong.push(key);
      if (name.resourceType !== 'raw' && name.publicId.includes('.')) wrong.push(key);
      if (name.publicId.startsWith('files/_l/')) long++;
      names.add(`${name.resourceType} ${name.publicId}`);
    }
    expect(wrong).toEqual([]);
    expect(names.size).toBe(keys.length);
    // Both forms were tried.
    expect(long).toBeGreaterThan(100);
    expect(keys.length - long).toBeGreaterThan(1000);
  });

  it('are found by the searches for every prefix of the key, each by one of them', () => {
    const wrong: string[] = [];
    for (const key of keys.slice(0, 300)) {
      const { resourceType: kind, publicId } = ids.of(key);
      const points = Array.from(key);
      for (let end = 0; end <= points.length; end++) {
        const prefix = points.slice(0, end).join('');
        const hits = ids
          .searches(prefix)
          .filter((s) => s.resourceType === kind && publicId.startsWith(s.prefix) && ids.belongs(publicId, s));
        if (hits.length !== 1) wrong.push(`${key} by ${prefix}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('take keys of the longest declared length, whatever is in them', () => {
    const { maxKeyBytes } = ids;
    expect(maxKeyBytes).toBe(183);
    for (const key of ['+'.repeat(183), '公'.repeat(61), '/a'.repeat(91).slice(1), `${'a'.repeat(179)}.jpg`]) {
      const name = ids.of(parseKey(key));
      expect(name.publicId.length).toBeLessThanOrEqual(255);
      expect(ids.keyOf(name)).toBe(key);
    }
  });

  it('of others are no keys', () => {
    const { resourceType: kind } = ids.of('x');
    for (const publicId of [
      'elsewhere/a',
      'files',
      'files/',
      'files/_l/',
      'files/_zz',
      'files/a_',
      'files/_61',
      'files/a b',
      'files/_x/probe',
    ]) {
      expect(ids.keyOf({ resourceType: kind, publicId })).toBeUndefined();
    }
    expect(ids.keyOf(ids.hidden('probe'))).toBeUndefined();
  });
});

describe('resource types', () => {
  it('follow from the key: extension by extension with auto, never by content', () => {
    const auto = new PublicIds('files', 'auto');
    const kinds = ['a.jpg', 'a.png', 'A.JPEG', 'a.svg', 'a.mp4', 'a.mp3', 'a.ts', 'a.pdf', 'a'].map(
      (key) => auto.of(key).resourceType,
    );
    expect(kinds).toEqual(['image', 'image', 'image', 'raw', 'video', 'video', 'raw', 'raw', 'raw']);
    expect(auto.of('a.jpg').publicId).toBe('files/a_2ejpg');
    expect(auto.of('a.png').publicId).toBe('files/a_2epng');
    expect(new PublicIds('files', 'raw').of('a.jpg')).toEqual({ resourceType: 'raw', publicId: 'files/a.jpg' });
  });

  it('follow a rule of the app, which is given the media type', () => {
    const own = new PublicIds('files', (type) => (type === 'application/pdf' ? 'image' : 'raw'));
    expect(own.of('a.pdf').resourceType).toBe('image');
    expect(own.of('a.png').resourceType).toBe('raw');
  });
});

describe('context', () => {
  const odd = [
    '',
    ' ',
    ' a ',
    'a=b|c=d',
    '\\',
    'a\\|b',
    '\\=',
    '100%',
    'a&b=c',
    '%',
    '%41',
    'line\nbreak',
    '\ttab',
    '\u0000',
    '公司',
    '😀',
    'e\u0301',
    '\u2028',
    '\ufeffx',
    '"quoted"',
    '[a,b]',
    '%~',
    '%~YQ',
    '~',
    'Ça va — «oui», 100% & plus',
    '公司'.repeat(30),
    '\u200b',
    'é ',
    '\u00a0x\u00a0',
  ];
  const wire = (context: Record<string, string>) =>
    // As the SDK writes it: "=" and "|" in values are escaped, and nothing else.
    Object.entries(context)
      .map(([key, value]) => `${key}=${value.replace(/[=|]/g, '\\$&')}`)
      .join('|');

  it.each(odd)('brings %j back through the wire', (value) => {
    const facts = {
      contentType: 'text/plain; charset=utf-8',
      metadata: { k: value, 'ns-etag': value, 'ns-x-a': 'b', z: 'end' },
    };
    const etag = newEtag();
    const custom = Object.fromEntries(parseContext(wire(encodeContext(facts, etag, details))));
    const info = objectInfo(parseKey('a'), { public_id: 'files/a', bytes: 1, created_at: '', context: { custom } });
    expect(info.metadata).toEqual(facts.metadata);
    expect(info.contentType).toBe(facts.contentType);
    expect(info.etag).toBe(etag);
    expect(Math.abs(info.lastModified.getTime() - Date.now())).toBeLessThan(1000);
  });

  it('keeps keys that objects have of their own', () => {
    const metadata = Object.fromEntries([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    const custom = Object.fromEntries(parseContext(wire(encodeMetadata(metadata, details))));
    const info = objectInfo(parseKey('a'), {
      public_id: 'files/a',
      bytes: 1,
      created_at: '2026-01-01T00:00:00Z',
      version: 7,
      context: { custom },
    });
    expect(Object.entries(info.metadata).sort()).toEqual(Object.entries(metadata).sort());
    expect(info.etag).toBe('v7');
  });

  it('is printable ASCII whatever the values, readable where they are, and short where they are not', () => {
    const encoded = (value: string) => encodeMetadata({ k: value }, details).k;
    for (const value of odd) expect(encoded(value)).toMatch(/^[\x20-\x7e]+$/);
    expect(encoded('Annual report (2026), "final"; 50 pages')).toBe('Annual report (2026), "final"; 50 pages');
    expect(encoded('Café menu')).toBe('Caf%C3%A9 menu');
    expect(encoded('公司年度报告')).toHaveLength(2 + 6 * 4);
  });

  it('that others wrote is read as it is', () => {
    const theirs = { a: '公司', b: '100%', c: '%~', d: '%~gICA', e: '%~a', f: '%~YQ', g: '%zz' };
    const asset = { public_id: 'files/a', bytes: 1, created_at: '2026-01-01T00:00:00Z' };
    const info = objectInfo(parseKey('a'), { ...asset, context: { custom: theirs } });
    expect(info.metadata).toEqual(theirs);
  });

  it('refuses what it cannot hold, and names the limit', () => {
    expect(() => encodeMetadata({ k: 'é'.repeat(383) }, details)).toThrow(/takes 1025 bytes.*1024/);
    expect(() => encodeMetadata({ k: 'v'.repeat(1024) }, details)).toThrow(/takes 1025 bytes.*1024/);
    expect(Object.keys(encodeMetadata({ k: 'é'.repeat(382) }, details))).toEqual(['k']);
    expect(() =>
      encodeContext({ contentType: 'a/b', metadata: {}, cacheControl: 'x'.repeat(1025) }, newEtag(), details),
    ).toThrow(/cacheControl is longer than 1024/);
  });
});
