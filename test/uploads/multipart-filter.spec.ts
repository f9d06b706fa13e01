/** The filter before the parser: whatever it lets through, busboy reads without an error and in one way. */
import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from '@jest/globals';
import { InvalidUploadError } from '../../lib/contract/index.js';
import { MultipartFilter } from '../../lib/uploads/multipart-filter.js';
import { planUploads } from '../../lib/uploads/upload-plan.js';

// The very parser that multer uses.
const busboy = createRequire(createRequire(import.meta.url).resolve('multer'))('busboy') as (
  options: object,
) => Writable;
const { limits } = planUploads({}, 10);

/** Filters a body in pieces of up to so many bytes; 0: in one. */
function filtered(body: Buffer, random: (below: number) => number, most: number): string {
  const out: Buffer[] = [];
  const filter = new MultipartFilter('b', limits, (bytes) => out.push(Buffer.from(bytes)));
  try {
    for (let at = 0; at < body.length;) {
      const size = most === 0 ? body.length : 1 + random(most);
      filter.write(body.subarray(at, at + size));
      at += size;
    }
    filter.end();
  } catch (error) {
    if (!(error instanceof InvalidUploadError)) throw error;
    return `refused: ${error.message}`;
  }
  return Buffer.concat(out).toString('latin1');
}

/** What busboy makes of it: names of fields and files. */
async function parsed(body: string): Promise<string[]> {
  const seen: string[] = [];
  const parser = busboy({ headers: { 'content-type': 'multipart/form-data; boundary=b' }, defParamCharset: 'utf8' });
  parser.on('file', (_name: string, stream: NodeJS.ReadableStream, { filename }: { filename?: string }) => {
    seen.push(`file ${filename}`);
    stream.resume();
  });
  parser.on('field', (name: string) => seen.push(`field ${name}`));
  parser.end(Buffer.from(body, 'latin1'));
  await finished(parser);
  return seen;
}

const SOUND = Buffer.from(
  '--b\r\nContent-Disposition: form-data; name="file"; filename="a%0D.txt"\r\nContent-Type: text/plain\r\n\r\nhel\r\n--\r\nlo' +
    '\r\n--b\r\nContent-Disposition: form-data; name="t"; filename*=UTF-8\'\'evil.html; filename="q\\"x"\r\n\r\nvalue\r\n--b--\r\n',
);
const PIECES = [
  '\r\n',
  '--b',
  '\r\n--b',
  '\r\n\r\n',
  '"',
  '\\',
  '; ',
  'filename*=',
  '\0',
  '=',
  '--',
  '%0A',
  ' ',
  'name=',
  ':',
];

describe('the multipart filter', () => {
  it('agrees with busboy on 4,000 damaged bodies, however they arrive', async () => {
    let seed = 20_261_123;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return (seed >>> 8) % below;
    };
    let passed = 0;
    for (let i = 0; i < 4000; i++) {
      let body = SOUND;
      for (let changes = 1 + random(3); changes > 0; changes--) {
        const at = random(body.length);
        const inserted = random(2) === 0 ? Buffer.from(PIECES[random(PIECES.length)]!) : Buffer.alloc(0);
        body = Buffer.concat([
          body.subarray(0, at),
          inserted,
          body.subarray(at + (inserted.length === 0 ? random(6) : 0)),
        ]);
      }
      const whole = filtered(body, random, 0);
      expect(filtered(body, random, 7)).toBe(whole);
      if (whole.startsWith('refused')) continue;
      passed++;
      const parts = await parsed(whole);
      expect(parts).toHaveLength(whole.match(/content-disposition: /g)!.length);
      expect(parts).not.toContain('file evil.html');
    }
    // Neither lets all through nor refuses all.
    expect(passed).toBeGreaterThan(400);
    expect(passed).toBeLessThan(3600);
  });

  // Backslashes in a quote that never ends, blanks before a byte that no header holds, blanks around everything.
  it.each([
    ['backslashes', (n: number) => `Content-Disposition: form-data; name="${'\\'.repeat(n)}`],
    ['escaped quotes', (n: number) => `Content-Disposition: form-data; name="${'\\"'.repeat(n / 2)}`],
    ['blanks', (n: number) => `X: ${' '.repeat(n)}\x01`],
    ['blanks between parameters', (n: number) => `Content-Disposition: form-data${' ;'.repeat(n / 2)}`],
    ['semicolons', (n: number) => `Content-Disposition: form-data; name=a${';'.repeat(n)}`],
    ['slashes in a file name', (n: number) => `Content-Disposition: form-data; name=a; filename="${'/'.repeat(n)}a"`],
  ])('reads a header of many %s in one pass', (_, header) => {
    // From sizes that take a backtracking reader seconds to those that would take it years.
    for (const size of [44, 400, 4_000, 15_000]) {
      const body = Buffer.from(`--b\r\n${header(size)}\r\n\r\nx\r\n--b--\r\n`, 'latin1');
      const started = process.cpuUsage();
      filtered(body, () => 0, 0);
      const { user } = process.cpuUsage(started);
      expect(user / 1000).toBeLessThan(500);
    }
  });

  it('changes no byte of contents and copies none', () => {
    const content = Buffer.alloc(1 << 20, 'x');
    const out: Buffer[] = [];
    const filter = new MultipartFilter('b', limits, (bytes) => out.push(bytes));
    filter.write(Buffer.from('--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n+'));
    filter.write(content);
    filter.write(Buffer.from('\r\n--b--'));
    filter.end();
    const passed = out.find((bytes) => bytes.length === content.length)!;
    expect(passed.buffer === content.buffer).toBe(true);
    expect(Buffer.concat(out).includes(content)).toBe(true);
  });
});
