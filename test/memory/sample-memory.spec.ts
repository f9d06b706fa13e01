/** The sample's resident memory while 200 MB go in and out: bounded by settings, not by the file. */
import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSample, type RunningSample } from '../support/sample-process.js';

const MB = 1024 * 1024;
const FILE_BYTES = 200 * MB;
const MOST_GROWTH = 64 * MB;
const BOUNDARY = 'boundary-of-the-memory-test';
const CHUNK = randomFillSync(Buffer.alloc(MB));

let sample: RunningSample;

beforeAll(async () => {
  sample = await startSample();
});

afterAll(() => sample?.stop());

async function residentBytes(): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(sample.pid)]);
  return Number(stdout.trim()) * 1024;
}

/** Growth of the resident memory over what it was before the work: the highest of many looks. */
async function growthDuring<T>(work: () => Promise<T>): Promise<{ result: T; growth: number }> {
  const before = await residentBytes();
  let highest = before;
  let looks = 0;
  const done = new AbortController();
  const watching = (async () => {
    while (!done.signal.aborted) {
      highest = Math.max(highest, await residentBytes());
      looks += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  const result = await work().finally(() => done.abort());
  await watching;
  highest = Math.max(highest, await residentBytes());
  // A watcher that never looked would see no growth.
  expect(looks).toBeGreaterThan(2);
  return { result, growth: highest - before };
}

function upload(name: string, bytes: number): Promise<{ url: string; checksum: string; size: number }> {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\n`;
  const tail = `\r\n--${BOUNDARY}--\r\n`;
  return new Promise((resolve, reject) => {
    const sent = request(`${sample.url}/upload`, {
      method: 'POST',
      headers: {
        'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
        'Content-Length': head.length + bytes + tail.length,
      },
    });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      try {
        const text = (await response.toArray()).join('');
        if (response.statusCode === 201) resolve(JSON.parse(text) as { url: string; checksum: string; size: number });
        else reject(new Error(`${response.statusCode}: ${text}`));
      } catch (error) {
        reject(error as Error);
      }
    });
    void (async () => {
      sent.write(head);
      for (let left = bytes; left > 0; left -= CHUNK.length) {
        const room = sent.write(CHUNK.subarray(0, Math.min(left, CHUNK.length)));
        if (!room) await new Promise((drained) => sent.once('drain', drained));
      }
      sent.end(tail);
    })();
  });
}

async function download(url: string): Promise<{ bytes: number; checksum: string }> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response.body!) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, checksum: hash.digest('hex') };
}

describe('memory of the sample', () => {
  it('grows by less than 64 MB while 200 MB are uploaded, downloaded by a signed link, and by the app', async () => {
    // The first use loads and compiles what later ones share.
    await download((await upload('warm-up.bin', MB)).url);

    const uploaded = await growthDuring(() => upload('large.bin', FILE_BYTES));
    expect(uploaded.result.size).toBe(FILE_BYTES);
    const signed = await growthDuring(() => download(uploaded.result.url));
    expect(signed.result).toEqual({ bytes: FILE_BYTES, checksum: uploaded.result.checksum });
    const routed = await growthDuring(() => download(`${sample.url}/download/large.bin`));
    expect(routed.result.bytes).toBe(FILE_BYTES);

    const growth = { upload: uploaded.growth, signedDownload: signed.growth, download: routed.growth };
    const told = Object.entries(growth).map(([name, bytes]) => `${name} ${(bytes / MB).toFixed(1)} MB`);
    process.stderr.write(`resident memory grew by: ${told.join(', ')}\n`);
    for (const bytes of Object.values(growth)) expect(bytes).toBeLessThan(MOST_GROWTH);
  }, 120_000);
});
