/** put and get at a real terminal, of which the system itself says so, with a gateway that takes its time. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { stripVTControlCharacters as plain } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { lines, MAIN, Place } from '../../cli/cli-process.js';
import { credentials, endpoint, makeBucket, MIB, region, type Bucket } from '../s3/ceph.js';

const LARGE = 24 * MIB;
/** Bytes a second that the line to the store carries. */
const SPEED = 16 * MIB;
const SHOW_CURSOR = '\u001b[?25h';

let place: Place;
let bucket: Bucket;
let line: Server;
let env: Record<string, string>;

/** Passes bytes on no faster than the line carries them. */
function throttle(): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      void setTimeout(() => done(null, chunk), (chunk.byteLength / SPEED) * 1000),
  });
}

async function slowLine(store: string): Promise<Server> {
  const { hostname, port } = new URL(store);
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request({ hostname, port, method, path: url, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, throttle(), outgoing).catch(() => undefined);
    });
    pipeline(incoming, throttle(), onward).catch(() => outgoing.destroy());
  });
  return once(server.listen(0, '127.0.0.1'), 'listening').then(() => server);
}

beforeAll(async () => {
  place = await Place.make();
  bucket = await makeBucket();
  line = await slowLine(endpoint);
  env = {
    STORAGE_CLOUD_BACKEND: 's3',
    STORAGE_CLOUD_S3_BUCKET: bucket.name,
    STORAGE_CLOUD_S3_ENDPOINT: `http://127.0.0.1:${(line.address() as AddressInfo).port}`,
    STORAGE_CLOUD_S3_REGION: region,
    STORAGE_CLOUD_S3_ACCESS_KEY: credentials.accessKeyId,
    STORAGE_CLOUD_S3_SECRET_KEY: credentials.secretAccessKey,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  };
  const pieces = Array.from({ length: LARGE / MIB }, (_, piece) => Buffer.alloc(MIB, piece));
  await pipeline(Readable.from(pieces), createWriteStream(join(place.folder, 'large.bin')));
});
afterAll(async () => {
  line.closeAllConnections();
  line.close();
  await bucket.remove();
  await place.remove();
});

/** Runs a line of a shell at a terminal of its own. The terminal shows both streams. */
function atTerminal(command: string): ChildProcessWithoutNullStreams {
  const shell = command.replaceAll('nestjs-storage', `'${process.execPath}' '${MAIN}'`);
  return spawn('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
    cwd: place.folder,
    env: { ...place.env, ...env, TERM: 'xterm', SHELL: '/bin/sh' },
  });
}

async function shown(child: ChildProcessWithoutNullStreams, press?: { readonly key: string; readonly at: RegExp }) {
  let screen = '';
  let pressed = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    if (!press || pressed || !press.at.test(plain(screen))) return;
    pressed = true;
    child.stdin.write(press.key);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, screen, text: plain(screen) };
}

const CTRL_C = '\u0003';
const bar = (word: string) =>
  new RegExp(`${word} \\[[=-]{12}\\] +\\d+% {2}[\\d.]+[KM]?B/24MB {2}[\\d.]+[KM]?B/s {2}\\S+(?: s)? left`);

describe('at a terminal', () => {
  it('put and get show a bar that is gone at the end, with the cursor back', async () => {
    const put = await shown(atTerminal('nestjs-storage put large.bin a.bin -s cloud'));
    expect([put.code, put.text]).toEqual([0, expect.stringMatching(bar('storing'))]);
    expect(plain(put.screen.slice(put.screen.lastIndexOf(SHOW_CURSOR)))).toContain('a.bin  24MB');
    const get = await shown(atTerminal('nestjs-storage get a.bin back.bin -s cloud'));
    expect([get.code, get.text]).toEqual([0, expect.stringMatching(bar('reading'))]);
    expect(plain(get.screen.slice(get.screen.lastIndexOf(SHOW_CURSOR)))).toContain('back.bin  24MB');
    expect((await stat(join(place.folder, 'back.bin'))).size).toBe(LARGE);
  });

  it('get shows one beside a file, and none where the terminal shows the object', async () => {
    const file = await shown(atTerminal('nestjs-storage get a.bin -s cloud > redirected.bin'));
    expect([file.code, file.text]).toEqual([0, expect.stringMatching(bar('reading'))]);
    expect((await stat(join(place.folder, 'redirected.bin'))).size).toBe(LARGE);
    const here = await shown(atTerminal('nestjs-storage get a.bin -s cloud'));
    expect([here.code, here.text]).toEqual([0, expect.not.stringContaining('reading')]);
    expect(here.screen).not.toContain(SHOW_CURSOR);
    const device = await shown(atTerminal('nestjs-storage get a.bin /dev/tty --force -s cloud'));
    expect([device.code, device.text]).toEqual([0, expect.not.stringContaining('reading')]);
    expect(device.screen).not.toContain(SHOW_CURSOR);
  });

  it('there is none with --json, nor where the error stream goes elsewhere', async () => {
    const json = await shown(atTerminal('nestjs-storage put large.bin json.bin -s cloud --json'));
    expect(lines(json.screen)).toMatchObject([{ key: 'json.bin', size: LARGE }]);
    const elsewhere = await shown(atTerminal('nestjs-storage put large.bin b.bin -s cloud 2> errors.txt'));
    expect([elsewhere.code, elsewhere.screen]).toEqual([0, 'b.bin  24MB  application/octet-stream\r\n']);
    expect((await stat(join(place.folder, 'errors.txt'))).size).toBe(0);
  });

  it('Ctrl-C takes the bar away and gives the cursor back', async () => {
    const command = atTerminal('nestjs-storage put large.bin interrupted.bin -s cloud');
    const { code, screen, text } = await shown(command, { key: CTRL_C, at: bar('storing') });
    expect(code).toBe(130);
    expect(screen.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(screen.lastIndexOf('\u001b[?25l'));
    expect(text).toMatch(/Interrupted\.\s*$/);
    expect(await bucket.openUploads()).toEqual([]);
  });
});
