/** From the form to the store: when files become visible, and that nothing stays of what fails. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ConflictException,
  FileTypeValidator,
  MaxFileSizeValidator,
  ParseFilePipe,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { EMPTY, of, timeout } from 'rxjs';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { UnsupportedTypeError, type StorageKey } from '../../lib/contract/index.js';
import type { StoredFile } from '../../lib/service/index.js';
import { StorageService } from '../../lib/storage.service.js';
import {
  StagedFile,
  StorageAnyFilesInterceptor,
  StorageFileFieldsInterceptor,
  StorageFileInterceptor,
  StorageFilesInterceptor,
  type StorageUploadOptions,
  type UploadCandidate,
} from '../../lib/uploads/index.js';
import {
  BOUNDARY,
  eventually,
  filePart,
  multipart,
  openUpload,
  readAnswer,
  route,
  send,
  startApp,
  WatchedBackend,
  type FormEntry,
  type Seen,
  type UploadApp,
} from './upload-app.js';
import { onPlatforms } from '../support/platforms.js';

const backend = new WatchedBackend(new MemoryBackend());
const other = new WatchedBackend(new MemoryBackend());
const storage = new StorageService(backend);
const archive = new StorageService(other, { name: 'archive', strictKeys: true });

/** What the handler under test does; each test sets its own. */
let handler: (seen: Seen) => unknown;
let seen: Seen | undefined;
let after: { files: readonly StoredFile[]; path: string }[] = [];
let afterFails = false;
let candidates: UploadCandidate[] = [];

const byName: StorageUploadOptions['key'] = (file) => {
  candidates.push(file);
  return `docs/${file.safeName}`;
};

function handle(now: Seen): unknown {
  seen = now;
  return handler(now);
}

/** Gives up on slow routes as an app's own interceptor would. */
class ImpatientInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(timeout(60));
  }
}

