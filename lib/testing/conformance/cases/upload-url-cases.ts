/** Cases: signed uploads write one object until they expire, bound as declared, and refuse everything else. */
import assert from 'node:assert/strict';
import type { PutBinding, SignedUpload } from '../../../contract/index.js';
import type { GetUploadUrlOptions } from '../../../service/index.js';
import type { CaseContext } from '../case-context.js';
import { groupOf, type CaseDefinition } from '../case-definition.js';
import { bytesOf } from '../content.js';
import { send, type Answer } from '../signed-requests.js';

const TYPE = 'application/x-conformance';

function uploadCases(cases: Readonly<Record<string, (context: CaseContext) => Promise<void>>>): CaseDefinition[] {
  const gated = Object.entries(cases).map(([name, run]) => [
    name,
    async (context: CaseContext) => {
      if (context.capabilities.getUploadUrl.length > 0) return run(context);
      const key = context.key('no-urls');
      await context.fails(context.storage.getUploadUrl(key), 'not-supported', { operation: 'getUploadUrl', key });
    },
  ]);
  return groupOf('signed uploads', Object.fromEntries(gated));
}

/** A signed upload that binds something; undefined after the check that the binding is refused as declared. */
async function signed(
  context: CaseContext,
  key: string,
  binding: PutBinding,
  options: GetUploadUrlOptions,
): Promise<SignedUpload | undefined> {
  if (context.capabilities.getUploadUrl.includes(binding)) return context.storage.getUploadUrl(key, options);
  await context.fails(context.storage.getUploadUrl(key, options), 'not-supported', { operation: 'getUploadUrl', key });
  return undefined;
}

function body(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text));
}

function accepted({ status, body: answer }: Answer): void {
  assert.ok(
    status >= 200 && status < 300,
    `an honest upload was answered with ${status}: ${answer.toString().slice(0, 200)}`,
  );
}

function refused({ status }: Answer, what: string): void {
  assert.ok(status >= 400, `${what} was answered with ${status}`);
}

export const urlUploadCases = uploadCases({
  'an upload stores the object, of any content type': async (context) => {
    for (const contentType of [TYPE, 'application/json', 'text/html', 'application/x-www-form-urlencoded']) {
      const key = context.key(`folder/a b+c 公司 ${contentType.replace('/', '-')}`);
      const declared = context.capabilities.getUploadUrl.includes('contentType');
      const upload = await context.storage.getUploadUrl(key, declared ? { contentType } : {});
      assert.ok(upload.expiresAt instanceof Date && upload.expiresAt.getTime() > Date.now(), 'expiresAt');
      accepted(await send(upload, body('{"a":1}'), upload.method === 'PUT' ? { 'content-type': contentType } : {}));
      await context.holds(key, '{"a":1}', declared ? { contentType } : {});
    }
  },

  'an upload of megabytes arrives whole': async (context) => {
    const key = context.key('large.bin');
    const bytes = new Uint8Array(bytesOf(context.largeBytes, 'signed upload'));
    accepted(await send(await context.storage.getUploadUrl(key), bytes));
    await context.holds(key, bytes);
  },

  'an upload of another type than bound is refused': async (context) => {
    const key = context.key('typed');
    const upload = await signed(context, key, 'contentType', { contentType: TYPE });
    if (!upload) return;
    refused(await send(upload, body('x'), { 'content-type': 'text/html' }), 'another type');
    await context.absent(key);
    accepted(await send(upload, body('x')));
    await context.holds(key, 'x', { contentType: TYPE });
  },

  'an upload of another size than bound is refused': async (context) => {
    const key = context.key('sized');
    const upload = await signed(context, key, 'size', { size: 10 });
    if (!upload) return;
    for (const wrong of ['x'.repeat(9), 'x'.repeat(11), '']) {
      refused(await send(upload, body(wrong)), `a body of ${wrong.length} bytes in place of 10`);
    }
    await context.absent(key);
    accepted(await send(upload, body('0123456789')));
    await context.holds(key, '0123456789');
  },

  'an upload over the largest size is refused': async (context) => {
    const key = context.key('limited');
    const upload = await signed(context, key, 'maxSize', { maxSize: 10 });
    if (!upload) return;
    refused(await send(upload, body('x'.repeat(11))), 'a body of 11 bytes where 10 are allowed');
    await context.absent(key);
    accepted(await send(upload, body('short')));
    await context.holds(key, 'short');
  },

  'a create-only upload is refused where the key is taken': async (context) => {
    const key = context.key('created');
    const upload = await signed(context, key, 'createOnly', { ifNoneMatch: '*' });
    if (!upload) return;
    accepted(await send(upload, body('first')));
    refused(await send(upload, body('second')), 'a second create-only upload');
    const headers = Object.fromEntries(Object.entries(upload.headers).filter(([name]) => !/^if-/i.test(name)));
    refused(await send({ ...upload, headers }, body('third')), 'an upload without its condition');
    await context.holds(key, 'first');
  },

  'an upload stores the bound metadata and no other': async (context) => {
    const key = context.key('described');
    const metadata = { owner: 'naïve 公司', part: '1' };
    const upload = await signed(context, key, 'metadata', { metadata });
    if (!upload) return;
    accepted(await send(upload, body('x')));
    await context.holds(key, 'x', { metadata });
    const changed = Object.entries(upload.headers).filter(([name]) => /meta/i.test(name));
    for (const [name] of changed) {
      const answer = await send(upload, body('x'), { [name]: 'forged' });
      if (answer.status < 400) await context.holds(key, 'x', { metadata });
    }
  },

  'a tampered upload stores nothing under another key': async (context) => {
    const upload = await context.storage.getUploadUrl(context.key('mine-aaaa'));
    const other = context.key('mine-aaab');
    await context.put(other, 'another');
    const url = upload.url.replaceAll('mine-aaaa', 'mine-aaab');
    const fields = upload.fields && JSON.parse(JSON.stringify(upload.fields).replaceAll('mine-aaaa', 'mine-aaab'));
    const answer = await send({ ...upload, url, fields }, body('forged'));
    const same = url === upload.url && upload.fields === undefined;
    if (!same && answer.status < 400) await context.holds(context.key('mine-aaaa'), 'forged');
    await context.holds(other, 'another');
    const middle = Math.floor((upload.url.indexOf('//') + upload.url.length) / 2);
    const flipped = upload.url[middle] === 'A' ? 'B' : 'A';
    const changed = upload.url.slice(0, middle) + flipped + upload.url.slice(middle + 1);
    if (upload.method === 'PUT') refused(await send({ ...upload, url: changed }, body('forged')), 'a changed URL');
  },

  'an upload URL does not read': async (context) => {
    const key = context.key('write-only');
    await context.put(key, 'secret');
    const { url } = await context.storage.getUploadUrl(key);
    const response = await fetch(url);
    assert.ok(!(await response.text()).includes('secret'), 'an upload URL gives the object away');
  },
});
