import { describe, expect, it } from '@jest/globals';
import { compareKeys, InvalidKeyError, parseKey, parsePrefix, safeName } from '../../lib/index.js';

describe('parseKey', () => {
  it.each([
    'a',
    '公司.docx',
    'a+b (1).png',
    '.env',
    'foo../x',
    'a/b/c',
    '...x',
    'x'.repeat(1024),
    'é',
    'e\u0301',
    '👩‍👩‍👧/x',
  ])('takes %j as it is', (key) => {
    expect(parseKey(key)).toBe(key);
  });

  it.each([
    ['', /empty/],
    ['/a', /start or end with/],
    ['a/', /start or end with/],
    ['a//b', /start or end with/],
    ['.', /"\." or "\.\."/],
    ['..', /"\." or "\.\."/],
    ['a/../b', /"\." or "\.\."/],
    ['a/./b', /"\." or "\.\."/],
    ['a\0b', /control/],
    ['a\nb', /control/],
    ['a\u0085b', /control/],
    ['a\\b', /backslash/],
    ['a.', /ends with a dot/],
    ['a./b', /ends with a dot/],
    ['a..', /ends with a dot/],
    ['a ', /ends with a space/],
    ['a /b', /ends with a space/],
    ['\ud800', /surrogate/],
    ['x'.repeat(1025), /1024 bytes/],
    ['é'.repeat(513), /1024 bytes/],
    ['.nestjs-storage/tmp', /keeps for itself/],
    ['a/.NestJS-Storage', /keeps for itself/],
  ])('refuses %j', (key, rule) => {
    expect(() => parseKey(key)).toThrow(InvalidKeyError);
    expect(() => parseKey(key)).toThrow(rule);
    expect(() => parseKey(key)).toThrow(/A valid key is "documents/);
  });

  it.each([undefined, null, 7, {}, ['a']])('refuses %j, which is no string', (key) => {
    expect(() => parseKey(key as unknown as string)).toThrow(/must be a string/);
  });

  it('names the key escaped, so that no log line can be forged', () => {
    expect(() => parseKey('a\n\u202eb')).toThrow(/"a\\n\\u\{202e\}b"/);
  });

  it('has a strict mode with the alphabet A-Za-z0-9._-/', () => {
    expect(parseKey('A-z/0.9_x', { strict: true })).toBe('A-z/0.9_x');
    for (const key of ['a b', 'ä', 'a+b', 'a@b']) expect(() => parseKey(key, { strict: true })).toThrow(/strict/);
  });
});

describe('parsePrefix', () => {
  it.each(['', 'a', 'a/', 'user/1', 'a/.', 'a/..', 'foo '])('takes %j, a string prefix', (prefix) => {
    expect(parsePrefix(prefix)).toBe(prefix);
  });

  it.each(['/', '/a', 'a//', '../', 'a/../b', 'a\0', 'a\\', '.nestjs-storage/x'])('refuses %j', (prefix) => {
    expect(() => parsePrefix(prefix)).toThrow(InvalidKeyError);
  });
});

describe('compareKeys', () => {
  it('orders by UTF-8 bytes, also above the basic plane', () => {
    const keys = ['a', 'a/b', 'a0', 'B', '\uffff', '😀', '\ue000', 'é', 'z', '\ud7ff', '😁', 'a!'];
    const byBytes = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(keys.toSorted(compareKeys)).toEqual(byBytes);
  });
});

describe('safeName', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['公司 (1).docx', '公司 (1).docx'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\a.txt', 'a.txt'],
    ['a\r\nSet-Cookie: x.png', 'aSet-Cookie_ x.png'],
    ['exe\u202egpj.bin', 'exegpj.bin'],
    ['..', 'file'],
    ['', 'file'],
    [undefined, 'file'],
    ['   ', 'file'],
    ['.env', '.env'],
    ['name. . ', 'name'],
    ['con.txt', '_con.txt'],
    ['.nestjs-storage', '_.nestjs-storage'],
    ['\ud800.txt', '.txt'],
    ['a"<b>|?*.txt', 'a_b_.txt'],
  ])('makes %j %j', (name, safe) => {
    expect(safeName(name)).toBe(safe);
    expect(parseKey(`x/${safeName(name)}`)).toBe(`x/${safe}`);
  });

  it('cuts a long name before its extension, at whole characters', () => {
    const name = safeName(`${'公'.repeat(300)}.docx`);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200);
    expect(name).toMatch(/^公+\.docx$/);
  });

  it('keeps to the strict alphabet where asked', () => {
    expect(safeName('Über Größe (1).pdf', { strict: true })).toBe('Uber_Gro_e_1_.pdf');
  });

  it('always gives a valid segment, whatever comes in', () => {
    for (let i = 0; i < 2000; i++) {
      const length = Math.floor(Math.random() * 20);
      const name = String.fromCharCode(...Array.from({ length }, () => Math.floor(Math.random() * 0x10000)));
      expect(() => parseKey(safeName(name))).not.toThrow();
    }
  });
});