let app: UploadApp;
onPlatforms('on $name', (platform) => {
  beforeAll(async () => {
    const named = { key: byName };
    app = await startApp(platform, { default: storage, archive }, [
      route('one', StorageFileInterceptor('file', named), handle),
      route('defaults', StorageFileInterceptor('file'), handle),
      route('required', StorageFileInterceptor('file', { required: true }), handle),
      route('many', StorageFilesInterceptor('files', 3, named), handle),
      route('list', StorageFilesInterceptor('files', named), handle),
      route('fields', StorageFileFieldsInterceptor([{ name: 'cover' }, { name: 'pages', maxCount: 2 }], named), handle),
      route('any', StorageAnyFilesInterceptor(named), handle),
      route('archive', StorageFileInterceptor('file', { storage: 'archive' }), handle),
      route('limited', StorageFileInterceptor('file', { ...named, limits: { fileSize: 10 } }), handle),
      route('readable', StorageFileInterceptor('file', { ...named, limits: { fileSize: '1kb' } }), handle),
      route('create', StorageFileInterceptor('file', { ...named, ifNoneMatch: '*' }), handle),
      route('early', StorageFilesInterceptor('files', 3, { ...named, commit: 'early' }), handle),
      route(
        'told',
        StorageFilesInterceptor('files', 3, {
          ...named,
          cacheControl: 'max-age=60',
          checksum: 'md5',
          metadata: async ({ originalname, mimetype }, context) => ({
            original: originalname,
            type: mimetype,
            owner: context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-owner'],
          }),
          afterCommit: async (files, context) => {
            after.push({ files, path: context.switchToHttp().getRequest<{ url: string }>().url });
            if (afterFails) throw new Error('after');
          },
        }),
        handle,
      ),
      route(
        'folders',
        StorageFileInterceptor('file', {
          checksum: false,
          key: async (file, context) => {
            await sleep(2);
            const { body } = context.switchToHttp().getRequest<{ body: { folder?: string } }>();
            if (body.folder === 'throw') throw new ConflictException('no such folder');
            return body.folder === 'bad' ? '../x' : `${body.folder ?? 'none'}/${file.safeName}`;
          },
        }),
        handle,
      ),
      route('bad-metadata', StorageFileInterceptor('file', { metadata: () => ({ 'NO SPACES': 1 }) }), handle),
      route(
        'checked',
        StorageFileInterceptor('file', named),
        handle,
        new ParseFilePipe({ validators: [new MaxFileSizeValidator({ maxSize: 5 })] }),
      ),
      route(
        'typed',
        StorageFileInterceptor('file', named),
        handle,
        new ParseFilePipe({
          validators: [new FileTypeValidator({ fileType: 'text/plain', skipMagicNumbersValidation: true })],
        }),
      ),
      route(
        'untyped',
        StorageFileInterceptor('file', named),
        handle,
        new ParseFilePipe({ validators: [new FileTypeValidator({ fileType: 'text/plain' })] }),
      ),
      route('impatient', StorageFileInterceptor('file', named), handle, undefined, [ImpatientInterceptor]),
      route('impatient-new', StorageFileInterceptor('file'), handle, undefined, [ImpatientInterceptor]),
      route('answers', StorageFileInterceptor('file', named), handle, undefined, [], true),
    ]);
  });
  afterAll(() => app.close());

  beforeEach(() => {
    handler = ({ file, files }) => file ?? files;
    seen = undefined;
    after = [];
    afterFails = false;
    candidates = [];
    backend.beforeCommit = () => undefined;
    backend.afterCommit = () => undefined;
  });

  afterEach(async () => {
    // Whatever a test did: nothing that was staged may still be open.
    expect(await eventually(() => backend.unended.size === 0 && other.unended.size === 0)).toBe(true);
    for (const key of await storage.listKeys()) await storage.delete(key);
    for (const key of await archive.listKeys()) await archive.delete(key);
  });

  const keys = () => storage.listKeys();
  const post = (path: string, ...entries: FormEntry[]) => send(`${app.url}/${path}`, entries);

  describe('one file', () => {
    it('is invisible while the handler runs and there when the answer arrives', async () => {
      const during: unknown[] = [];
      handler = async ({ file }) => {
        during.push(await storage.exists(file.key), file.stored);
        await sleep(20);
        during.push(await storage.exists(file.key));
        return file;
      };
      const { status, body } = await post('one', ['file', 'hello', 'a.txt']);
      expect(during).toEqual([false, undefined, false]);
      expect(status).toBe(201);
      expect(String(await storage.get('docs/a.txt'))).toBe('hello');
      expect(body).toEqual({
        key: 'docs/a.txt',
        fieldname: 'file',
        originalname: 'a.txt',
        size: 5,
        contentType: 'text/plain',
        checksum: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        metadata: {},
        etag: seen!.file.stored!.etag,
        lastModified: seen!.file.stored!.lastModified.toISOString(),
      });
    });

    it('comes as a StagedFile whose bytes can be read before they are published', async () => {
      let read = '';
      handler = async ({ file }) => {
        read = await text(await file.open!({ start: 1, end: 3 }));
      };
      await post('one', ['file', 'hello', 'a.txt']);
      expect(read).toBe('ell');
      expect(seen!.file).toBeInstanceOf(StagedFile);
      expect(seen!.file.mimetype).toBe('text/plain');
    });

    it('gets a key of its own by default', async () => {
      const [a, b] = await Promise.all([
        post('defaults', ['file', '1', 'Q3: "x".txt']),
        post('defaults', ['file', '2', 'Q3: "x".txt']),
      ]);
      expect(a.body.key).toMatch(/^uploads\/[0-9a-f-]{36}\/Q3_ _x_.txt$/);
      expect(a.body.key).not.toBe(b.body.key);
      expect(await keys()).toHaveLength(2);
    });

    it('goes to the named storage, with a default key that strict keys allow', async () => {
      const { status, body } = await post('archive', ['file', 'x', '公司 é.txt']);
      expect(status).toBe(201);
      expect(body.key).toMatch(/^uploads\/[0-9a-f-]{36}\/[A-Za-z0-9._-]+\.txt$/);
      expect(await archive.exists(body.key!)).toBe(true);
      expect(await keys()).toEqual([]);
    });

    it('may be empty', async () => {
      const { status, body } = await post('one', ['file', '', 'empty.txt']);
      expect([status, (body as { size?: number }).size]).toEqual([201, 0]);
    });

    it.each([
      ['no file', [['note', 'x']]],
      ['an empty input', [['file', '', '']]],
    ] as [string, FormEntry[]][])(
      '%s: the handler runs without one, or 400 where it is required',
      async (_, entries) => {
        handler = ({ file, body }) => ({ none: file === undefined, body });
        expect(await post('one', ...entries)).toMatchObject({ status: 201, body: { none: true } });
        expect(await post('required', ...entries)).toMatchObject({ status: 400, body: { code: 'invalid-upload' } });
      },
    );

    it('other requests pass, unless a file is required', async () => {
      const headers = { 'content-type': 'application/json' };
      handler = ({ body }) => body;
      const ask = (path: string) => fetch(`${app.url}/${path}`, { method: 'POST', headers, body: '{"a":1}' });
      expect(await (await ask('one')).json()).toEqual({ a: 1 });
      expect((await ask('required')).status).toBe(400);
    });
  });

  describe('options', () => {
    it('stores metadata, cache control and the asked checksum; tells afterCommit once the answer is out', async () => {
      const answer = await send(`${app.url}/told`, [['files', 'hello', 'ä.txt']], { 'x-owner': 'ann' });
      expect(answer.body).toMatchObject([{ checksum: '5d41402abc4b2a76b9719d911017c592' }]);
      expect(await storage.getMetadata('docs/ä.txt')).toMatchObject({
        metadata: { original: 'ä.txt', type: 'text/plain', owner: 'ann' },
        cacheControl: 'max-age=60',
      });
      expect(await eventually(() => after.length === 1)).toBe(true);
      expect(after[0]).toMatchObject({ path: '/told', files: [{ key: 'docs/ä.txt', etag: expect.any(String) }] });
    });

    it('afterCommit runs after the response, and its failure harms nobody', async () => {
      afterFails = true;
      expect((await post('told', ['files', '1', 'a.txt'])).status).toBe(201);
      expect(await eventually(() => after.length === 1)).toBe(true);
      expect(await keys()).toEqual(['docs/a.txt']);
    });

    it("the app's AsyncLocalStorage reaches the key function, the handler and afterCommit", async () => {
      const users = new AsyncLocalStorage<string>();
      const ran: string[] = [];
      const interceptor = StorageFileInterceptor('file', {
        key: () => `users/${users.getStore()}`,
        afterCommit: () => void ran.push(`after ${users.getStore()}`),
      });
      const own = await startApp(
        platform,
        { default: storage },
        [route('x', interceptor, () => void ran.push(`handler ${users.getStore()}`))],
        [],
        (nest) =>
          nest.use((request: Request, _response: Response, next: () => void) =>
            users.run(request.query['u'] as string, next),
          ),
      );
      const body = multipart(filePart('name="file"; filename="a.txt"'));
      await Promise.all(
        ['ann', 'bob'].map(async (user) => {
          const socket = await openUpload(own.port, `/x?u=${user}`, body.length);
          // The body comes when the handler is long waiting: its events belong to the connection, not to the request.
          await sleep(30);
          socket.write(body);
          await readAnswer(socket, /\r\n\r\n/);
          socket.destroy();
        }),
      );
      expect(await eventually(() => ran.length === 4)).toBe(true);
      expect(ran.sort()).toEqual(['after ann', 'after bob', 'handler ann', 'handler bob']);
      expect(await keys()).toEqual(['users/ann', 'users/bob']);
      await own.close();
    });

    it('afterCommit does not run for a failed request', async () => {
      handler = () => {
        throw new ConflictException();
      };
      expect((await post('told', ['files', '1', 'a.txt'])).status).toBe(409);
      await sleep(30);
      expect(after).toEqual([]);
    });

    it('an async key function sees the fields sent before the file', async () => {
      const { body } = await post('folders', ['folder', 'inbox'], ['file', 'x', 'a.txt']);
      expect(body.key).toBe('inbox/a.txt');
      expect(body).not.toHaveProperty('checksum');
      expect((await post('folders', ['file', 'x'.repeat(500_000), 'a.txt'], ['folder', 'late'])).body.key).toBe(
        'none/a.txt',
      );
    });

    it('a key function may refuse, and a bad key is refused', async () => {
      expect(await post('folders', ['folder', 'throw'], ['file', 'x'.repeat(300_000), 'a.txt'])).toMatchObject({
        status: 409,
        body: { message: 'no such folder' },
      });
      expect(await post('folders', ['folder', 'bad'], ['file', 'x', 'a.txt'])).toMatchObject({
        status: 400,
        body: { code: 'invalid-key' },
      });
      expect((await post('bad-metadata', ['file', 'x', 'a.txt'])).status).toBe(400);
      expect(await keys()).toEqual([]);
    });

    it('create-only refuses a taken key and keeps what is there', async () => {
      await storage.put('docs/a.txt', 'old');
      expect(await post('create', ['file', 'new', 'a.txt'])).toMatchObject({
        status: 409,
        body: { code: 'already-exists' },
      });
      expect(String(await storage.get('docs/a.txt'))).toBe('old');
    });

    it('without it a file is replaced only when the handler succeeds', async () => {
      await storage.put('docs/a.txt', 'old');
      handler = () => {
        throw new Error('no');
      };
      await post('one', ['file', 'new', 'a.txt']);
      expect(String(await storage.get('docs/a.txt'))).toBe('old');
      handler = () => 'ok';
      await post('one', ['file', 'new', 'a.txt']);
      expect(String(await storage.get('docs/a.txt'))).toBe('new');
    });
  });

  describe('sizes', () => {
    it.each([
      [0, 201],
      [9, 201],
      [10, 201],
      [11, 413],
      [200_000, 413],
      [5_000_000, 413],
    ])('%i bytes at a limit of 10: %i', async (size, status) => {
      const answer = await post('limited', ['file', 'x'.repeat(size), 'a.txt']);
      expect(answer.status).toBe(status);
      expect(await keys()).toEqual(status === 201 ? ['docs/a.txt'] : []);
      if (status === 413) expect(answer.body.message).toBe('The file is larger than the allowed 10 bytes.');
    });

    it('of files are at most those of their request, which the store is told beforehand', async () => {
      const body = multipart(filePart('name="file"; filename="a.txt"'));
      const type = `multipart/form-data; boundary=${BOUNDARY}`;
      const headers = { 'content-type': type };
      const url = `${app.url}/one`;
      await fetch(url, { method: 'POST', body, headers });
      expect(backend.told!.maxSize).toBe(body.length);
      const chunked = { method: 'POST', body: new Blob([body]).stream(), headers, duplex: 'half' };
      expect((await fetch(url, chunked as RequestInit)).status).toBe(201);
      expect(backend.told!.maxSize).toBe(10 * 1024 * 1024);
    });

    it('limits are read as people write them', async () => {
      expect((await post('readable', ['file', 'x'.repeat(1024), 'a.txt'])).status).toBe(201);
      expect((await post('readable', ['file', 'x'.repeat(1025), 'a.txt'])).status).toBe(413);
    });

    it('10 MB is the limit where none is given', async () => {
      expect((await post('defaults', ['file', 'x'.repeat(10 * 1024 * 1024), 'a.txt'])).status).toBe(201);
      expect((await post('defaults', ['file', 'x'.repeat(10 * 1024 * 1024 + 1), 'a.txt'])).status).toBe(413);
    });
  });

  describe('many files', () => {
    const three: FormEntry[] = ['a', 'b', 'c'].map((name) => ['files', name.repeat(5), `${name}.txt`]);

    it('come in order and are published in order', async () => {
      const order: string[] = [];
      backend.beforeCommit = (key) => void order.push(key);
      const { body } = await post('many', ...three);
      expect((body as unknown as { key: string }[]).map(({ key }) => key)).toEqual(order);
      expect(order).toEqual(['docs/a.txt', 'docs/b.txt', 'docs/c.txt']);
      expect(await keys()).toEqual(order);
    });

    it('fields give lists by field; text fields are in the body', async () => {
      handler = ({ files, body }) => ({ files, body });
      const { body } = await post(
        'fields',
        ['cover', '1', 'c.txt'],
        ['title', 'T'],
        ['pages', '2', 'p.txt'],
        ['pages', '3', 'q.txt'],
      );
      expect(body).toMatchObject({
        files: { cover: [{ key: 'docs/c.txt' }], pages: [{ key: 'docs/p.txt' }, { key: 'docs/q.txt' }] },
        body: { title: 'T' },
      });
    });

    it('any field', async () => {
      const { body } = await post('any', ['x', '1', 'x.txt'], ['y', '2', 'y.txt']);
      expect(body).toMatchObject([{ fieldname: 'x' }, { fieldname: 'y' }]);
    });

    it.each([
      ['many', [...three, ['files', 'd', 'd.txt']], 'more than 3 files'],
      ['many', [...three.slice(1), ['wrong', 'd', 'd.txt']], '"wrong" takes no file'],
      [
        'fields',
        [
          ['cover', '1', 'a.txt'],
          ['cover', '2', 'b.txt'],
        ],
        '"cover" takes no file, or not so many',
      ],
      ['many', [three[0], three[0]], 'two of its files have the same name'],
      ['list', Array.from({ length: 11 }, (_, i) => ['files', 'x', `${i}.txt`]), 'more than 10 files'],
    ] as [string, FormEntry[], string][])('%s refuses what does not fit', async (path, entries, message) => {
      expect(await post(path, ...entries)).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(message) },
      });
      expect(await keys()).toEqual([]);
    });

    it('one file over the limit takes its siblings with it', async () => {
      const big: FormEntry = ['files', 'x'.repeat(11 * 1024 * 1024), 'big.txt'];
      expect((await post('many', three[0]!, big, three[1]!)).status).toBe(413);
      expect(await keys()).toEqual([]);
    });

    it('when a later commit fails, those before it are taken back and those after it never come', async () => {
      backend.beforeCommit = (key) => {
        if (key === 'docs/b.txt') throw new UnsupportedTypeError({ operation: 'put', key, backend: 'memory' });
      };
      expect((await post('many', ...three)).status).toBe(415);
      expect(await keys()).toEqual([]);
      expect(seen!.files.map((file) => file.stored)).toEqual([undefined, undefined, undefined]);
    });

    it('a replaced file cannot be brought back: it stays, rather than being deleted', async () => {
      await storage.put('docs/a.txt', 'old');
      backend.beforeCommit = (key) => {
        if (key === 'docs/c.txt') throw new Error('disk');
      };
      expect((await post('many', ...three)).status).toBe(500);
      expect(await keys()).toEqual(['docs/a.txt']);
      expect(String(await storage.get('docs/a.txt'))).toBe('aaaaa');
    });

    it('a file that someone else replaced in the meantime is not taken back', async () => {
      backend.beforeCommit = async (key) => {
        if (key !== 'docs/b.txt') return;
        await storage.put('docs/a.txt', 'theirs');
        throw new Error('disk');
      };
      expect((await post('many', ...three)).status).toBe(500);
      expect(await keys()).toEqual(['docs/a.txt']);
      expect(String(await storage.get('docs/a.txt'))).toBe('theirs');
    });
  });

  describe('nothing stays when', () => {
    it.each([
      [
        'the handler throws',
        () => {
          throw new ConflictException();
        },
        409,
      ],
      [
        'the handler rejects',
        async () => {
          await sleep(2);
          throw new Error('no');
        },
        500,
      ],
      ['the handler completes without a value', () => EMPTY, 500],
    ] as [string, () => unknown, number][])('%s', async (_, wrong, status) => {
      handler = wrong;
      expect((await post('one', ['file', 'hello', 'a.txt'])).status).toBe(status);
      expect(seen!.file.size).toBe(5);
      expect(await keys()).toEqual([]);
    });

    it('a pipe rejects', async () => {
      expect((await post('checked', ['file', 'far too long', 'a.txt'])).status).toBe(400);
      expect((await post('checked', ['note', 'x'])).status).toBe(400);
      expect(seen).toBeUndefined();
      expect(await keys()).toEqual([]);
      expect((await post('checked', ['file', 'ok', 'a.txt'])).status).toBe(201);
    });

    it('the commit fails: its error is the answer', async () => {
      backend.beforeCommit = () => {
        throw new Error('disk');
      };
      expect((await post('one', ['file', 'hello', 'a.txt'])).status).toBe(500);
      expect(await keys()).toEqual([]);
    });

    it('an outer interceptor gave up while the handler ran', async () => {
      handler = () => sleep(150);
      expect((await post('impatient', ['file', 'hello', 'a.txt'])).status).toBe(500);
      await sleep(150);
      expect(await keys()).toEqual([]);
    });

    it('an outer interceptor gave up during the commit: a new file is taken back', async () => {
      let commits = 0;
      backend.beforeCommit = async () => {
        await sleep(120);
        commits++;
      };
      expect((await post('impatient-new', ['file', 'hello', 'a.txt'])).status).toBe(500);
      expect(await eventually(() => commits === 1)).toBe(true);
      expect(await eventually(async () => backend.unended.size === 0 && (await keys()).length === 0)).toBe(true);
    });
  });

  describe('a client that leaves during the commit', () => {
    async function leaveDuringCommit(path: string, field: string): Promise<void> {
      let committing = false;
      backend.afterCommit = async () => {
        committing = true;
        await sleep(60);
      };
      const body = multipart(filePart(`name="${field}"; filename="a.txt"`));
      const socket = await openUpload(app.port, `/${path}`, body.length);
      socket.write(body);
      expect(await eventually(() => committing)).toBe(true);
      socket.destroy();
      expect(await eventually(() => backend.unended.size === 0)).toBe(true);
    }

    it('leaves nothing of a file whose key was new', async () => {
      await leaveDuringCommit('defaults', 'file');
      expect(await eventually(async () => (await keys()).length === 0)).toBe(true);
      expect(seen!.file.stored).toBeUndefined();
    });

    it('has uploaded a file that may have replaced another: that cannot be undone, so it counts as done', async () => {
      await storage.put('docs/a.txt', 'old');
      await leaveDuringCommit('told', 'files');
      expect(await eventually(() => after.length === 1)).toBe(true);
      expect(after[0]!.files.map(({ key }) => key)).toEqual(['docs/a.txt']);
      expect(String(await storage.get('docs/a.txt'))).toBe('hello');
    });
  });

  describe('a handler', () => {
    it('of many values publishes on the last', async () => {
      handler = () => of('a', 'b');
      expect((await post('one', ['file', 'hello', 'a.txt'])).body).toEqual({ text: 'b' });
      expect(await keys()).toEqual(['docs/a.txt']);
    });

    it('that answers through @Res() says by its status whether files stay', async () => {
      const answer = (status: number) => (now: Seen) => {
        now.response!.status(status).send({});
        return sleep(20);
      };
      handler = answer(200);
      expect((await post('answers', ['file', '1', 'kept.txt'])).status).toBe(200);
      expect(await eventually(async () => (await keys()).length === 1)).toBe(true);
      handler = answer(422);
      expect((await post('answers', ['file', '1', 'dropped.txt'])).status).toBe(422);
      await sleep(30);
      expect(await keys()).toEqual(['docs/kept.txt']);
    });

    it('may use FileTypeValidator on the recognised type; its own sniffing needs a buffer', async () => {
      expect((await post('typed', ['file', 'hello', 'a.txt'])).status).toBe(201);
      expect((await post('typed', ['file', '%PDF-1.7', 'a.txt'])).status).toBe(400);
      expect((await post('untyped', ['file', 'hello', 'a.txt'])).status).toBe(400);
    });
  });

  describe('early commit', () => {
    it('publishes before the handler runs', async () => {
      handler = async ({ files }) => ({ there: await storage.exists('docs/a.txt'), stored: files[0]!.stored?.key });
      expect((await post('early', ['files', '1', 'a.txt'])).body).toEqual({ there: true, stored: 'docs/a.txt' });
      expect(await keys()).toEqual(['docs/a.txt']);
    });

    it('takes files back when the handler fails, but not what came in their place', async () => {
      handler = async () => {
        await storage.put('docs/b.txt', 'theirs');
        throw new ConflictException();
      };
      expect((await post('early', ['files', '1', 'a.txt'], ['files', '2', 'b.txt'])).status).toBe(409);
      expect(await keys()).toEqual(['docs/b.txt']);
      expect(String(await storage.get('docs/b.txt'))).toBe('theirs');
    });

    it('never replaces: a taken key is refused and the others are taken back', async () => {
      await storage.put('docs/b.txt', 'old');
      expect((await post('early', ['files', '1', 'a.txt'], ['files', '2', 'b.txt'])).status).toBe(409);
      expect(await keys()).toEqual(['docs/b.txt' as StorageKey]);
      expect(String(await storage.get('docs/b.txt'))).toBe('old');
    });
  });

  describe('at start-up', () => {
    const starting = (options: Parameters<typeof StorageFileInterceptor>[1], storages = { default: storage }) =>
      startApp(platform, storages, [route('x', StorageFileInterceptor('file', options))]).then((started) =>
        started.close(),
      );

    it.each([
      [{ storage: 'docs' }, 'there is no storage named "docs"'],
      [{ limits: { fileSize: '20 apples' } }, 'limits.fileSize'],
      [{ limits: { files: -1 } }, 'limits.files'],
      [{ limits: { fields: 1.5 } }, 'limits.fields'],
      [{ accept: ['jpg'] }, '"jpg"'],
      [{ stallTimeout: 0 }, 'stallTimeout'],
      [{ commit: 'soon' as never }, 'commit'],
    ])('%j is refused', async (options, message) => {
      await expect(starting(options)).rejects.toThrow(message);
    });

    it('names what there is, or the module to import', async () => {
      await expect(starting({ storage: 'docs' })).rejects.toThrow('There is "default"');
      await expect(starting({}, {} as never)).rejects.toThrow('StorageModule.forRoot()');
    });

    it('options may come from a factory with injected providers', async () => {
      class Settings {
        readonly folder = 'injected';
      }
      const interceptor = StorageFileInterceptor('file', {
        inject: [Settings],
        useFactory: async ({ folder }: Settings) => ({ key: () => `${folder}/x`, limits: { fileSize: 3 } }),
      });
      const started = await startApp(platform, { default: storage }, [route('x', interceptor)], [Settings]);
      expect((await send(`${started.url}/x`, [['file', 'abc', 'a']])).body.key).toBe('injected/x');
      expect((await send(`${started.url}/x`, [['file', 'abcd', 'a']])).status).toBe(413);
      await started.close();
    });
  });
});
