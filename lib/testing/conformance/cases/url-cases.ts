/** Cases: signed URLs for reading grant one object until they expire, bound as declared, and nothing more. */
import assert from 'node:assert/strict';
import type { GetBinding } from '../../../contract/index.js';
import type { GetUrlOptions } from '../../../service/index.js';
import { sameBytes, type CaseContext } from '../case-context.js';
import type { CaseDefinition } from '../case-definition.js';
import { groupOf } from '../case-definition.js';
import { bytesOf } from '../content.js';
import { request, type Answer } from '../signed-requests.js';

const TAMPERED_POSITIONS = 12;
// A picture of one pixel: stores that know images refuse what is none.
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg==',
  'base64',
);

/** Cases of a backend without URLs become the check that it refuses them. */
function urlCases(cases: Readonly<Record<string, (context: CaseContext) => Promise<void>>>): CaseDefinition[] {
  const gated = Object.entries(cases).map(([name, run]) => [
    name,
    async (context: CaseContext) => {
      if (context.capabilities.getUrl.length > 0) return run(context);
      const key = context.key('no-urls');
      await context.put(key, 'x');
      await context.fails(context.storage.getUrl(key), 'not-supported', { operation: 'getUrl', key });
      const { url } = await context.storage.put(key, 'y');
      assert.equal(url, undefined, 'put() gives no URL where there is none');
    },
  ]);
  return groupOf('signed URLs', Object.fromEntries(gated));
}

/** Fetches a URL that binds something, or checks that the binding is refused as declared. */
async function bound(
  context: CaseContext,
  key: string,
  bindings: readonly GetBinding[],
  options: GetUrlOptions,
): Promise<Answer | undefined> {
  if (bindings.every((binding) => context.capabilities.getUrl.includes(binding))) {
    const answer = await request(await context.storage.getUrl(key, options));
    assert.equal(answer.status, 200);
    return answer;
  }
  await context.fails(context.storage.getUrl(key, options), 'not-supported', { operation: 'getUrl', key });
  return undefined;
}

/** The file name of a Content-Disposition, by RFC 6266: the extended parameter first. */
function filenameOf(disposition: string): string | undefined {
  const extended = /filename\*=UTF-8''([^;\s]+)/i.exec(disposition)?.[1];
  if (extended !== undefined) return decodeURIComponent(extended);
  const quoted = /filename="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1];
  return quoted === undefined ? /filename=([^;\s]+)/i.exec(disposition)?.[1] : quoted.replace(/\\(.)/g, '$1');
}

function replacedAt(text: string, at: number): string {
  const old = text[at]!;
  const fresh = /[0-8]/.test(old) ? String(Number(old) + 1) : old === 'A' ? 'B' : 'A';
  return text.slice(0, at) + fresh + text.slice(at + 1);
}

/** Other spellings of a URL: one character changed at places spread over path and query. */
function tampered(url: string): string[] {
  const start = url.indexOf('/', url.indexOf('//') + 2) + 1;
  const places = Array.from(url.slice(start), (char, index) => (/[A-Za-z0-9]/.test(char) ? start + index : -1));
  const usable = places.filter((place) => place >= 0);
  const step = Math.max(1, Math.floor(usable.length / TAMPERED_POSITIONS));
  const spread = usable.filter((_, index) => index % step === 0);
  return spread.map((place) => replacedAt(url, place));
}

const shown = ({ status, headers, body }: Answer) =>
  JSON.stringify([status, headers.get('content-type'), headers.get('content-disposition'), body.toString('base64')]);

