/** The sample's page in a real browser, over the built sample. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { deflateSync, crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { startSample, type RunningSample } from '../support/sample-process.js';
import { launchChromium } from './chromium.js';

let browser: Browser;
let sample: RunningSample;
let context: BrowserContext;
let page: Page;
let problems: string[];

beforeAll(async () => {
  browser = await launchChromium();
  sample = await startSample({ STORAGE_MAX_FILE_SIZE: '6mb' });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await sample?.stop();
});

beforeEach(async () => {
  context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], locale: 'en-GB' });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    // A refused upload is a message of the browser's own; everything else is a mistake of the page.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(sample.url) && !request.url().startsWith('data:')) problems.push(request.url());
  });
  await page.goto(sample.url);
});

afterEach(async () => {
  await context?.close();
  expect(problems).toEqual([]);
});

interface Given {
  readonly name: string;
  readonly content: Buffer | string;
}

async function choose(...files: Given[]): Promise<void> {
  await page.locator('#input').setInputFiles(
    files.map(({ name, content }) => ({
      name,
      // The browser's word counts for nothing.
      mimeType: 'application/octet-stream',
      buffer: Buffer.from(content),
    })),
  );
}

const uploadOf = (name: string): Locator => page.locator('#uploads li').filter({ hasText: name }).last();
const rowOf = (name: string): Locator => page.locator('#files tbody tr').filter({ hasText: name });

async function becomes(upload: Locator, state: string): Promise<string> {
  await until(async () => (await upload.getAttribute('data-state')) === state);
  return upload.locator('.note').innerText();
}

async function store(name: string, content: Buffer | string): Promise<void> {
  await choose({ name, content });
  await becomes(uploadOf(name), 'stored');
  await rowOf(name).waitFor();
}

/** The page's own policy forbids the polling that a browser could do itself. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`still not so: ${holds}`);
    await page.waitForTimeout(50);
  }
}

/** A picture of one colour. */
function png(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const typed = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(typed), 4);
    return Buffer.concat([ends.subarray(0, 4), typed, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const pixels = deflateSync(Buffer.alloc((side + 1) * side));
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

describe('the page', () => {
  it('begins empty, tells that the store is connected, and can be used by keyboard', async () => {
    await page.locator('#empty').waitFor();
    await page.locator('#health[data-state=up]').waitFor();
    expect(await page.locator('#health').innerText()).toBe('LocalBackend connected');
    const multiple = new Promise<boolean>((resolve) => {
      page.on('filechooser', (chooser) => resolve(chooser.isMultiple()));
    });
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Choose files');
    // The chooser opens for people only; give the browser time to see that somebody is watching for it.
    await page.waitForTimeout(300);
    await page.keyboard.press('Enter');
    expect(await multiple).toBe(true);
  });

  it('stores several files and lists them with type and size', async () => {
    await choose({ name: 'Küste.png', content: png(40) }, { name: 'plain.txt', content: 'x'.repeat(2048) });
    expect(await becomes(uploadOf('plain.txt'), 'stored')).toBe('Stored · 2 KB');
    await becomes(uploadOf('Küste.png'), 'stored');
    await rowOf('Küste.png').waitFor();
    expect(await rowOf('plain.txt').locator('td').allInnerTexts()).toEqual(
      expect.arrayContaining(['plain.txt', 'text/plain', '2 KB']),
    );
    expect(await rowOf('Küste.png').locator('.type').innerText()).toBe('image/png');
  });

  it('takes files that are dropped', async () => {
    const dropped = await page.evaluateHandle(`(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['dropped'], 'dropped.txt'));
      return transfer;
    })()`);
    await page.dispatchEvent('#drop', 'dragenter', { dataTransfer: dropped });
    expect(await page.locator('body').getAttribute('class')).toBe('dragging');
    await page.dispatchEvent('#drop', 'drop', { dataTransfer: dropped });
    await becomes(uploadOf('dropped.txt'), 'stored');
    expect(await page.locator('body').getAttribute('class')).toBe('');
  });

  it('shows progress of a slow upload, and cancels it without a trace', async () => {
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    const network = { offline: false, latency: 0, downloadThroughput: -1 };
    await session.send('Network.emulateNetworkConditions', { ...network, uploadThroughput: 512 * 1024 });
    await choose({ name: 'slow.bin', content: randomBytes(5 * 1024 * 1024) });
    const upload = uploadOf('slow.bin');
    const bar = upload.locator('progress');
    await until(async () => (await bar.evaluate((node) => (node as unknown as { value: number }).value)) > 0.02);
    expect(await upload.locator('.note').innerText()).toMatch(/^[\d.]+ [KM]B of 5 MB$/);
    await upload.getByRole('button', { name: 'Cancel' }).click();
    expect(await becomes(upload, 'cancelled')).toBe('Cancelled. Nothing was stored.');
    const { files } = (await (await fetch(`${sample.url}/files`)).json()) as { files: { filename: string }[] };
    expect(files.map((file) => file.filename)).not.toContain('slow.bin');
  });

  it('tells in plain words what is refused', async () => {
    await choose({ name: 'page.html', content: '<!doctype html><script>alert(1)</script>' });
    expect(await becomes(uploadOf('page.html'), 'failed')).toMatch(/^Web pages, scripts, XML and SVG images/);
    await choose({ name: 'large.bin', content: randomBytes(7 * 1024 * 1024) });
    expect(await becomes(uploadOf('large.bin'), 'failed')).toBe('The file is larger than the allowed 6 MB.');
    await uploadOf('large.bin').getByRole('button', { name: 'Dismiss' }).click();
    expect(await page.locator('#uploads li').count()).toBe(1);
  });

  it('asks before it replaces a file', async () => {
    await store('same.txt', 'old');
    await page.getByRole('button', { name: 'Clear finished' }).click();
    await choose({ name: 'same.txt', content: 'new' });
    expect(await becomes(uploadOf('same.txt'), 'taken')).toBe('A file with this name is stored already.');
    expect(await (await fetch(`${sample.url}/download/same.txt`)).text()).toBe('old');
    await uploadOf('same.txt').getByRole('button', { name: 'Replace' }).click();
    await becomes(uploadOf('same.txt'), 'stored');
    expect(await (await fetch(`${sample.url}/download/same.txt`)).text()).toBe('new');
  });

  it('shows pictures and text, and text as nothing but text', async () => {
    await store('shown.png', png(64));
    await rowOf('shown.png').getByRole('button', { name: 'Preview' }).click();
    const shown = page.locator('#preview-body img');
    await until(
      async () => (await shown.evaluate((node) => (node as unknown as { naturalWidth: number }).naturalWidth)) === 64,
    );
    await page.keyboard.press('Escape');
    await store('shown.txt', 'first <b>line</b>\nsecond');
    await rowOf('shown.txt').getByRole('button', { name: 'Preview' }).click();
    expect(await page.locator('#preview-body pre').innerText()).toBe('first <b>line</b>\nsecond');
    await page.getByRole('button', { name: 'Close' }).click();
    await store('data.bin', randomBytes(100));
    expect(await rowOf('data.bin').getByRole('button', { name: 'Preview' }).count()).toBe(0);
  });

  it('makes signed links of a chosen expiry and copies them', async () => {
    await store('linked.txt', 'by link');
    await rowOf('linked.txt').getByRole('button', { name: 'Link linked.txt' }).click();
    const field = page.locator('#link-url');
    await until(async () => (await field.inputValue()) !== '');
    const hour = await field.inputValue();
    await page.locator('#link-expiry').selectOption({ label: '5 minutes' });
    await until(async () => !['', hour].includes(await field.inputValue()));
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied.').waitFor();
    const copied = await page.evaluate<string>('navigator.clipboard.readText()');
    expect(copied).toBe(await field.inputValue());
    const response = await fetch(copied);
    expect(await response.text()).toBe('by link');
    expect(Number(/max-age=(\d+)/.exec(response.headers.get('cache-control')!)![1])).toBeLessThanOrEqual(300);
  });

  it('downloads the very bytes under the very name', async () => {
    const content = randomBytes(200_000);
    await store('Bericht für alle.bin', content);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      rowOf('Bericht für alle.bin').getByRole('link', { name: 'Download' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('Bericht für alle.bin');
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(await readFile(await download.path()))).toBe(digest(content));
  });

  it('deletes after asking, and not before', async () => {
    await store('doomed.txt', 'x');
    await rowOf('doomed.txt').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect((await fetch(`${sample.url}/download/doomed.txt`)).status).toBe(200);
    await rowOf('doomed.txt').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await rowOf('doomed.txt').waitFor({ state: 'detached' });
    expect((await fetch(`${sample.url}/download/doomed.txt`)).status).toBe(404);
  });

  it('says so where the server cannot be reached, and tries again', async () => {
    await context.setOffline(true);
    await choose({ name: 'offline.txt', content: 'x' });
    expect(await becomes(uploadOf('offline.txt'), 'failed')).toMatch(/^The server cannot be reached\./);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.locator('#list-error').getByText('The server cannot be reached.').waitFor();
    await context.setOffline(false);
    await uploadOf('offline.txt').getByRole('button', { name: 'Try again' }).click();
    await becomes(uploadOf('offline.txt'), 'stored');
    await rowOf('offline.txt').waitFor();
    expect(await page.locator('#list-error').isVisible()).toBe(false);
  });
});
