/** The command line itself: help, wrong use, settings, signals, and what it loads. */
import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Terminal } from '../../lib/cli/terminal.js';
import { ended, MAIN, Place } from './cli-process.js';

const COMMANDS = ['doctor', 'copy', 'ls', 'url', 'put', 'get', 'rm'];

let place: Place;
beforeAll(async () => {
  place = await Place.make();
});
afterAll(() => place.remove());

describe('help', () => {
  it('lists the commands, and reads well in 80 columns', async () => {
    const { code, out, err } = await place.runProcess(['--help']);
    expect([code, err]).toEqual([0, '']);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command} .* {2}\\S`, 'm'));
    expect(out).toContain('Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.');
    for (const command of COMMANDS) {
      const { out: help } = await place.run([command, '--help']);
      expect(help).toMatch(new RegExp(`^Usage: nestjs-storage ${command} \\[options\\]`));
      expect(help).toMatch(/\nExamples:\n {2}\S/);
      expect(help).toContain('--json');
      expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });

  it('is what a command without arguments ends with, as wrong use', async () => {
    const { code, out, err } = await place.run([]);
    expect([code, out, err]).toEqual([2, '', expect.stringContaining('Usage: nestjs-storage')]);
  });

  it('tells the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await place.runProcess(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

describe('wrong use', () => {
  it('ends with 2, one line on what is wrong and one on what is right', async () => {
    const asked: [string[], string, string][] = [
      [['lss'], "unknown command 'lss'", 'Did you mean ls?'],
      [['ls', '--stroage', 'a'], "unknown option '--stroage'", 'Did you mean --storage?'],
      [['get'], "missing required argument 'key'", 'Its help: nestjs-storage get --help'],
      [['get', 'a', 'b', 'c'], "too many arguments for 'get'", 'Its help'],
      [['ls', '--limit', 'many'], "argument 'many' is invalid. Use a whole number from 1.", 'Its help'],
      [['put', '-', 'a', '-m', 'author'], "argument 'author' is invalid. Use key=value", 'Its help'],
      [['copy', '--from', 'default'], "required option '--to <storage>' not specified", 'Its help'],
      [['ls', '--storage', 'Avatars'], '"Avatars" is no name of a storage', 'Names have lower-case letters'],
      [['ls', '--storage', 'a=files'], '"files" is no prefix of variables', 'A prefix has capitals'],
      [['ls', '--dotenv', 'absent.env'], 'there is no file "absent.env" for --dotenv', ''],
    ];
    for (const [args, message, advice] of asked) {
      const { code, out, err } = await place.run(args);
      expect([args, code, out]).toEqual([args, 2, '']);
      expect(err).toContain(`error: `);
      expect(err).toContain(message);
      expect(err).toContain(advice);
      expect(err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    }
  });

  it('is JSON on the error stream with --json, but not for a key of that name', async () => {
    const { code, err } = await place.runProcess(['ls', '--nope', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(err)).toEqual({
      error: { code: 'usage', message: "unknown option '--nope'", advice: 'Its help: nestjs-storage ls --help' },
    });
    const key = await place.run(['get', '--', '--json']);
    expect(key.err).toMatch(/^error: get "--json" on local: there is no such file\n/);
  });
});

describe('settings', () => {
  const none = { STORAGE_BACKEND: undefined, STORAGE_BASE_PATH: undefined, STORAGE_DURABILITY: undefined };

  it('never end in a memory that forgets: what is not configured is told, with what is', async () => {
    const nothing = await place.run(['ls'], { env: none });
    expect([nothing.code, nothing.out]).toEqual([1, '']);
    expect(nothing.err).toBe(
      'error: the storage "default" is not configured: no variable begins with STORAGE_\n' +
        '  Set STORAGE_BACKEND and its settings in the environment, in a .env file here, or with --dotenv.\n',
    );
    const named = await place.run(['ls', '-s', 'user-files'], {
      env: { STORAGE_AVATARS_S3_BUCKET: 'a', STORAGE_OLD_MAX_URL_EXPIRATION: '60', AWS_ACCESS_KEY_ID: 'x' },
    });
    expect(named.code).toBe(1);
    expect(named.err).toContain(
      'the storage "user-files" is not configured: no variable begins with STORAGE_USER_FILES_',
    );
    expect(named.err).toContain('Storages with variables here: avatars, default, old.');
    const links = await place.run(['ls'], { env: { ...none, STORAGE_BASE_URL: 'https://api.example.com' } });
    expect([links.code, links.err]).toEqual([1, expect.stringContaining('name no backend')]);
    const memory = await place.run(['put', '-', 'a'], { env: { ...none, STORAGE_BACKEND: 'memory' }, input: 'x' });
    expect([memory.code, memory.err]).toEqual([0, expect.stringContaining('ends with this command')]);
  });

  it('name storages by prefix', async () => {
    const base = join(place.folder, 'avatars');
    const avatars = { STORAGE_AVATARS_BACKEND: 'local', STORAGE_AVATARS_BASE_PATH: base };
    expect((await place.run(['put', '-', 'a', '-s', 'avatars'], { env: avatars, input: 'x' })).code).toBe(0);
    expect((await place.run(['ls', '-s', 'avatars'], { env: avatars })).out).toBe('a\n');
    expect((await place.run(['ls'], { env: avatars })).out).toBe('');
    const own = { FILES_BACKEND: 'local', FILES_BASE_PATH: base };
    expect((await place.run(['ls', '-s', 'avatars=FILES_'], { env: own })).out).toBe('a\n');
  });

  it('come from .env as @nestjs/config reads it: what the process has wins, then the first file', async () => {
    const folder = await Place.make();
    await writeFile(join(folder.folder, '.env'), `STORAGE_BACKEND=local\nSTORAGE_BASE_PATH="${folder.files}"\n`);
    await writeFile(
      join(folder.folder, 'one.env'),
      'STORAGE_X_BACKEND=local\nSTORAGE_X_BASE_PATH=./one\nthis is no line\n=x\n',
    );
    await writeFile(join(folder.folder, 'two.env'), 'STORAGE_X_BASE_PATH=./two\n');
    expect((await folder.run(['put', '-', 'a'], { env: none, input: 'x' })).code).toBe(0);
    expect(await readdir(folder.files)).toContain('a');
    const files = ['--dotenv', 'one.env', '--dotenv', 'two.env', '-s', 'x'];
    expect((await folder.run(['put', '-', 'b', ...files], { env: none, input: 'x' })).code).toBe(0);
    expect(await readdir(join(folder.folder, 'one'))).toContain('b');
    const wins = { ...none, STORAGE_X_BASE_PATH: join(folder.folder, 'three') };
    expect((await folder.run(['put', '-', 'c', ...files], { env: wins, input: 'x' })).code).toBe(0);
    expect(await readdir(join(folder.folder, 'three'))).toContain('c');
    expect(await readdir(folder.folder)).not.toContain('two');

    await mkdir(join(folder.folder, 'sub'));
    await mkdir(join(folder.folder, 'sub/.env'));
    const broken = await folder.run(['ls', '--dotenv', 'sub/.env'], { env: none });
    expect([broken.code, broken.err]).toEqual([1, expect.stringContaining('"sub/.env" cannot be read (EISDIR)')]);
    await folder.remove();
  });

  it('that are malformed are all told at once, secrets never', async () => {
    const env = {
      STORAGE_BACKEND: 'locla',
      STORAGE_URL_EXPIRATION: 'soon',
      STORAGE_S3_SECRET_KEY: 'the-secret-of-the-bucket',
      STORAGE_S3_ENDPOINT: 'https://user:password@s3.example.com:port',
    };
    const { code, err } = await place.run(['ls', '--verbose'], { env });
    expect(code).toBe(1);
    for (const name of ['STORAGE_BACKEND', 'STORAGE_URL_EXPIRATION', 'STORAGE_S3_ENDPOINT'])
      expect(err).toContain(name);
    expect(err).not.toContain('the-secret-of-the-bucket');
    expect(err).not.toContain('password');
    expect(err).not.toMatch(/^\s+at /m);
  });

  it('tell what stood behind a failure with --verbose, without a stack', async () => {
    await writeFile(join(place.folder, 'plain'), '');
    const env = { STORAGE_BASE_PATH: join(place.folder, 'plain/below') };
    const { code, err } = await place.run(['put', '-', 'a', '--verbose'], { env, input: 'x' });
    expect(code).toBe(1);
    expect(err).toMatch(/\n {2}caused by \w+: /);
    expect(err).not.toMatch(/^\s+at /m);
    const json = await place.run(['put', '-', 'a', '--verbose', '--json'], { env, input: 'x' });
    expect(JSON.parse(json.err)).toMatchObject({ error: { causes: [expect.stringContaining('ENOTDIR')] } });
  });
});

describe('ends early', () => {
  it('quietly, when nobody reads on', async () => {
    await mkdir(join(place.files, 'many'), { recursive: true });
    await Promise.all(Array.from({ length: 3000 }, (_, index) => writeFile(join(place.files, `many/${index}`), '')));
    const child = place.start(['ls', '--recursive', '--json']);
    const result = ended(child);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await result).toMatchObject({ code: 0, err: '' });
    await writeFile(join(place.files, 'large'), Buffer.alloc(4 * 1024 * 1024));
    const get = place.start(['get', 'large']);
    const got = ended(get);
    await once(get.stdout, 'data');
    get.stdout.destroy();
    expect(await got).toMatchObject({ code: 0, err: '' });
  });

  it.each([
    ['SIGINT', 130],
    // What containers send.
    ['SIGTERM', 143],
  ] as const)('at %s in a put with %i: nothing is stored, nothing left', async (signal, code) => {
    await place.run(['put', '-', 'before'], { input: 'x' });
    const before = await staged();
    const child = place.start(['put', '-', 'interrupted.bin']);
    const result = ended(child);
    child.stdin.on('error', () => undefined);
    child.stdin.write(Buffer.alloc(1024 * 1024));
    await until(async () => (await staged()).length > before.length);
    child.kill(signal);
    expect(await result).toEqual({ code, out: '', err: 'Interrupted.\n' });
    expect(await readdir(place.files)).not.toContain('interrupted.bin');
    expect(await staged()).toEqual(before);
  });

  it('without half a file under the name, when get is killed or interrupted on its way', async () => {
    const size = 64 * 1024 * 1024;
    await writeFile(join(place.files, 'huge'), Buffer.alloc(size));
    const parts = async () => (await readdir(place.folder)).filter((name) => name.endsWith('.part'));
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const child = place.start(['get', 'huge', 'huge.bin']);
      const result = ended(child);
      // It grows beside its target: killed once there is something of it.
      await until(async () => (await parts()).length > 0);
      child.kill(signal);
      const { code } = await result;
      expect([signal, code]).toEqual([signal, signal === 'SIGINT' ? 130 : null]);
      expect(await readdir(place.folder)).not.toContain('huge.bin');
      const left = await parts();
      expect(left.length).toBe(signal === 'SIGINT' ? 0 : 1);
      for (const part of left) await rm(join(place.folder, part));
    }
  });

  /** What writes of the local backend keep aside until they are published. */
  async function staged(): Promise<string[]> {
    const all = await readdir(join(place.files, '.nestjs-storage'), { recursive: true, withFileTypes: true });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  }
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; ;) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > end) throw new Error('it did not come to be');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('an output that cannot be written', () => {
  // The kernel's own full disk.
  it.each([['get'], ['ls', '--recursive'], ['--help'], ['completion']])(
    'ends %s with 1 and the reason',
    async (...args) => {
      await mkdir(place.files, { recursive: true });
      await writeFile(join(place.files, 'big'), Buffer.alloc(1024 * 1024));
      const words = { get: ['big'], completion: ['bash'] }[args[0]!] ?? [];
      const full = openSync('/dev/full', 'w');
      const child = spawn(process.execPath, [MAIN, ...args, ...words], {
        cwd: place.folder,
        env: { ...place.env },
        stdio: ['ignore', full, 'pipe'],
      });
      closeSync(full);
      const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')]);
      expect([code, err]).toEqual([1, 'error: cannot write standard output: the disk is full\n']);
    },
  );
});

describe('a reader that is slow', () => {
  it('is waited for, and leaves no listener behind; one that goes ends the wait', async () => {
    const output = new PassThrough({ highWaterMark: 16 });
    const terminal = new Terminal({ input: new PassThrough(), output, error: new PassThrough() });
    let written = 0;
    const writing = (async () => {
      for (; written < 200; written++) await terminal.line(`line ${written}`);
    })();
    await setImmediate();
    expect(written).toBeLessThan(10);
    let read = '';
    for (let looks = 0; read.split('\n').length <= 200 && looks < 10_000; looks++) {
      read += String(output.read() ?? '');
      await setImmediate();
    }
    await writing;
    expect(read.split('\n').slice(0, 200)).toEqual(Array.from({ length: 200 }, (_, index) => `line ${index}`));
    expect(getEventListeners(terminal.outputEnded, 'abort')).toEqual([]);
    const last = terminal.line('x'.repeat(100));
    output.destroy(Object.assign(new Error('gone'), { code: 'EPIPE' }));
    await last;
    expect(terminal.outputEnded.aborted).toBe(true);
    await terminal.line('to nobody');
    await terminal.flush();
  });
});

describe('the file system', () => {
  it('is left as it is by commands that read, also where the path is mistyped', async () => {
    const empty = await Place.make();
    const asked = [['--help'], ['ls'], ['ls', '-r', '--json'], ['get', 'a', 'b'], ['rm', 'a', '--yes']];
    for (const args of asked) await empty.run(args);
    await empty.runProcess(['complete', '--', 'get', '']);
    expect(await readdir(empty.folder)).toEqual([]);
    // Nor does a folder of files become a store by being looked at.
    await mkdir(empty.files);
    await writeFile(join(empty.files, 'a'), 'a');
    for (const args of asked) await empty.run(args.filter((word) => word !== '--yes'));
    await empty.runProcess(['complete', '--', 'get', '']);
    expect(await readdir(empty.files)).toEqual(['a']);
    await empty.remove();
  });
});