export const urlReadCases = urlCases({
  'a URL gives the whole object with its type and length': async (context) => {
    const bytes = bytesOf(100_000, 'url');
    const key = context.key('folder/a b+c 公司.txt');
    await context.put(key, bytes, { contentType: 'text/plain; charset=utf-8' });
    const answer = await request(await context.storage.getUrl(key));
    assert.equal(answer.status, 200);
    sameBytes(answer.body, bytes, 'URL');
    if (context.settings.storedTypeOnUrls ?? true) {
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    }
    assert.equal(answer.headers.get('content-length'), String(bytes.length));
    const { url } = await context.storage.put(key, 'newer');
    assert.ok(url, 'put() gives a URL');
    const newer = await request(url);
    sameBytes(newer.body, Buffer.from('newer'), 'URL of put()');
  },

  'a URL answers ranges with 206, and with 416 outside the object': async (context) => {
    const bytes = bytesOf(1000, 'url ranges');
    const key = context.key('ranges.bin');
    await context.put(key, bytes);
    const url = await context.storage.getUrl(key);
    for (const [range, start, end] of [
      ['bytes=0-0', 0, 0],
      ['bytes=10-19', 10, 19],
      ['bytes=990-', 990, 999],
      ['bytes=-5', 995, 999],
      ['bytes=500-5000', 500, 999],
    ] as const) {
      const answer = await request(url, { headers: { range } });
      assert.equal(answer.status, 206, range);
      assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end}/1000`, range);
      sameBytes(answer.body, bytes.subarray(start, end + 1), range);
    }
    assert.equal((await request(url, { headers: { range: 'bytes=1000-' } })).status, 416);
  },

  'a URL answers HEAD where the harness says so': async (context) => {
    const key = context.key('head.txt');
    await context.put(key, 'twelve bytes', { contentType: 'text/plain' });
    const answer = await request(await context.storage.getUrl(key), { method: 'HEAD' });
    if (context.settings.headOnUrls === true) assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    if (answer.status !== 200) return;
    assert.equal(answer.headers.get('content-length'), '12');
    assert.equal(answer.headers.get('content-type'), 'text/plain');
  },

  'a URL for reading does not write or delete': async (context) => {
    const key = context.key('read-only.txt');
    await context.put(key, 'kept');
    const url = await context.storage.getUrl(key);
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      const answer = await request(url, { method, body: method === 'DELETE' ? null : 'overwritten' });
      assert.ok(answer.status >= 400, `${method} was answered with ${answer.status}`);
    }
    await context.holds(key, 'kept');
  },

  'a tampered URL is refused or grants exactly the same': async (context) => {
    const key = context.key('mine-aaaa.txt');
    const other = context.key('mine-aaab.txt');
    await Promise.all([context.put(key, 'mine'), context.put(other, 'secret of another')]);
    const url = await context.storage.getUrl(key);
    const honest = shown(await request(url));
    let refused = 0;
    for (const changed of [...tampered(url), url.replaceAll('mine-aaaa', 'mine-aaab'), url.slice(0, -1)]) {
      if (changed === url) continue;
      const answer = await request(changed);
      if (answer.status >= 400) refused++;
      else assert.equal(shown(answer), honest, `a changed URL was answered with ${answer.status}`);
      assert.ok(!answer.body.includes('secret of another'), 'a changed URL gives another object');
    }
    assert.ok(refused > 0, 'no change at all was refused: the URL is not signed');
  },

  'a URL of a missing object is refused, and serves the object once it is there': async (context) => {
    const key = context.key('later.txt');
    await context.fails(context.storage.getUrl(key), 'not-found', { operation: 'getUrl', key });
    const url = await context.storage.getUrl(key, { mustExist: false });
    assert.ok([403, 404].includes((await request(url)).status), 'a missing object');
    await context.put(key, 'later');
    await context.eventually(async () => sameBytes((await request(url)).body, Buffer.from('later'), 'later'));
  },

  'a URL makes a download under any file name, where declared': async (context) => {
    const key = context.key('folder/stored name.txt');
    await context.put(key, 'x', { contentType: 'text/plain' });
    for (const name of ['plain.txt', 'naïve 公司 😀.txt', `it's "quoted"; a=b + 100%.txt`]) {
      const answer = await bound(context, key, ['disposition', 'filename'], { download: name });
      if (answer === undefined) return;
      const disposition = answer.headers.get('content-disposition') ?? '';
      assert.match(disposition, /^attachment\b/);
      assert.equal(filenameOf(disposition), name);
    }
    const answer = await bound(context, key, ['disposition', 'filename'], { download: true });
    assert.equal(filenameOf(answer?.headers.get('content-disposition') ?? ''), 'stored name.txt');
  },

  'a URL answers with another content type, where declared': async (context) => {
    const key = context.key('typed.txt');
    await context.put(key, 'x', { contentType: 'text/plain' });
    const answer = await bound(context, key, ['contentType'], { contentType: 'application/x-conformance' });
    if (answer) assert.equal(answer.headers.get('content-type'), 'application/x-conformance');
  },

  'a URL changes an image on its way out, where declared': async (context) => {
    const key = context.key('pixel.png');
    await context.put(key, PIXEL, { contentType: 'image/png' });
    const answer = await bound(context, key, ['transform'], { transform: { width: 1, height: 1, format: 'png' } });
    if (!answer) return;
    assert.match(answer.headers.get('content-type') ?? '', /^image\//);
    assert.ok(answer.body.length > 0, 'a changed image has bytes');
  },
});
