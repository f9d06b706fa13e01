/** The bar of put and get: there while bytes move at a terminal, and nowhere else. */
import { execFile } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify, stripVTControlCharacters as plain } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Terminal } from '../../lib/cli/terminal.js';
import { withProgress } from '../../lib/cli/transfer-progress.js';
import { StorageFileNotFoundError } from '../../lib/index.js';
import { Place } from './cli-process.js';

const MIB = 1024 * 1024;
/** Milliseconds that a slow transfer takes: the bar comes after half a second. */
const SLOW = 900;
const [HIDE, SHOW, CLEAR_LINE] = ['\u001b[?25l', '\u001b[?25h', '\u001b[2K'];
const BAR = /reading \[=[=-]{11}\] +\d+% {2}[\d.]+[KM]?B\/3MB {2}[\d.]+[KM]?B\/s {2}\S+(?: s)? left/;

let place: Place;
const stored = Buffer.alloc(3 * MIB, 'abc');
beforeAll(async () => {
  place = await Place.make();
  await place.run(['put', '-', 'large.bin', '-m', 'a=b'], { piped: { input: Readable.from([stored]) } });
});
afterAll(() => place.remove());

/** A program behind a pipe that takes its time. */
class SlowReader extends Writable {
  bytes = 0;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes += chunk.byteLength;
    setTimeout(done, (chunk.byteLength / stored.byteLength) * SLOW);
  }
}

/** Five pieces of 1 MiB. */
async function* slowly(): AsyncGenerator<Buffer> {
  for (let piece = 0; piece < 5; piece++) {
    await sleep(SLOW / 5);
    yield Buffer.alloc(MIB, piece);
  }
}

/** A pipe with a name. @returns once it is there: what a slow reader of it gets */
async function namedPipe(name: string): Promise<{ readonly taken: Promise<Buffer> }> {
  const path = join(place.folder, name);
  await promisify(execFile)('mkfifo', [path]);
  const read = async () => {
    const handle = await open(path);
    const pieces: Buffer[] = [];
    for await (const piece of handle.createReadStream({ highWaterMark: 64 * 1024 }) as AsyncIterable<Buffer>) {
      pieces.push(piece);
      await sleep((piece.byteLength / stored.byteLength) * SLOW);
    }
    return Buffer.concat(pieces);
  };
  return { taken: read() };
}

/** What is left on the screen: a bar that is gone leaves its line empty. */
function expectBarGone(err: string): void {
  expect(err.lastIndexOf(SHOW)).toBeGreaterThan(err.lastIndexOf(HIDE));
  expect(err.slice(err.lastIndexOf(SHOW))).toContain(CLEAR_LINE);
}

describe('get at a terminal', () => {
  it('shows bytes, rate and time left while it writes into a file', async () => {
    const { taken } = await namedPipe('pipe');
    const { code, out, err } = await place.run(['get', 'large.bin', 'pipe', '--force'], { terminal: true });
    expect([code, out]).toEqual([0, 'pipe  3MB  application/octet-stream\n']);
    expect(plain(err)).toMatch(BAR);
    expectBarGone(err);
    expect((await taken).equals(stored)).toBe(true);
  });

  it('shows them while another program takes what it writes', async () => {
    const output = new SlowReader();
    const { code, err } = await place.run(['get', 'large.bin'], { terminal: true, piped: { output } });
    expect([code, output.bytes]).toEqual([0, stored.byteLength]);
    expect(plain(err)).toMatch(BAR);
    expectBarGone(err);
  });

  it('shows none where the terminal shows the object itself', async () => {
    const output = Object.assign(new SlowReader(), { isTTY: true });
    const { code, err } = await place.run(['get', 'large.bin'], { terminal: true, piped: { output } });
    expect([code, err, output.bytes]).toEqual([0, '', stored.byteLength]);
  });

  it('shows none with --json', async () => {
    const { taken } = await namedPipe('json-pipe');
    const ran = await place.run(['get', 'large.bin', 'json-pipe', '--force', '--json'], { terminal: true });
    expect([ran.code, ran.err, JSON.parse(ran.out)]).toMatchObject([0, '', { file: 'json-pipe', size: 3 * MIB }]);
    expect((await taken).length).toBe(stored.byteLength);
  });
});

