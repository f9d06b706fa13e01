/** Names, types, framings and clients that mean no good, over real connections. */
import { deflateRawSync, crc32 } from 'node:zlib';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { StorageService } from '../../lib/storage.service.js';
import { StorageAnyFilesInterceptor, StorageFileInterceptor, type UploadCandidate } from '../../lib/uploads/index.js';
import {
  BOUNDARY,
  eventually,
  filePart,
  multipart,
  openUpload,
  part,
  readAnswer,
  route,
  send,
  sendRaw,
  startApp,
  WatchedBackend,
  type Seen,
  type UploadApp,
} from './upload-app.js';
import { onPlatforms } from '../support/platforms.js';

const backend = new WatchedBackend(new MemoryBackend());
const storage = new StorageService(backend);
let app: UploadApp;
let candidate: UploadCandidate | undefined;
let handled = 0;

const show = ({ file, files, body }: Seen) => {
  handled++;
  return { file, files, candidate, body };
};
const key = (file: UploadCandidate) => {
  candidate = file;
  return `in/${file.safeName}`;
};

onPlatforms('on $name', (platform) => {
  beforeAll(async () => {
    app = await startApp(platform, { default: storage }, [
      route('any', StorageAnyFilesInterceptor(), show),
      route('named', StorageFileInterceptor('file', { key }), show),
      route('images', StorageFileInterceptor('file', { key, accept: ['image/*'] }), show),
      route('svg', StorageFileInterceptor('file', { key, accept: ['image/svg+xml', 'image/jpg'] }), show),
      route('texts', StorageFileInterceptor('file', { key, accept: ['text/*', 'application/json'] }), show),
      route('all', StorageFileInterceptor('file', { key, accept: ['*/*'] }), show),
      route('office', StorageFileInterceptor('file', { key, accept: [DOCX, 'application/msword'] }), show),
      route('stalling', StorageFileInterceptor('file', { key, stallTimeout: 0.2 }), show),
      route(
        'tight',
        StorageAnyFilesInterceptor({
          limits: {
            files: 2,
            fields: 2,
            parts: 3,
            fieldSize: 10,
            fieldNameSize: 12,
            fileNameSize: 20,
            headerPairs: 3,
            fieldNestingDepth: 2,
            fieldArrayIndexLimit: 3,
            fileSize: '1mb',
          },
        }),
        show,
      ),
    ]);
  });
  afterAll(() => app.close());

  afterEach(async () => {
    expect(await eventually(() => backend.unended.size === 0)).toBe(true);
    for (const name of await storage.listKeys()) await storage.delete(name);
    candidate = undefined;
  });

  const raw = (path: string, ...parts: Buffer[]) => sendRaw(`${app.url}/${path}`, multipart(...parts));
  const facts = (answer: { body: object }) =>
    answer.body as {
      file: { originalname: string; mimetype: string; contentType: string; key: string };
      candidate: UploadCandidate;
    };

  describe('names', () => {
    it.each([
      ['UTF-8', 'filename="Résumé 公司 😀.txt"', 'Résumé 公司 😀.txt', 'Résumé 公司 😀.txt'],
      ['two-part letters', 'filename="re\u0301sume\u0301.txt"', 'résumé.txt', 'résumé.txt'],
      ["a browser's quote", 'filename="a %22b%22.txt"', 'a "b".txt', 'a _b_.txt'],
      ['an escaped quote', 'filename="a \\"b\\".txt"', 'a "b".txt', 'a _b_.txt'],
      ['a percent sign', 'filename="100%41.txt"', '100%41.txt', '100_41.txt'],
      ['escaped line breaks', 'filename="a%0D%0Ab.txt"', 'ab.txt', 'ab.txt'],
      ['line breaks in disguise', 'filename="a%0%0Dd.txt"', 'a.txt', 'a.txt'],
      ['an RTL override', 'filename="photo\u202egpj.txt"', 'photogpj.txt', 'photogpj.txt'],
      ['isolates and marks', 'filename="\u2067a\u2069\u200fb\ufeff.txt"', 'ab.txt', 'ab.txt'],
      ['a Unix path', 'filename="../../etc/passwd.txt"', 'passwd.txt', 'passwd.txt'],
      ['a Windows path', 'filename="C:\\Users\\ann\\a.txt"', 'a.txt', 'a.txt'],
      ['dots', 'filename=".."', 'file', 'file'],
      ['a folder', 'filename="dir/"', 'dir', 'dir'],
      ['only controls', 'filename="\u202e"', 'file', 'file'],
      ['no quotes', 'filename=plain.txt', 'plain.txt', 'plain.txt'],
      ['filename* beside it', 'filename="safe.txt"; filename*=UTF-8\'\'evil.html', 'safe.txt', 'safe.txt'],
      ['filename* before it', 'filename*=UTF-8\'\'evil.html; filename="safe.txt"', 'safe.txt', 'safe.txt'],
      ['a device', 'filename="CON.txt"', 'CON.txt', '_CON.txt'],
      ['a hidden file', 'filename=".env"', '.env', '.env'],
      ["the storage's own folder", 'filename=".nestjs-storage"', '.nestjs-storage', '_.nestjs-storage'],
      ['semicolons', 'filename="a; name=b.txt"', 'a; name=b.txt', 'a; name=b.txt'],
    ])('%s', async (_, disposition, original, safe) => {
      const answer = await raw('named', filePart(`name="file"; ${disposition}`));
      expect(answer.status).toBe(201);
      const { file, candidate: seen } = facts(answer);
      expect([file.originalname, seen.originalname, seen.safeName]).toEqual([original, original, safe]);
      expect(file.key).toBe(`in/${safe}`);
    });

    it('written in latin1 are read as such', async () => {
      const header = Buffer.from('name="file"; filename="caf\u00e9.txt"', 'latin1');
      const body = Buffer.concat([
        Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; `),
        header,
        Buffer.from('\r\n\r\nx\r\n'),
        Buffer.from(`--${BOUNDARY}--\r\n`),
      ]);
      expect(facts(await sendRaw(`${app.url}/named`, body)).file.originalname).toBe('café.txt');
    });

    it.each([
      ['filename* alone', 'name="file"; filename*=UTF-8\'\'evil.html'],
      ['two names', 'name="file"; filename="a.txt"; filename="b.txt"'],
      ['a second field name', 'name="file"; filename="a.txt"; NAME="x"'],
      ['a NUL', 'name="file"; filename="a\0.txt"'],
      ['a bare line break', 'name="file"; filename="a\n.txt"'],
      ['an open quote', 'name="file"; filename="a.txt'],
      ['text after the quote', 'name="file"; filename="a"b.txt"'],
      ['no field name', 'filename="a.txt"'],
      ['a field name with a line break', 'name="a%0Ab"; filename="a.txt"'],
      ['too long', `name="file"; filename="${'x'.repeat(1025)}"`],
    ])('%s: refused', async (_, disposition) => {
      expect(await raw('named', filePart(disposition))).toMatchObject({
        status: 400,
        body: { code: 'invalid-upload' },
      });
    });

    it.each(['__proto__', '__proto__[polluted]', 'a[__proto__][polluted]', 'a[b][__proto__]'])(
      'a field named %s is refused and touches nothing',
      async (name) => {
        expect((await send(`${app.url}/any`, [[name, 'yes']])).status).toBe(400);
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      },
    );

    it('constructor and toString are ordinary field names', async () => {
      const { body } = await send(`${app.url}/any`, [
        ['constructor', 'a'],
        ['toString', 'b'],
        ['a[0]', 'c'],
        ['a[2]', 'd'],
      ]);
      expect(body).toMatchObject({ body: { constructor: 'a', toString: 'b', a: ['c', 'd'] } });
    });
  });

  const PNG = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  const JPEG = Buffer.from('ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304', 'hex');
  const EXE = Buffer.concat([Buffer.from('MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff', 'latin1'), Buffer.alloc(200)]);
  const CFB = Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(600)]);
  const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';

  /** A ZIP archive: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7. The directory at its end is not read here. */
  function zip(...entries: [name: string, content: string][]): Buffer {
    const parts = entries.flatMap(([name, content]) => {
      const bytes = deflateRawSync(content);
      const header = Buffer.alloc(30);
      header.writeUInt32LE(0x04034b50, 0);
      header.writeUInt16LE(20, 4);
      header.writeUInt16LE(8, 8);
      header.writeUInt32LE(crc32(content), 14);
      header.writeUInt32LE(bytes.length, 18);
      header.writeUInt32LE(content.length, 22);
      header.writeUInt16LE(name.length, 26);
      return [header, Buffer.from(name), bytes];
    });
    return Buffer.concat([...parts, Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]);
  }

  const CONTENT_TYPES = `<?xml version="1.0"?><Types><Override PartName="/word/document.xml" ContentType="${DOCX}.main+xml"/></Types>`;
  const noise = Array.from({ length: 9000 }, (_, i) => String.fromCharCode(33 + ((i * 7919) % 90))).join('');

  describe('types are judged by content', () => {
    const OCTETS = 'application/octet-stream';
    it.each([
      ['PNG', 'a.png', PNG, 'image/png', 'png'],
      ['PNG under another name', 'a.txt', PNG, 'image/png', 'png'],
      ['a PNG cut short', 'a.png', PNG.subarray(0, 20), 'image/png', 'png'],
      ['JPEG', 'a.JPEG', JPEG, 'image/jpeg', 'jpeg'],
      ['PDF', 'a', Buffer.from('%PDF-1.7\n%\xe2\xe3'), 'application/pdf', 'pdf'],
      ['ZIP', 'a.zip', zip(['x.bin', noise]), 'application/zip', 'zip'],
      ['DOCX', 'a.docx', zip(['[Content_Types].xml', CONTENT_TYPES], ['word/document.xml', noise]), DOCX, 'docx'],
      [
        'DOCX whose telling entry comes late',
        'a.docx',
        zip(['word/document.xml', noise], ['[Content_Types].xml', CONTENT_TYPES]),
        DOCX,
        'docx',
      ],
      ['ZIP named as an image', 'a.png', zip(['x.bin', noise]), 'application/zip', 'zip'],
      ['old Word', 'a.doc', CFB, 'application/msword', 'doc'],
      ['EXE named as an image', 'a.png', EXE, 'application/x-msdownload', 'exe'],
      [
        'HTML named as text',
        'a.txt',
        Buffer.from(' \r\n<!DOCTYPE html><script>alert(1)</script>'),
        'text/html',
        'html',
      ],
      ['HTML behind a comment', 'a.txt', Buffer.from('<!-- hello --><body onload=alert(1)>'), 'text/html', 'html'],
      ['HTML behind a byte order mark', 'a.csv', Buffer.from('\ufeff<html>'), 'text/html', 'html'],
      ['HTML named as such', 'a.html', Buffer.from('just words'), 'text/html', 'html'],
      ['SVG', 'a.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/svg+xml', 'svg'],
      [
        'SVG with a prologue, as text',
        'a.txt',
        Buffer.from('<?xml version="1.0"?>\n<svg onload="x()"/>'),
        'image/svg+xml',
        'svg',
      ],
      ['XML', 'a.txt', Buffer.from('<?xml version="1.0"?><a/>'), 'application/xml', 'xml'],
      ['XHTML', 'a.txt', Buffer.from('<?xml version="1.0"?><html/>'), 'application/xhtml+xml', 'xhtml'],
      ['text', 'a.txt', Buffer.from('hello'), 'text/plain', 'txt'],
      ['text with a less-than sign', 'a.txt', Buffer.from('1 < 2, <3'), 'text/plain', 'txt'],
      ['latin1 text', 'a.csv', Buffer.from('n\xe4me;2', 'latin1'), 'text/csv', 'csv'],
      ['JSON', 'a.json', Buffer.from('{"a":1}'), 'application/json', 'json'],
      ['Markdown', 'a.md', Buffer.from('# A'), 'text/markdown', 'md'],
      ['text without an extension', 'README', Buffer.from('hello'), 'text/plain', 'txt'],
      ['text named as an image', 'a.png', Buffer.from('hello'), OCTETS, 'bin'],
      ['binary named as text', 'a.txt', Buffer.from([104, 105, 0, 1]), OCTETS, 'bin'],
      ['binary of no known kind', 'a.dat', Buffer.from([1, 2, 3, 250]), OCTETS, 'bin'],
      ['an empty text', 'a.txt', Buffer.alloc(0), 'text/plain', 'txt'],
      ['an empty image', 'a.png', Buffer.alloc(0), OCTETS, 'bin'],
      ['one byte', 'a.txt', Buffer.from('a'), 'text/plain', 'txt'],
      ['one zero byte', 'a.txt', Buffer.from([0]), OCTETS, 'bin'],
      [
        'a looping ASF header',
        'a.asf',
        Buffer.concat([Buffer.from('3026b2758e66cf11a6d9', 'hex'), Buffer.alloc(45)]),
        OCTETS,
        'bin',
      ],
    ])('%s', async (_, name, content, type, extension) => {
      // The client claims something else altogether.
      const answer = await raw('named', filePart(`name="file"; filename="${name}"`, content, 'image/gif'));
      expect(answer.status).toBe(201);
      const { file, candidate: seen } = facts(answer);
      expect([file.contentType, seen.mimetype, seen.extension]).toEqual([type, type, extension]);
      const stored = await storage.open(file.key);
      expect(stored.file.contentType).toBe(type);
      stored.body.destroy();
      expect((await storage.get(file.key)).equals(content)).toBe(true);
    });

    it.each([
      ['images', 'a.png', PNG, 201],
      ['images', 'a.jpg', JPEG, 201],
      ['images', 'a.png', EXE, 415],
      ['images', 'a.png', Buffer.from('hello'), 415],
      ['images', 'a.png', Buffer.alloc(0), 415],
      ['images', 'a.svg', Buffer.from('<svg/>'), 415],
      ['images', 'a.png', Buffer.alloc(2_000_000), 415],
      ['svg', 'a.svg', Buffer.from('<svg/>'), 201],
      ['svg', 'a.jpg', JPEG, 201],
      ['svg', 'a.png', PNG, 415],
      ['texts', 'a.txt', Buffer.from('hello'), 201],
      ['texts', 'a.json', Buffer.from('[]'), 201],
      ['texts', 'a.txt', Buffer.from('<html>'), 415],
      ['texts', 'a.js', Buffer.from('alert(1)'), 415],
      ['texts', 'a.txt', PNG, 415],
      ['all', 'a.bin', Buffer.from([0, 1]), 201],
      ['all', 'a.txt', Buffer.from('<script>'), 415],
      ['office', 'a.docx', zip(['word/document.xml', noise]), 201],
      ['office', 'a.doc', CFB, 201],
      ['office', 'a.docx', PNG, 415],
      ['office', 'a.docx', Buffer.from('hello'), 415],
    ])('route %s with %s: %#', async (path, name, content, status) => {
      const answer = await raw(path, filePart(`name="file"; filename="${name}"`, content, 'image/png'));
      expect(answer.status).toBe(status);
      if (status === 415)
        expect(answer.body).toMatchObject({
          code: 'unsupported-type',
          message: expect.stringContaining('accepted are'),
        });
      expect(await storage.listKeys()).toHaveLength(status === 201 ? 1 : 0);
    });
  });

  describe('framing', () => {
    const good = filePart('name="file"; filename="a.txt"');
    const last = `--${BOUNDARY}--\r\n`;

    it.each([
      ['an empty body', ''],
      ['a wrong first boundary', String(good).replace(BOUNDARY, 'other') + last],
      ['text before the first boundary', `hello\r\n${String(good)}${last}`],
      ['no last boundary', String(good)],
      ['a cut last boundary', `${String(good)}--${BOUNDARY}-`],
      ['a boundary with a tail', `${String(good)}--${BOUNDARY}x\r\n${last}`],
      ['a header without end', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"`],
      [
        'a huge header',
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\nX: ${'x'.repeat(20_000)}\r\n\r\n1\r\n${last}`,
      ],
      ['a header line without a colon', String(part('Content-Disposition: form-data; name="a"\r\nrubbish', '')) + last],
      ['no disposition', String(part('Content-Type: text/plain', 'x')) + last],
      [
        'two dispositions',
        String(part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"', 'x')) +
          last,
      ],
      ['an attachment', String(part('Content-Disposition: attachment; name="a"', 'x')) + last],
      [
        'a part without content',
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n--${BOUNDARY}--\r\n`,
      ],
      [
        'a part without content before a whole one',
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${String(good)}${last}`,
      ],
      ['an endless epilogue', String(good) + last + 'x'.repeat(5000)],
      ['an endless preamble', '\r\n'.repeat(5000) + String(good) + last],
    ])('%s: 400', async (_, body) => {
      handled = 0;
      const answer = await sendRaw(`${app.url}/named`, Buffer.from(body));
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-upload' } });
      expect(answer.body.message).toMatch(/^The upload is not valid: .+\.$/);
      expect(handled).toBe(0);
      expect(await storage.listKeys()).toEqual([]);
    });

    it.each([
      ['multipart/form-data', 400],
      ['multipart/form-data; boundary=', 400],
      ['multipart/form-data; boundary=a; boundary=b', 400],
      [`multipart/form-data; boundary=${'x'.repeat(71)}`, 400],
      [`multipart/mixed; boundary=${BOUNDARY}`, 415],
      [`Multipart/Form-Data; charset=utf-8; boundary="${BOUNDARY}"`, 201],
    ])('%s: %i', async (type, status) => {
      expect((await sendRaw(`${app.url}/named`, multipart(good), type)).status).toBe(status);
    });

    it('a line break before the first boundary and folded headers are taken', async () => {
      const folded = part('Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="a.txt"', 'x');
      const answer = await sendRaw(`${app.url}/named`, Buffer.concat([Buffer.from('\r\n'), multipart(folded)]));
      expect(facts(answer).file.originalname).toBe('a.txt');
    });

    it('contents that look like boundaries come through, however they are cut', async () => {
      const tricky = `\r\n--${BOUNDARY.slice(0, -1)}\r\n--\r\n\r\r\n--Xx\r\r\n`.repeat(3);
      const body = multipart(
        filePart('name="file"; filename="a.txt"', tricky),
        part('Content-Disposition: form-data; name="t"', 'v'),
      );
      for (const size of [1, 2, 3, 7, 16, 61]) {
        const socket = await openUpload(app.port, '/named', body.length);
        socket.setNoDelay(true);
        for (let at = 0; at < body.length; at += size) {
          socket.write(body.subarray(at, at + size));
          if (at % 5 === 0) await new Promise(setImmediate);
        }
        expect(await readAnswer(socket)).toMatch(/^HTTP\/1.1 201/);
        socket.destroy();
        expect(String(await storage.get('in/a.txt'))).toBe(tricky);
      }
    });
  });

  describe('limits', () => {
    const field = (name: string, value = 'v') => part(`Content-Disposition: form-data; name="${name}"`, value);
    const file = (name = 'a') => filePart(`name="f"; filename="${name}.txt"`);
    it.each([
      ['what fits', [field('a'), field('b'), file()], 201, ''],
      ['a third file', [file('a'), file('b'), file('c')], 400, 'more than 2 files'],
      [
        'an empty input is no file',
        [filePart('name="f"; filename=""', '', 'application/octet-stream'), file('a'), file('b')],
        201,
        '',
      ],
      ['a third field', [field('a'), field('b'), field('c')], 400, 'more than 2 fields'],
      ['a fourth part', [field('a'), field('b'), file('a'), file('b')], 400, 'more than 3 parts'],
      ['a value of the longest size', [field('a', 'x'.repeat(10))], 201, ''],
      ['a longer value', [field('a', 'x'.repeat(11))], 400, '"a" has a value of more than 10 bytes'],
      ['a long name', [field('x'.repeat(13))], 400, 'a name of more than 12 bytes'],
      ['a long file name', [file('x'.repeat(20))], 400, 'a name of more than 20 bytes'],
      ['deep nesting', [field('a[b][c][d]')], 400, 'nested deeper than 2'],
      ['a high index', [field('a[4]')], 400, 'index above 3'],
      [
        'many headers',
        [part('Content-Disposition: form-data; name="a"\r\nA: 1\r\nB: 1\r\nC: 1', 'x')],
        400,
        '3 header lines',
      ],
    ])('%s', async (_, parts, status, message) => {
      const answer = await raw('tight', ...parts);
      expect(answer.status).toBe(status);
      if (message !== '') expect(answer.body.message).toContain(message);
      if (status !== 201) expect(await storage.listKeys()).toEqual([]);
    });
  });

  describe('clients', () => {
    const content = Buffer.alloc(300_000, 'x');
    const body = multipart(filePart('name="file"; filename="big.txt"', content));

    it('one that sends less than announced gets 408 within the stall time', async () => {
      for (const sent of [0, 40, 200_000, body.length]) {
        const started = Date.now();
        const socket = await openUpload(app.port, '/stalling', body.length + 10);
        socket.write(body.subarray(0, sent));
        const answer = await readAnswer(socket, /$^/);
        expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout/);
        expect(answer).toContain('"code":"upload-stalled"');
        expect(Date.now() - started).toBeLessThan(5000);
      }
      expect(await storage.listKeys()).toEqual([]);
    });

    it('one that is slow but steady is served', async () => {
      const small = multipart(filePart('name="file"; filename="slow.txt"', 'slow'));
      const socket = await openUpload(app.port, '/stalling', small.length);
      for (let at = 0; at < small.length; at += 40) {
        socket.write(small.subarray(at, at + 40));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(await readAnswer(socket)).toMatch(/^HTTP\/1.1 201/);
      socket.destroy();
    });

    it('one is not blamed for a slow store', async () => {
      let chunks = 0;
      backend.beforeChunk = async () => {
        if (++chunks === 2) await new Promise((resolve) => setTimeout(resolve, 600));
      };
      const large = multipart(filePart('name="file"; filename="big.txt"', Buffer.alloc(6_000_000, 'x')));
      expect((await sendRaw(`${app.url}/stalling`, large)).status).toBe(201);
      backend.beforeChunk = () => undefined;
    });

    it('one that leaves in the middle leaves nothing behind (20 places)', async () => {
      handled = 0;
      for (let i = 0; i < 20; i++) {
        const socket = await openUpload(app.port, '/named', body.length);
        socket.write(body.subarray(0, Math.floor(((i * 0.618) % 1) * (body.length - 1))));
        await new Promise((resolve) => setTimeout(resolve, i % 4));
        if (i % 2 === 0) socket.destroy();
        else socket.resetAndDestroy();
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await eventually(() => backend.unended.size === 0)).toBe(true);
      expect(handled).toBe(0);
      expect(await storage.listKeys()).toEqual([]);
    });

    it('one that is still sending reads its answer all the same', async () => {
      const socket = await openUpload(app.port, '/images', 2 ** 33);
      socket.write(body.subarray(0, 100_000));
      expect(await readAnswer(socket)).toMatch(/^HTTP\/1.1 415/);
      socket.destroy();
    });

    it('one whose upload is refused can use the connection for its next request', async () => {
      const refused = multipart(filePart('name="file"; filename="a.png"', content));
      const socket = await openUpload(app.port, '/images', refused.length);
      socket.write(refused);
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(String(first)).toMatch(/^HTTP\/1.1 415/);
      socket.write(
        `POST /named HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
      expect(await readAnswer(socket)).toMatch(/^HTTP\/1.1 201/);
      socket.destroy();
    });
  });
});
