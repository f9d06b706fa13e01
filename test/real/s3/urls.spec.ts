/** Signed URLs of the S3 backend, used by a plain HTTP client: what they bind is bound, and nothing more is granted. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectAclCommand, GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { getStorageToken, StorageModule, StorageService, type SignedUpload } from '../../../lib/index.js';
import { credentials, makeBucket, type Bucket } from './ceph.js';

let bucket: Bucket;
let storage: StorageService;

beforeAll(async () => {
  bucket = await makeBucket();
  storage = new StorageService(bucket.backend());
});

afterAll(async () => {
  await bucket.remove();
});

const AWKWARD = [
  'a b+c=d&e?.txt',
  "it's (1)!*~.txt",
  '公司/報告 😀.docx',
  '%2F%20.txt',
  'a/b//'.slice(0, 3),
  '+ +.bin',
];

function form({ url, fields }: SignedUpload, body: string, changes: Record<string, string> = {}): Promise<Response> {
  const data = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...changes })) data.append(name, value);
  data.append('file', new Blob([body], { type: 'text/plain' }));
  return fetch(url, { method: 'POST', body: data });
}

function put(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Response> {
  return fetch(url, { method: 'PUT', headers, body });
}

describe('getUrl', () => {
  it.each(AWKWARD)('reads %s', async (key) => {
    await storage.put(key, key, { url: false });
    const answer = await fetch(await storage.getUrl(key));
    expect([answer.status, await answer.text()]).toEqual([200, key]);
  });

  it('binds disposition with a UTF-8 file name, and type', async () => {
    await storage.put('report', 'x', { url: false });
    const url = await storage.getUrl('report', { download: 'Bericht "ü" 公司.pdf', contentType: 'application/pdf' });
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('application/pdf');
    const disposition = answer.headers.get('content-disposition');
    expect(disposition).toMatch(/^attachment; filename=".*"; filename\*=UTF-8''Bericht%20%22%C3%BC%22%20%E5%85%AC/);
    const changed = await fetch(url.replace('application%2Fpdf', 'text%2Fhtml'));
    expect(changed.status).toBe(403);
  });

  it('ends with its expiry, and refuses another key, another method and a longer life', async () => {
    await storage.put('secret-a', 'a', { url: false });
    await storage.put('secret-b', 'b', { url: false });
    const url = await storage.getUrl('secret-a', { expiresIn: 1 });
    expect((await fetch(url.replace('secret-a', 'secret-b'))).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(url.replace('X-Amz-Expires=1', 'X-Amz-Expires=100'))).status).toBe(403);
    await sleep(2100);
    expect((await fetch(url)).status).toBe(403);
  });

  it('is the very URL that the bare presigner makes', async () => {
    const key = AWKWARD[0]!;
    const url = new URL(await storage.getUrl(key, { mustExist: false, download: 'ü.pdf', expiresIn: 60 }));
    const signed = url.searchParams.get('X-Amz-Date')!;
    const signingDate = new Date(signed.replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5'));
    const command = new GetObjectCommand({
      Bucket: bucket.name,
      Key: key,
      ResponseContentDisposition: url.searchParams.get('response-content-disposition')!,
    });
    const bare = new URL(await getSignedUrl(bucket.client, command, { expiresIn: 60, signingDate }));
    expect(url.pathname).toBe(bare.pathname);
    // The bare presigner adds the name of the operation and a checksum mode, which are not part of the contract.
    for (const name of ['X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders']) {
      expect(url.searchParams.get(name)).toBe(bare.searchParams.get(name));
    }
  });

  it('refuses more than 7 days, and is capped by temporary credentials', async () => {
    const backend = bucket.backend();
    const key = (await storage.put('week', 'x', { url: false })).key as Parameters<typeof backend.getUrl>[0];
    await expect(backend.getUrl(key, { expiresIn: 604_801 })).rejects.toMatchObject({ code: 'invalid-options' });
    const temporary = bucket.backend({
      credentials: async () => ({ ...credentials, sessionToken: 't', expiration: new Date(Date.now() + 600_500) }),
    });
    const url = new URL(await temporary.getUrl(key, { expiresIn: 3600 }));
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(600);
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeGreaterThan(590);
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe('t');
    const upload = await temporary.getUploadUrl(key, { expiresIn: 3600 });
    expect(upload.expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 600_500);
  });
});

describe('getUploadUrl by PUT', () => {
  it('binds exact size, type, metadata and create-only', async () => {
    const { url, headers, method } = await storage.getUploadUrl('uploads/a ü.txt', {
      size: 5,
      contentType: 'text/plain',
      ifNoneMatch: '*',
      metadata: { owner_id: 'naïve' },
    });
    expect(method).toBe('PUT');
    expect((await put(url, headers, 'longer')).status).toBe(403);
    expect((await put(url, headers, 'tiny')).status).toBe(403);
    expect((await put(url, { ...headers, 'content-type': 'text/html' }, 'hello')).status).toBe(403);
    const { 'if-none-match': _condition, ...unconditional } = headers;
    expect((await put(url, unconditional, 'hello')).status).toBe(403);
    expect((await put(url.replace('uploads', 'other'), headers, 'hello')).status).toBe(403);
    expect(await storage.exists('uploads/a ü.txt')).toBe(false);
    expect((await put(url, headers, 'hello')).status).toBe(200);
    expect((await put(url, headers, 'world')).status).toBe(412);
    const file = await storage.getMetadata('uploads/a ü.txt');
    expect(file).toMatchObject({ size: 5, contentType: 'text/plain', metadata: { owner_id: 'naïve' } });
    expect((await storage.get('uploads/a ü.txt')).toString()).toBe('hello');
  });

  it('signs no checksum of an empty body', async () => {
    const { url } = await storage.getUploadUrl('plain', { contentType: 'text/plain' });
    expect(url).not.toMatch(/checksum/i);
    expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toBe('content-type;host');
  });
});

describe('getUploadUrl by POST', () => {
  const ask = (key: string) =>
    storage.getUploadUrl(key, { maxSize: 10, contentType: 'text/plain', metadata: { tag: 'ü' } });

  it('takes any size up to the largest, of the one type and key', async () => {
    const upload = await ask('forms/公司 a+b.txt');
    expect(upload.method).toBe('POST');
    expect((await form(upload, '0123456789')).status).toBe(204);
    const file = await storage.getMetadata('forms/公司 a+b.txt');
    expect(file).toMatchObject({ size: 10, contentType: 'text/plain', metadata: { tag: 'ü' } });
    expect((await form(upload, '')).status).toBe(204);
  });

  it('refuses a larger file, another type, another key and other metadata', async () => {
    const upload = await ask('forms/refused');
    const statuses = [
      await form(upload, '0123456789-'),
      await form(upload, 'x', { 'Content-Type': 'text/html' }),
      await form(upload, 'x', { key: 'forms/other' }),
      await form(upload, 'x', { 'x-amz-meta-tag': 'else' }),
    ].map(({ status }) => status);
    for (const status of statuses) expect([400, 403]).toContain(status);
    expect(await storage.listKeys('forms/refused')).toEqual([]);
    expect(await storage.exists('forms/other')).toBe(false);
  });

  it('gives the file tags and ACL of the storage, as an upload by PUT does', async () => {
    const tags = { team: 'a b', 'cost+centre': '1=2', who: 'Jürgen' };
    const tagged = new StorageService(bucket.backend({ tags, acl: 'public-read' }));
    expect((await form(await tagged.getUploadUrl('tagged/form', { maxSize: 10 }), 'x')).status).toBe(204);
    const { url, headers } = await tagged.getUploadUrl('tagged/put', { size: 1 });
    expect((await put(url, headers, 'x')).status).toBe(200);
    for (const Key of ['tagged/form', 'tagged/put']) {
      const { TagSet } = await bucket.client.send(new GetObjectTaggingCommand({ Bucket: bucket.name, Key }));
      expect(Object.fromEntries(TagSet!.map(({ Key: name, Value }) => [name, Value]))).toEqual(tags);
      const { Grants } = await bucket.client.send(new GetObjectAclCommand({ Bucket: bucket.name, Key }));
      expect(Grants!.map(({ Permission }) => Permission)).toContain('READ');
    }
  });

  it('refuses what a form cannot bind', async () => {
    const both = storage.getUploadUrl('forms/x', { maxSize: 10, ifNoneMatch: '*' });
    await expect(both).rejects.toMatchObject({ code: 'not-supported' });
    await expect(ask('forms/${filename}')).rejects.toMatchObject({ code: 'not-supported' });
  });
});

describe("via: 'app'", () => {
  it('serves a private bucket through the signed routes, with ranges and 304', async () => {
    const backend = bucket.backend({ via: 'app' });
    @Module({ imports: [StorageModule.forRoot({ backend, urls: { secret: 'x'.repeat(32) }, env: {} })] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false });
    await app.listen(0, '127.0.0.1');
    const inApp = app.get<StorageService>(getStorageToken());
    const bytes = randomBytes(3_000_000);
    await inApp.put('private/ü.bin', bytes, { url: false });
    const url = await inApp.getUrl('private/ü.bin');
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    expect(new URL(url).port).toBe(String(port));
    const whole = await fetch(url);
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);
    const part = await fetch(url, { headers: { range: 'bytes=1000-1999' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1000-1999/3000000']);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1000, 2000))).toBe(true);
    const same = await fetch(url, { headers: { 'if-none-match': whole.headers.get('etag')! } });
    expect(same.status).toBe(304);
    const upload = await inApp.getUploadUrl('private/new', { contentType: 'text/plain', size: 3 });
    const sent = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: 'abc' });
    expect(sent.ok).toBe(true);
    expect((await inApp.get('private/new')).toString()).toBe('abc');
    await app.close();
  });
});

describe('public addresses', () => {
  it('are plain below the base, and signed by the bucket where they ask for more', async () => {
    const server = createServer((_request, response) => response.end('cdn')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const publicUrl = `http://127.0.0.1:${port}/base/`;
    const cdn = new StorageService(bucket.backend({ publicUrl }));
    await cdn.put('a b/ü+.txt', 'x', { url: false });
    const url = await cdn.getUrl('a b/ü+.txt');
    expect(url).toBe(`http://127.0.0.1:${port}/base/a%20b/%C3%BC%2B.txt`);
    expect(await (await fetch(url)).text()).toBe('cdn');
    const download = await fetch(await cdn.getUrl('a b/ü+.txt', { download: true }));
    expect([await download.text(), download.headers.get('content-disposition')?.slice(0, 10)]).toEqual([
      'x',
      'attachment',
    ]);
    server.close();
  });
});