describe('put at a terminal', () => {
  it('shows bytes and rate of what another program writes, whose end is not known', async () => {
    const input = Readable.from(slowly());
    const { code, out, err } = await place.run(['put', '-', 'stream.bin'], { terminal: true, piped: { input } });
    expect([code, out]).toEqual([0, 'stream.bin  5MB  application/octet-stream\n']);
    expect(plain(err)).toMatch(/storing {2}[1-5]MB {2}[\d.]+MB\/s/);
    expect(plain(err)).not.toMatch(/[[%]|left/);
    expectBarGone(err);
    expect((await readFile(join(place.files, 'stream.bin'))).length).toBe(5 * MIB);
  });

  it('shows none while somebody types, and none with --json', async () => {
    const typed = Object.assign(Readable.from(slowly()), { isTTY: true });
    const typing = await place.run(['put', '-', 'typed.bin'], { terminal: true, piped: { input: typed } });
    expect([typing.code, typing.err]).toEqual([0, '']);
    const piped = { input: Readable.from(slowly()) };
    const json = await place.run(['put', '-', 'json.bin', '--json'], { terminal: true, piped });
    expect([json.code, json.err, JSON.parse(json.out)]).toMatchObject([0, '', { size: 5 * MIB }]);
  });
});

describe('without a terminal', () => {
  it('put and get say nothing, however long they take', async () => {
    const put = await place.run(['put', '-', 'quiet.bin'], { piped: { input: Readable.from(slowly()) } });
    expect([put.code, put.err]).toEqual([0, '']);
    const output = new SlowReader();
    const got = await place.run(['get', 'large.bin'], { piped: { output } });
    expect([got.code, got.err, output.bytes]).toEqual([0, '', stored.byteLength]);
  });
});

describe('the bar', () => {
  const screen = () => {
    const error = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const terminal = new Terminal({ input: new PassThrough(), output: new PassThrough(), error });
    return { context: { terminal, json: false }, shown: () => String(error.read() ?? '') };
  };
  const storing = { word: 'storing', size: 5 * MIB };

  it('shows a part of what is known to come, and hands every byte on', async () => {
    const { context, shown } = screen();
    const all = await withProgress(Readable.from(slowly()), storing, context, buffer);
    expect(all.equals(Buffer.concat(Array.from({ length: 5 }, (_, piece) => Buffer.alloc(MIB, piece))))).toBe(true);
    expect(plain(shown())).toMatch(/storing \[==[=-]{10}\] +\d0% {2}[2-5]MB\/5MB {2}[\d.]+MB\/s {2}\d s left/);
  });

  it('is none for what is done at once', async () => {
    const { context, shown } = screen();
    await withProgress(Readable.from([Buffer.of(1)]), { word: 'storing', size: 1 }, context, buffer);
    expect(shown()).toBe('');
  });

  it('is gone when the body fails, whose error comes through as it is', async () => {
    const { context, shown } = screen();
    const failure = new StorageFileNotFoundError({ operation: 'get', key: 'k' });
    const failing = async function* () {
      yield Buffer.alloc(MIB);
      await sleep(800);
      throw failure;
    };
    await expect(withProgress(Readable.from(failing()), storing, context, buffer)).rejects.toBe(failure);
    expectBarGone(shown());
  });

  it('lets go of a body that nobody reads', async () => {
    const { context } = screen();
    const body = new PassThrough();
    const refused = withProgress(body, storing, context, async (counted) => {
      counted.destroy();
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    await sleep(0);
    expect(body.destroyed).toBe(true);
  });
});
