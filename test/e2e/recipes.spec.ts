/** The recipes of the sample, over real HTTP and real files: what each promises, and what it refuses. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Module, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import { getStorageToken, PermissionDeniedError, StorageService } from 'nestjs-storage';
import sharp from 'sharp';
import { AppModule } from '../../sample/src/app.module.js';
import { PageModule } from '../../sample/src/page/page.module.js';
import { blackPng } from '../support/black-png.js';
import { onPlatforms } from '../support/platforms.js';

const parts = Reflect.getMetadata(MODULE_METADATA.IMPORTS, AppModule) as NonNullable<ModuleMetadata['imports']>;

/** The sample without its page, which would need one more package on Fastify. */
@Module({ imports: parts.filter((part) => part !== PageModule) })
class RecipesApp {}

onPlatforms('the recipes on $name', (platform) => {
  let app: INestApplication;
  let storage: StorageService;
  let base: string;
  let folder: string;
  const before = { ...process.env };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-recipes-'));
    Object.assign(process.env, {
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_PATH: folder,
      STORAGE_URL_SECRET: randomBytes(32).toString('base64'),
    });
    app = await platform.create(RecipesApp, { logger: ['fatal'] });
    await app.listen(0, '127.0.0.1');
    base = await app.getUrl();
    storage = app.get(getStorageToken());
  });

  afterAll(async () => {
    await app?.close();
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    await rm(folder, { recursive: true, force: true });
  });

  type Headers = Record<string, string>;

  const USER_1: Headers = { 'X-Demo-User': 'user-1' };
  const USER_2: Headers = { 'X-Demo-User': 'user-2' };

  function upload(path: string, headers: Headers, name: string, content: Uint8Array | string): Promise<Response> {
    const form = new FormData();
    form.append('file', new Blob([typeof content === 'string' ? content : new Uint8Array(content)]), name);
    return fetch(`${base}/${path}`, { method: 'POST', headers, body: form });
  }

  async function get<Answer>(path: string, headers: Headers): Promise<Answer> {
    const response = await fetch(`${base}/${path}`, { headers });
    expect([path, response.status]).toEqual([path, 200]);
    return (await response.json()) as Answer;
  }

  async function created<Answer>(answering: Promise<Response>): Promise<Answer> {
    const response = await answering;
    expect([response.status, response.ok ? '' : await response.text()]).toEqual([201, '']);
    return (await response.json()) as Answer;
  }

  /** Status and message of a refusal, which tells nothing of the disk. */
  async function refused(answering: Promise<Response>): Promise<[number, string]> {
    const response = await answering;
    const text = await response.text();
    expect(text).not.toContain(folder);
    return [response.status, (JSON.parse(text) as { message: string }).message];
  }

  async function bytesOf(url: string): Promise<Buffer> {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    return Buffer.from(await response.arrayBuffer());
  }

  async function until(holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + 10_000;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error('it did not come to pass in 10 seconds');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  describe('POST /users/me/avatar', () => {
    const picture = (format: 'png' | 'jpeg' | 'webp' | 'gif', width = 640, height = 480) =>
      sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 60 } } })
        .withExif({ IFD0: { Copyright: 'where it was taken' } })
        .toFormat(format)
        .toBuffer();
    const avatar = (content: Uint8Array | string, name = 'me.png', headers = USER_1) =>
      upload('users/me/avatar', headers, name, content);

    it.each([
      ['png', 'png'],
      ['jpeg', 'jpg'],
      ['webp', 'webp'],
      ['gif', 'gif'],
    ] as const)('stores a %s of 200 x 200 in place of the former avatar', async (format, extension) => {
      const { avatar_url } = await created<{ avatar_url: string }>(avatar(await picture(format), `me.${format}`));
      expect(avatar_url).toMatch(new RegExp(`^${base}/files/[\\w-]+/profile\\.${extension}$`));
      const stored = await sharp(await bytesOf(avatar_url)).metadata();
      expect([stored.format, stored.width, stored.height, stored.exif]).toEqual([format, 200, 200, undefined]);
      expect(await storage.listKeys('avatars/user-1/')).toEqual([`avatars/user-1/profile.${extension}`]);
      const { metadata, contentType } = await storage.getMetadata(`avatars/user-1/profile.${extension}`);
      expect(contentType).toBe(`image/${format}`);
      expect(metadata).toEqual({
        user_id: 'user-1',
        original_filename: `me.${format}`,
        uploaded_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
    });

    it('goes by the content: a PNG named .jpg is a PNG, a script or SVG named .png is refused', async () => {
      const { avatar_url } = await created<{ avatar_url: string }>(avatar(await picture('png'), 'me.jpg'));
      expect(avatar_url).toMatch(/profile\.png$/);
      for (const content of ['<script>alert(1)</script>', '<svg xmlns="http://www.w3.org/2000/svg"/>', '%PDF-1.7']) {
        expect((await refused(avatar(content)))[0]).toBe(415);
      }
    });

    it('refuses what is too large, broken or a decompression bomb, and keeps the avatar that is there', async () => {
      const { avatar_url } = await created<{ avatar_url: string }>(avatar(await picture('png')));
      const kept = await bytesOf(avatar_url);

      const large = Buffer.concat([await picture('png'), randomBytes(2 * 1024 * 1024)]);
      expect((await refused(avatar(large)))[0]).toBe(413);
      const broken = (await picture('png')).subarray(0, 200);
      expect(await refused(avatar(broken))).toEqual([400, 'Invalid image file']);
      // 100 million pixels in a few kilobytes: less than what sharp refuses by itself.
      const bomb = blackPng(10_000);
      expect(bomb.length).toBeLessThan(100_000);
      expect(await refused(avatar(bomb))).toEqual([400, 'Invalid image file']);

      expect(await bytesOf(avatar_url)).toEqual(kept);
      expect(await storage.listKeys('avatars/')).toEqual(['avatars/user-1/profile.png']);
    });

    it('keeps no original once it has answered, however it ended', async () => {
      const originals = app.get<StorageService>(getStorageToken('avatar-originals'), { strict: false });
      await created(avatar(await picture('png', 1200, 900), 'me.png', USER_2));
      await refused(avatar((await picture('png')).subarray(0, 200), 'me.png', USER_2));
      await until(async () => (await originals.listKeys()).length === 0);
      await storage.deletePrefix('avatars/user-2/');
    });

    it('is for users', async () => {
      expect((await refused(avatar(await picture('png'), 'me.png', {})))[0]).toBe(401);
    });
  });

  interface Uploaded {
    readonly document_id: string;
    readonly url: string;
  }

  describe('/documents', () => {
    it('stores a document with its metadata and lists it by category, to its owner alone', async () => {
      const invoice = await created<Uploaded>(
        upload(
          'documents/upload?category=invoices&tags=2026&tags=bezahlt',
          USER_1,
          'Rechnung für März.txt',
          'Summe: 12',
        ),
      );
      expect(invoice).toEqual({
        document_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        url: expect.stringContaining('/files/'),
        filename: 'Rechnung für März.txt',
        size: 9,
        category: 'invoices',
        tags: ['2026', 'bezahlt'],
      });
      expect((await bytesOf(invoice.url)).toString()).toBe('Summe: 12');
      const note = await created<Uploaded>(upload('documents/upload', USER_1, 'note.txt', 'hello'));
      expect(note).toMatchObject({ category: 'general', tags: [] });

      const key = `documents/user-1/invoices/${invoice.document_id}/Rechnung für März.txt`;
      expect((await storage.getMetadata(key)).metadata).toEqual({
        user_id: 'user-1',
        document_id: invoice.document_id,
        category: 'invoices',
        tags: '2026,bezahlt',
        original_filename: 'Rechnung für März.txt',
        uploaded_at: expect.any(String),
      });

      const { documents } = await get<{ documents: object[] }>('documents?category=invoices', USER_1);
      expect(documents).toEqual([
        {
          key,
          filename: 'Rechnung für März.txt',
          size: 9,
          category: 'invoices',
          uploaded_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      ]);
      expect((await get<{ documents: object[] }>('documents', USER_1)).documents).toHaveLength(2);
      expect(await get('documents', USER_2)).toEqual({ documents: [] });
    });

    it('refuses a category that would be another folder, tags without measure, and strangers', async () => {
      const kept = (await storage.listKeys('documents/')).length;
      const tooMany = Array.from({ length: 11 }, (_, n) => `tags=${n}`).join('&');
      for (const query of [
        'category=..%2F..',
        'category=a%2Fb',
        'category=',
        'category=a&category=b',
        'tags=a,b',
        tooMany,
      ]) {
        expect([query, (await refused(upload(`documents/upload?${query}`, USER_1, 'a.txt', 'x')))[0]]).toEqual([
          query,
          400,
        ]);
      }
      for (const category of ['..%2Fuser-2', '', 'A']) {
        expect((await refused(fetch(`${base}/documents?category=${category}`, { headers: USER_1 })))[0]).toBe(400);
      }
      expect((await refused(upload('documents/upload', {}, 'a.txt', 'x')))[0]).toBe(401);
      expect((await refused(upload('documents/upload', USER_1, 'a.html', '<!doctype html><script>')))[0]).toBe(415);
      expect((await storage.listKeys('documents/')).length).toBe(kept);
    });
  });

  describe('/tenant-files', () => {
    const acme = { ...USER_1, 'X-Demo-Tenant': 'acme' };
    const globex = { 'X-Demo-User': 'user-3', 'X-Demo-Tenant': 'globex' };
    const list = (headers: Headers) => get<{ files: string[]; count: number }>('tenant-files', headers);

    it('keeps the files of tenants apart', async () => {
      const answer = await created<{ url: string }>(upload('tenant-files/upload', acme, 'plan.txt', 'of acme'));
      expect(answer).toEqual({ url: expect.stringContaining('/files/'), filename: 'plan.txt' });
      expect((await bytesOf(answer.url)).toString()).toBe('of acme');
      await created(upload('tenant-files/upload', { ...USER_2, 'X-Demo-Tenant': 'globex' }, 'plan.txt', 'of globex'));
      await created(
        upload('tenant-files/upload', { ...USER_2, 'X-Demo-Tenant': 'globex' }, '../../x.txt', 'of globex'),
      );

      expect(await list(acme)).toEqual({
        files: [expect.stringMatching(/^files\/[0-9a-f-]{36}\/plan\.txt$/)],
        count: 1,
      });
      expect((await list({ ...USER_2, 'X-Demo-Tenant': 'acme' })).count).toBe(1);
      expect((await list(globex)).count).toBe(2);
      const keys = await storage.listKeys('tenants/acme/');
      expect(keys).toEqual([expect.stringMatching(/^tenants\/acme\/files\//)]);
      expect((await storage.getMetadata(keys[0]!)).metadata).toMatchObject({ tenant_id: 'acme', user_id: 'user-1' });
    });

    it('believes nobody who only names a tenant', async () => {
      const kept = (await storage.listKeys('tenants/')).length;
      for (const tenant of ['globex', '..', 'acme/files', 'acme%2F', '']) {
        const headers = { ...USER_1, 'X-Demo-Tenant': tenant };
        expect((await refused(fetch(`${base}/tenant-files`, { headers })))[0]).toBe(403);
        expect((await refused(upload('tenant-files/upload', headers, 'x.txt', 'x')))[0]).toBe(403);
      }
      expect((await refused(fetch(`${base}/tenant-files`, { headers: USER_1 })))[0]).toBe(403);
      expect((await refused(fetch(`${base}/tenant-files`, { headers: { 'X-Demo-Tenant': 'acme' } })))[0]).toBe(401);
      expect((await storage.listKeys('tenants/')).length).toBe(kept);
      // Nor does the storage itself, where no request says whose it is.
      const tenants = app.get<StorageService>(getStorageToken('tenants'), { strict: false });
      await expect(tenants.listKeys()).rejects.toBeInstanceOf(PermissionDeniedError);
    });
  });

  describe('GET /files/:id/download-url', () => {
    let id: string;

    beforeAll(async () => {
      id = (await created<Uploaded>(upload('documents/upload?category=links', USER_1, 'linked.txt', 'linked')))
        .document_id;
    });

    it('gives a link of the asked expiry, which saves or shows the file', async () => {
      for (const [query, seconds, disposition] of [
        ['', 3600, /^attachment/],
        ['?expires_in=60&download=false', 60, /^inline/],
        ['?expires_in=86400&download=true', 86_400, /^attachment; filename="?linked\.txt/],
      ] as const) {
        const asked = Date.now();
        const link = await get<{ url: string; expires_at: string }>(`files/${id}/download-url${query}`, USER_1);
        expect(link).toEqual({ url: expect.any(String), expires_in: seconds, expires_at: expect.stringMatching(/Z$/) });
        expect(Math.abs(Date.parse(link.expires_at) - asked - seconds * 1000)).toBeLessThan(5000);
        const response = await fetch(link.url);
        expect([response.status, await response.text()]).toEqual([200, 'linked']);
        expect(response.headers.get('content-disposition')).toMatch(disposition);
      }
    });

    it('refuses an expiry out of bounds, what is no id, and files of others', async () => {
      for (const query of [
        'expires_in=59',
        'expires_in=86401',
        'expires_in=soon',
        'expires_in=-1',
        'download=perhaps',
      ]) {
        const asking = fetch(`${base}/files/${id}/download-url?${query}`, { headers: USER_1 });
        expect([query, (await refused(asking))[0]]).toEqual([query, 400]);
      }
      const ask = (of: string, headers: Headers) => refused(fetch(`${base}/files/${of}/download-url`, { headers }));
      expect((await ask('..%2Fuser-2', USER_1))[0]).toBe(400);
      expect(await ask(randomUUID(), USER_1)).toEqual([404, 'File not found']);
      expect(await ask(id, USER_2)).toEqual([404, 'File not found']);
      expect((await ask(id, {}))[0]).toBe(401);
    });

    it('lives beside the signed routes of the same shape', async () => {
      // A signed link needs no user, and other names under an id are nobody's.
      const { url } = await created<Uploaded>(upload('documents/upload', USER_1, 'beside.txt', 'beside'));
      expect((await bytesOf(url)).toString()).toBe('beside');
      expect((await refused(fetch(`${base}/files/${id}/linked.txt`, { headers: USER_1 })))[0]).toBe(404);
      // What looks like a token is a signed link, whatever the name behind it.
      const [, token] = /\/files\/([\w-]+)\//.exec(url)!;
      expect((await bytesOf(`${base}/files/${token}/download-url`)).toString()).toBe('beside');
      const flipped = token!.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'));
      expect((await refused(fetch(`${base}/files/${flipped}/download-url`, { headers: USER_1 })))[0]).toBe(403);
    });
  });

  interface State {
    readonly status: string;
    readonly received: number;
    readonly total?: number;
  }

  describe('/large-files', () => {
    const state = (id: string) => get<State>(`large-files/progress/${id}`, USER_1);

    it('tells how far an upload is while it runs, and when the work after it is done', async () => {
      const uploadId = randomUUID();
      const content = randomBytes(3_000_000);
      const head = Buffer.from(
        '--b\r\nContent-Disposition: form-data; name="file"; filename="film.bin"\r\n' +
          'Content-Type: application/octet-stream\r\n\r\n',
      );
      const tail = Buffer.from('\r\n--b--\r\n');
      const total = head.length + content.length + tail.length;
      const sending = request(`${base}/large-files/upload?upload_id=${uploadId}`, {
        method: 'POST',
        headers: { ...USER_1, 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': total },
      });
      const answering = new Promise<[number, string]>((resolve, reject) => {
        sending.once('error', reject).once('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('end', () => resolve([response.statusCode!, Buffer.concat(chunks).toString()]));
        });
      });
      sending.write(Buffer.concat([head, content.subarray(0, 1_500_000)]));
      await until(async () => (await fetch(`${base}/large-files/progress/${uploadId}`, { headers: USER_1 })).ok);
      await until(async () => (await state(uploadId)).received > 1_300_000);
      const half = await state(uploadId);
      expect(half).toEqual({ status: 'receiving', received: expect.any(Number), total });
      expect(half.received).toBeLessThan(1_700_000);
      const others = await fetch(`${base}/large-files/progress/${uploadId}`, { headers: USER_2 });
      expect(others.status).toBe(404);

      sending.end(Buffer.concat([content.subarray(1_500_000), tail]));
      const [status, text] = await answering;
      const answer = JSON.parse(text) as { file_id: string; url: string };
      expect([status, answer]).toEqual([
        201,
        { file_id: expect.any(String), url: expect.any(String), size: 3_000_000, status: 'uploaded' },
      ]);
      await until(async () => (await state(uploadId)).status === 'processed');
      expect(await state(uploadId)).toEqual({ status: 'processed', received: total, total });

      const report = await storage.get(`large-file-reports/user-1/${answer.file_id}.json`);
      expect(JSON.parse(report.toString())).toEqual({
        file_id: answer.file_id,
        size: 3_000_000,
        sha256: createHash('sha256').update(content).digest('hex'),
        processed_at: expect.any(String),
      });
      expect((await bytesOf(answer.url)).equals(content)).toBe(true);
      // The recipe for links finds it by its id.
      const link = await get<{ url: string }>(`files/${answer.file_id}/download-url`, USER_1);
      expect((await bytesOf(link.url)).length).toBe(3_000_000);
    });

    it('leaves nothing of an upload whose client goes away, processes nothing, and says that it failed', async () => {
      const kept = await storage.listKeys('large-file');
      const uploadId = randomUUID();
      const sending = request(`${base}/large-files/upload?upload_id=${uploadId}`, {
        method: 'POST',
        headers: { ...USER_1, 'Content-Type': 'multipart/form-data; boundary=b', 'Content-Length': 9_000_000 },
      });
      sending.once('error', () => undefined);
      sending.write('--b\r\nContent-Disposition: form-data; name="file"; filename="film.bin"\r\n\r\n');
      sending.write(randomBytes(500_000));
      await until(async () => (await fetch(`${base}/large-files/progress/${uploadId}`, { headers: USER_1 })).ok);
      await until(async () => (await state(uploadId)).received > 400_000);
      sending.destroy();
      await until(async () => (await state(uploadId)).status === 'failed');
      expect(await storage.listKeys('large-file')).toEqual(kept);
    });

    it('refuses an id that is none, an unknown one, and strangers', async () => {
      expect((await refused(upload('large-files/upload?upload_id=1', USER_1, 'a.bin', 'x')))[0]).toBe(400);
      expect((await refused(fetch(`${base}/large-files/progress/${randomUUID()}`, { headers: USER_1 })))[0]).toBe(404);
      expect((await refused(upload('large-files/upload', {}, 'a.bin', 'x')))[0]).toBe(401);
    });

    it('needs no id: who does not want to follow an upload gives none', async () => {
      const answer = await created<{ file_id: string }>(upload('large-files/upload', USER_1, 'small.bin', 'x'));
      expect(answer).toMatchObject({ size: 1, status: 'uploaded' });
      await until(() => storage.exists(`large-file-reports/user-1/${answer.file_id}.json`));
    });
  });

  describe('after all of this', () => {
    it('nothing temporary is left on the disk', async () => {
      expect(await readdir(join(folder, '.nestjs-storage/tmp'))).toEqual([]);
    });
  });
});
