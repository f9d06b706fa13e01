/** How the body of an object is read: in the chunks that came, in whatever sizes its reader asks for, and whole. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { ObjectBody } from '../../lib/backends/s3/object-body.js';

const CHUNK = 16 * 1024;

async function bodyOf(chunks: readonly Buffer[]): Promise<ObjectBody> {
  const size = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const source = new PassThrough({ highWaterMark: size });
  for (const chunk of chunks) source.write(chunk);
  source.end();
  const body = new ObjectBody(source, {
    details: { operation: 'get', backend: 's3', key: 'a.bin' },
    size,
    unreadTimeout: 60_000,
  });
  await turn();
  return body;
}

/** Reads with the sizes given in turn, waiting where fewer bytes are there. */
async function readBy(body: Readable, sizes: readonly (number | undefined)[]): Promise<Buffer> {
  const got: Buffer[] = [];
  const ended = once(body, 'end');
  for (let turnOf = 0; !body.readableEnded; turnOf++) {
    const chunk = body.read(sizes[turnOf % sizes.length]) as Buffer | null;
    if (chunk) got.push(chunk);
    else if (body.readableLength === 0 || turnOf % 7 === 0) await turn();
  }
  await ended;
  return Buffer.concat(got);
}

describe('the body of an object in S3', () => {
  it('gives the chunks that waited one by one, without copying them together', async () => {
    const chunks = Array.from({ length: 40 }, () => randomBytes(CHUNK));
    const body = await bodyOf(chunks);
    expect(body.readableLength).toBeGreaterThan(CHUNK);
    const got: Buffer[] = [];
    for await (const chunk of body) got.push(chunk as Buffer);
    expect(got.map(({ byteLength }) => byteLength)).toEqual(chunks.map(() => CHUNK));
    expect(Buffer.concat(got).equals(Buffer.concat(chunks))).toBe(true);
  });

  it.each([
    ['sizes smaller than a chunk', [5, 700, undefined]],
    ['sizes larger than a chunk', [CHUNK + 1, undefined, 3 * CHUNK]],
    ['sizes of whole chunks', [CHUNK, 2 * CHUNK]],
    ['looks that read nothing', [0, undefined, 0, 33]],
  ])('gives every byte once in %s', async (_name, sizes) => {
    const chunks = [1, CHUNK, 7, 300, CHUNK, 64 * 1024, 2, CHUNK, CHUNK].map((size) => randomBytes(size));
    const body = await bodyOf(chunks);
    expect((await readBy(body, sizes)).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('gives text where an encoding is set, and takes back what was put back', async () => {
    const text = 'Grüße, 你好! '.repeat(5000);
    const bytes = Buffer.from(text);
    const body = await bodyOf([bytes.subarray(0, 7), bytes.subarray(7, 40_001), bytes.subarray(40_001)]);
    const first = body.read(3) as Buffer;
    body.unshift(first);
    body.setEncoding('utf8');
    let got = '';
    for await (const piece of body) got += piece as string;
    expect(got).toBe(text);
  });
});
