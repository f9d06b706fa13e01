/** Case: signed URLs of both kinds end when they were said to; one wait serves both. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CaseContext } from '../case-context.js';
import { groupOf } from '../case-definition.js';
import { request, send } from '../signed-requests.js';

const POLL_MS = 150;
// Times in URLs are whole seconds: one may pass on either side. (So one second could be over at once.)
const LATEST_MS = 4000;

const BODY = new Uint8Array(Buffer.from('late'));

async function refusedInTime(context: CaseContext, status: () => Promise<number>): Promise<void> {
  const deadline = Date.now() + LATEST_MS + (context.settings.expirySlackSeconds ?? 0) * 1000;
  while ((await status()) < 400) {
    assert.ok(Date.now() < deadline, 'a URL of two seconds is still good after four');
    await sleep(POLL_MS);
  }
}

export const expiryCases = groupOf('expiry', {
  'signed URLs expire, for reading and for uploads': async (context) => {
    const key = context.key('expires.txt');
    await context.put(key, 'short');
    const { getUrl, getUploadUrl } = context.capabilities;
    const read = getUrl.includes('expiry') ? await context.storage.getUrl(key, { expiresIn: 2 }) : undefined;
    const target = context.key('uploaded.txt');
    const upload = getUploadUrl.includes('expiry')
      ? await context.storage.getUploadUrl(target, { expiresIn: 2 })
      : undefined;
    if (read !== undefined) {
      assert.equal((await request(read)).status, 200, 'a URL is good until it expires');
      await refusedInTime(context, async () => (await request(read)).status);
      // Numbers in the open are the first thing to raise.
      const raised = read.replace(/=(\d+)/g, (_, digits: string) => `=${digits}9`);
      assert.ok((await request(raised)).status >= 400, 'an expired URL with raised numbers is refused');
    }
    if (upload !== undefined) {
      assert.ok(Math.abs(upload.expiresAt.getTime() - Date.now()) < 60_000, 'expiresAt says when');
      await refusedInTime(context, async () => (await send(upload, BODY)).status);
      await context.storage.delete(target);
      assert.ok((await send(upload, BODY)).status >= 400, 'an expired upload is refused');
      await context.absent(target);
    }
    // Without URLs, or with URLs that never end, there is nothing to bind: asking for them is told elsewhere.
    await context.holds(key, 'short');
  },
});
