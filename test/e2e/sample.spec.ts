/** The sample as a newcomer meets it: the real AppModule, on a port, over real files. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../sample/src/app.module.js';
import { applySampleDefaults } from '../../sample/src/sample-defaults.js';

let app: INestApplication;
let base: string;
let folder: string;
const before = { ...process.env };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-sample-'));
  Object.assign(process.env, {
    STORAGE_BACKEND: 'local',
    STORAGE_BASE_PATH: folder,
    STORAGE_URL_SECRET: randomBytes(32).toString('base64'),
    STORAGE_MAX_FILE_SIZE: '5mb',
  });
  app = await NestFactory.create(AppModule, { logger: ['error', 'fatal'] });
  await app.listen(0, '127.0.0.1');
  base = await app.getUrl();
});

afterAll(async () => {
  await app?.close();
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  await rm(folder, { recursive: true, force: true });
});

interface Uploaded {
  readonly url: string;
  readonly filename: string;
  readonly key: string;
  readonly size: number;
  readonly contentType: string;
  readonly checksum: string;
}

async function upload(name: string, content: Uint8Array | string, path = 'upload', field = 'file'): Promise<Response> {
  const form = new FormData();
  form.append(field, new Blob([typeof content === 'string' ? content : new Uint8Array(content)]), name);
  return fetch(`${base}/${path}`, { method: 'POST', body: form });
}

async function stored(name: string, content: Uint8Array | string): Promise<Uploaded> {
  const response = await upload(name, content);
  expect(response.status).toBe(201);
  return (await response.json()) as Uploaded;
}

async function names(): Promise<string[]> {
  const { files } = (await (await fetch(`${base}/files`)).json()) as { files: { filename: string }[] };
  return files.map((file) => file.filename);
}

/** Every error is JSON with a sentence for people, and tells nothing of the disk. */
async function refusal(response: Response, status: number): Promise<string> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.stringContaining('"message"')]);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect(text).not.toContain(folder);
  return (JSON.parse(text) as { message: string }).message;
}

describe('POST /upload', () => {
  it('stores a file and answers with what the quick start promises', async () => {
    const content = randomBytes(300_000);
    const answer = await stored('photo.bin', content);
    expect(answer).toEqual({
      url: expect.stringMatching(new RegExp(`^${base}/files/[\\w-]+/photo\\.bin$`)),
      filename: 'photo.bin',
      key: 'uploads/photo.bin',
      size: 300_000,
      contentType: 'application/octet-stream',
      checksum: createHash('sha256').update(content).digest('hex'),
    });
    expect(Buffer.from(await (await fetch(answer.url)).arrayBuffer())).toEqual(content);
  });

  it('replaces a file of the same name', async () => {
    await stored('twice.txt', 'first');
    const second = await stored('twice.txt', 'second');
    expect(await (await fetch(second.url)).text()).toBe('second');
    expect((await names()).filter((name) => name === 'twice.txt')).toHaveLength(1);
  });

  it('refuses a taken name under /upload/new and keeps the old file', async () => {
    expect((await upload('taken.txt', 'old', 'upload/new')).status).toBe(201);
    expect(await refusal(await upload('taken.txt', 'new', 'upload/new'), 409)).toMatch(/already exists/);
    expect(await (await fetch(`${base}/download/taken.txt`)).text()).toBe('old');
  });

  it('keeps names of any script and takes folders and tricks out of them', async () => {
    expect((await stored('公司 報告.txt', 'x')).filename).toBe('公司 報告.txt');
    expect((await stored('../../etc/passwd', 'x')).key).toBe('uploads/passwd');
    expect((await stored('a\u202Egpj.txt', 'x')).filename).toBe('agpj.txt');
  });

  it('refuses what is too large, with the limit, and stores nothing', async () => {
    const message = await refusal(await upload('large.bin', Buffer.alloc(5 * 1024 * 1024 + 1)), 413);
    expect(message).toMatch(/5242880 bytes/);
    expect(await names()).not.toContain('large.bin');
  });

  it.each([
    ['page.html', '<!doctype html><script>alert(1)</script>'],
    ['picture.svg', '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'],
    ['harmless.txt', '<html><body onload="alert(1)">'],
  ])('refuses what a browser would run: %s', async (name, content) => {
    await refusal(await upload(name, content), 415);
    expect(await names()).not.toContain(name);
  });

  it('refuses a request without a file, another field, two files, and what is no form', async () => {
    await refusal(await fetch(`${base}/upload`, { method: 'POST', body: new FormData() }), 400);
    await refusal(await upload('a.txt', 'x', 'upload', 'document'), 400);
    const two = new FormData();
    two.append('file', new Blob(['1']), 'one-of-two.txt');
    two.append('file', new Blob(['2']), 'two-of-two.txt');
    await refusal(await fetch(`${base}/upload`, { method: 'POST', body: two }), 400);
    await refusal(await fetch(`${base}/upload`, { method: 'POST', body: 'plain text' }), 400);
    expect((await names()).filter((name) => name.endsWith('-of-two.txt'))).toEqual([]);
  });
});

describe('GET /download/:filename', () => {
  it('streams with type, length and a name to save under', async () => {
    await stored('bericht für alle.txt', 'Grüße');
    const response = await fetch(`${base}/download/${encodeURIComponent('bericht für alle.txt')}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    expect(response.headers.get('content-length')).toBe('7');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-disposition')).toContain("filename*=UTF-8''bericht%20f%C3%BCr%20alle.txt");
    expect(await response.text()).toBe('Grüße');
  });

  it('answers 404 for a missing file and 400 for what is no file name', async () => {
    expect(await refusal(await fetch(`${base}/download/missing.txt`), 404)).toBe('There is no such file.');
    for (const name of ['..%2F..%2Fetc%2Fpasswd', 'a%2Fb', '.nestjs-storage', '%00', 'a%5Cb']) {
      await refusal(await fetch(`${base}/download/${name}`), 400);
    }
  });
});

describe('GET /links/:filename', () => {
  it('gives a signed link with the chosen expiry, which serves ranges and revalidation', async () => {
    const content = randomBytes(50_000);
    await stored('linked.bin', content);
    const asked = Date.now();
    const link = (await (await fetch(`${base}/links/linked.bin?expiresIn=600`)).json()) as {
      url: string;
      expiresIn: number;
      expiresAt: string;
    };
    expect(link.expiresIn).toBe(600);
    expect(Math.abs(Date.parse(link.expiresAt) - asked - 600_000)).toBeLessThan(5000);

    const range = await fetch(link.url, { headers: { Range: 'bytes=1000-1999' } });
    expect([range.status, range.headers.get('content-range')]).toEqual([206, 'bytes 1000-1999/50000']);
    expect(Buffer.from(await range.arrayBuffer())).toEqual(content.subarray(1000, 2000));

    const etag = range.headers.get('etag')!;
    expect((await fetch(link.url, { headers: { 'If-None-Match': etag } })).status).toBe(304);
    expect((await fetch(link.url, { headers: { Range: 'bytes=90000-' } })).status).toBe(416);
  });

  it('shows text in place, and saves it where that is asked', async () => {
    await stored('note.txt', 'hello');
    const disposition = async (query: string) => {
      const { url } = (await (await fetch(`${base}/links/note.txt${query}`)).json()) as { url: string };
      return (await fetch(url)).headers.get('content-disposition');
    };
    expect(await disposition('')).toMatch(/^inline/);
    expect(await disposition('?download=true')).toMatch(/^attachment; filename="?note\.txt"?$/);
  });

  it('refuses a link that was changed by one character', async () => {
    const { url } = await stored('sealed.txt', 'secret');
    const at = base.length + '/files/'.length + 20;
    const changed = url.slice(0, at) + (url[at] === 'A' ? 'B' : 'A') + url.slice(at + 1);
    const response = await fetch(changed);
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain('secret');
  });

  it('refuses an expiry outside its bounds and a missing file', async () => {
    await stored('bounds.txt', 'x');
    for (const expiresIn of ['59', '604801', '-1', '1e9', 'soon']) {
      await refusal(await fetch(`${base}/links/bounds.txt?expiresIn=${expiresIn}`), 400);
    }
    await refusal(await fetch(`${base}/links/missing.txt`), 404);
  });
});

describe('GET and DELETE /files', () => {
  it('lists name, type, size and date', async () => {
    await stored('listed.txt', '12345');
    const { files } = (await (await fetch(`${base}/files`)).json()) as { files: Record<string, unknown>[] };
    const entry = files.find((file) => file['filename'] === 'listed.txt');
    expect(entry).toEqual({
      filename: 'listed.txt',
      key: 'uploads/listed.txt',
      size: 5,
      contentType: expect.stringMatching(/^text\/plain/),
      lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it('goes through more than a page by its cursor', async () => {
    await Promise.all(Array.from({ length: 60 }, (_, n) => stored(`page-${String(n).padStart(2, '0')}.txt`, `${n}`)));
    const all: string[] = [];
    let query = '';
    for (;;) {
      const page = (await (await fetch(`${base}/files${query}`)).json()) as {
        files: { filename: string }[];
        cursor?: string;
      };
      expect(page.files.length).toBeLessThanOrEqual(50);
      all.push(...page.files.map((file) => file.filename));
      if (page.cursor === undefined) break;
      query = `?cursor=${encodeURIComponent(page.cursor)}`;
    }
    expect(all.filter((name) => name.startsWith('page-'))).toHaveLength(60);
    expect(new Set(all).size).toBe(all.length);
    await refusal(await fetch(`${base}/files?cursor=nonsense`), 400);
  });

  it('deletes, and then answers 404', async () => {
    const { url } = await stored('gone.txt', 'x');
    const deleted = await fetch(`${base}/files/gone.txt`, { method: 'DELETE' });
    expect([deleted.status, await deleted.json()]).toEqual([200, { status: 'deleted' }]);
    await refusal(await fetch(`${base}/files/gone.txt`, { method: 'DELETE' }), 404);
    expect((await fetch(url)).status).toBe(404);
    expect(await names()).not.toContain('gone.txt');
    await refusal(await fetch(`${base}/files/..%2Fgone.txt`, { method: 'DELETE' }), 400);
  });
});

describe('the rest of the app', () => {
  it('reports health in the shape of the quick start', async () => {
    const response = await fetch(`${base}/_ops/health`);
    expect([response.status, await response.json()]).toEqual([
      200,
      { status: 'healthy', storage: { backend: 'LocalBackend', status: 'connected' } },
    ]);
  });

  it('serves the page with a policy that runs nothing foreign, and JSON for unknown paths', async () => {
    const page = await fetch(`${base}/`);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const html = await page.text();
    expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect([path, (await fetch(`${base}/${path}`)).status]).toEqual([path, 200]);
    }
    await refusal(await fetch(`${base}/nothing-here`), 404);
  });

  it('leaves nothing temporary on the disk after all of this', async () => {
    const entries = await readdir(folder, { recursive: true });
    expect(entries.filter((entry) => /(?:^|\/)t(?:e)?mp(?:\/.+)/.test(entry))).toEqual([]);
  });
});

describe('defaults of the sample', () => {
  it('takes the local folder where the environment names no store, and nothing else otherwise', () => {
    const defaults = (environment: NodeJS.ProcessEnv) => {
      applySampleDefaults(environment);
      return environment;
    };
    const folderOf = expect.stringMatching(/[\\/]sample[\\/]data$/);
    expect(defaults({})).toEqual({ STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: folderOf });
    expect(defaults({ STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: '' })).toEqual({
      STORAGE_BACKEND: 'local',
      STORAGE_BASE_PATH: folderOf,
    });
    for (const environment of [
      { STORAGE_BACKEND: 'memory' },
      { STORAGE_S3_BUCKET: 'bucket' },
      { RAILWAY_VOLUME_MOUNT_PATH: '/volume' },
      { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: '/elsewhere' },
    ]) {
      expect(defaults({ ...environment })).toEqual(environment);
    }
  });
});
