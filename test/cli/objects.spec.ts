/** ls, url, put, get and rm over a local storage. */
import { lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lines, Place, type Ran } from './cli-process.js';

const SECRET = 'a-secret-of-more-than-thirty-two-bytes';
const URLS = { STORAGE_BASE_URL: 'https://api.example.com/files', STORAGE_URL_SECRET: SECRET };

let place: Place;
beforeEach(async () => {
  place = await Place.make();
});
// Kept until the end: a test that fails can be looked at.
const places: Place[] = [];
beforeEach(() => void places.push(place));
afterAll(() => Promise.all(places.map((each) => each.remove())));

const at = (name: string) => join(place.folder, name);
const done = (ran: Ran) => expect({ code: ran.code, err: ran.err }).toEqual({ code: 0, err: '' });
const store = async (...keys: string[]) => {
  for (const key of keys) done(await place.run(['put', '-', '--', key], { input: `text of ${key}` }));
};

describe('put and get', () => {
  it('bring a file there and back, byte for byte, with its type and metadata', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
    await writeFile(at('picture.png'), bytes);
    const put = await place.runProcess(['put', 'picture.png', 'in/', '-m', 'author=ada', '-m', 'note=a=b', '--json']);
    done(put);
    expect(JSON.parse(put.out)).toEqual({
      key: 'in/picture.png',
      size: 70_000,
      contentType: 'image/png',
      etag: expect.any(String),
      lastModified: expect.stringMatching(/^\d{4}-.*Z$/),
      metadata: { author: 'ada', note: 'a=b' },
    });
    const got = await place.runProcess(['get', 'in/picture.png', 'back.png', '--json']);
    done(got);
    expect(JSON.parse(got.out)).toMatchObject({ key: 'in/picture.png', size: 70_000, file: 'back.png' });
    expect(await readFile(at('back.png'))).toEqual(bytes);
  });

  it('take standard input and standard output', async () => {
    done(
      await place.runProcess(['put', '-', 'a.txt', '--type', 'text/x-log', '--cache-control', 'no-store'], {
        input: 'hello',
      }),
    );
    const got = await place.runProcess(['get', 'a.txt']);
    done(got);
    expect(got.out).toBe('hello');
    expect((await place.runProcess(['get', 'a.txt', '-'])).out).toBe('hello');
  });

  it('store nothing over a key that is taken with --no-overwrite', async () => {
    await store('a.txt');
    const again = await place.run(['put', '-', 'a.txt', '--no-overwrite'], { input: 'other' });
    expect(again).toEqual({
      code: 1,
      out: '',
      err:
        'error: put "a.txt" on local: a file with that key already exists\n' +
        '  Choose another key, or leave out --no-overwrite to replace it.\n',
    });
    expect((await place.run(['get', 'a.txt'])).out).toBe('text of a.txt');
  });

  it('get refuses a file that is there before it asks the store, and replaces it with --force', async () => {
    await store('a.txt');
    await writeFile(at('a.txt'), 'mine', { mode: 0o640 });
    const refused = await place.run(['get', 'no/such/key', 'a.txt']);
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: 'error: "a.txt" is there already\n  Replace it with --force.\n',
    });
    done(await place.run(['get', 'a.txt', '.', '--force']));
    expect(await readFile(at('a.txt'), 'utf8')).toBe('text of a.txt');
    expect((await stat(at('a.txt'))).mode & 0o777).toBe(0o640);
  });

  it('get follows a link, writes into a device, and never takes the place of either', async () => {
    await store('a.txt');
    await writeFile(at('real.txt'), 'old');
    await symlink('real.txt', at('link.txt'));
    done(await place.run(['get', 'a.txt', 'link.txt', '-f']));
    expect((await lstat(at('link.txt'))).isSymbolicLink()).toBe(true);
    expect(await readFile(at('real.txt'), 'utf8')).toBe('text of a.txt');
    done(await place.run(['get', 'a.txt', '/dev/null', '--force']));
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('tell what is wrong with a file of this machine, and leave nothing', async () => {
    await store('a.txt');
    await mkdir(at('folder'));
    await writeFile(at('plain'), '');
    const asked: [string[], number, RegExp][] = [
      [['put', 'absent.txt', 'b'], 1, /cannot read "absent\.txt": there is no such file/],
      [['put', 'folder', 'b'], 2, /"folder" is a folder: put stores one file/],
      [['put', '-', 'b/'], 2, /standard input has no name/],
      [['get', 'a.txt', 'absent/b.txt'], 1, /cannot write "absent\/b\.txt": there is no such file or folder/],
      [['get', 'a.txt', 'plain/b.txt'], 1, /cannot write "plain\/b\.txt": a part of the path is no folder/],
      [['get', 'a.txt', '/proc/b.txt'], 1, /cannot write "\/proc\/b\.txt": /],
      [['get', 'a.txt', 'x'.repeat(300)], 1, /the name is too long/],
    ];
    for (const [args, code, message] of asked) {
      const ran = await place.run(args);
      expect([args, ran.code, ran.err]).toEqual([args, code, expect.stringMatching(message)]);
      expect(ran.err).not.toMatch(/^\s+at /m);
    }
    expect((await readdir(place.folder)).sort()).toEqual(['files', 'folder', 'plain']);
    expect(lines(await outOf('ls', '--json'))).toMatchObject([{ key: 'a.txt' }]);
  });

  it('get leaves no file where the object is missing', async () => {
    const ran = await place.run(['get', 'absent', 'here.txt', '--json']);
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(JSON.parse(ran.err)).toEqual({
      error: {
        code: 'not-found',
        operation: 'get',
        key: 'absent',
        backend: 'local',
        message: 'get "absent" on local: there is no such file',
        advice: 'See what is there with: nestjs-storage ls',
      },
    });
    expect(await readdir(place.folder)).not.toContain('here.txt');
  });
});

describe('hostile keys and names', () => {
  it('are refused with exit code 2 and no stack, whatever the command', async () => {
    const keys = ['../escape', 'a/../../b', '/absolute', 'line\nbreak', 'back\\slash', '.nestjs-storage/x', ''];
    for (const key of keys) {
      const ran = await place.run(['put', '-', key], { input: 'x' });
      expect([key, ran.code, ran.out]).toEqual([key, 2, '']);
      expect(ran.err).toMatch(/^error: put .* a key must not|^error: .*must not be empty/);
      expect(ran.err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
      const got = await place.run(['get', key, 'out.txt']);
      expect([key, got.code]).toEqual([key, 2]);
    }
    expect(await readdir(place.folder)).toEqual([]);
  });

  it('that look like options, numbers or words of the parser are taken as they are behind --', async () => {
    const odd = ['-dash', '--json', '-', '0x10', '1e3', 'help', '__proto__', '$(touch pwned)', "it's", 'ünï cødé'];
    await store(...odd.filter((key) => key !== '-'));
    for (const key of odd.filter((each) => each !== '-')) {
      expect([key, await outOf('get', '--', key)]).toEqual([key, `text of ${key}`]);
    }
    await writeFile(at('-file'), 'of a dash');
    done(await place.run(['put', '--', '-file', 'stored']));
    expect(await outOf('get', 'stored')).toBe('of a dash');
    expect(await outOf('get', 'help')).toBe('text of help');
    expect(await readdir(place.folder)).not.toContain('pwned');
  });

  it('cannot drive the terminal: what is unprintable is shown, and JSON has it as it is', async () => {
    const key = 'safe\u202egpj.exe';
    await store(key);
    expect(await outOf('ls')).toBe('safe\\u{202e}gpj.exe\n');
    expect(lines(await outOf('ls', '--json'))).toMatchObject([{ key }]);
  });
});

describe('ls', () => {
  it('shows folders and objects, all objects, sizes, and JSON lines', async () => {
    await store('b.txt', 'docs/1.txt', 'docs/old/2.txt', 'documents.txt');
    expect(await outOf('ls')).toBe('docs/\nb.txt\ndocuments.txt\n');
    expect(await outOf('ls', 'docs/')).toBe('docs/old/\ndocs/1.txt\n');
    expect(await outOf('ls', 'doc')).toBe('docs/\ndocuments.txt\n');
    expect(await outOf('ls', '-r')).toBe('b.txt\ndocs/1.txt\ndocs/old/2.txt\ndocuments.txt\n');
    expect(await outOf('ls', '-r', '--limit', '2')).toBe('b.txt\ndocs/1.txt\n');
    expect(await outOf('ls', 'docs/', '--long')).toMatch(
      /^ {4}folder {24}docs\/old\/\n {7}18B {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}docs\/1\.txt\n$/,
    );
    expect(lines(await outOf('ls', 'doc', '--json'))).toEqual([
      { prefix: 'docs/' },
      { key: 'documents.txt', size: 21, lastModified: expect.any(String), etag: expect.any(String) },
    ]);
  });

  it('says beside an empty answer that there is nothing', async () => {
    expect(await place.run(['ls', 'docs/'])).toEqual({ code: 0, out: '', err: 'There is nothing under "docs/".\n' });
    expect(await place.run(['ls', '--json'])).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('url', () => {
  it('signs links of the app, and says what is not set where it cannot', async () => {
    await store('a.txt');
    const made = await place.run(['url', 'a.txt', '--expires', '15m', '--download', 'b.txt'], { env: URLS });
    done(made);
    expect(made.out).toMatch(/^https:\/\/api\.example\.com\/files\/[\w-]+\/b\.txt\n$/);
    const json = await place.run(['url', 'a.txt', '-e', '90', '--json'], { env: URLS });
    expect(JSON.parse(json.out)).toEqual({ key: 'a.txt', expiresIn: 90, url: expect.stringContaining('/files/') });
    const without = await place.run(['url', 'a.txt']);
    expect([without.code, without.out]).toEqual([1, '']);
    expect(without.err).toContain('no URLs of its own, and STORAGE_BASE_URL and STORAGE_URL_SECRET are not set');
    const half = await place.run(['url', 'a.txt'], { env: { STORAGE_BASE_URL: URLS.STORAGE_BASE_URL } });
    expect(half.err).toContain('and STORAGE_URL_SECRET is not set');
  });

  it('makes what an upload needs', async () => {
    const args = ['url', 'in/a.png', '--upload', '--type', 'image/png', '--max-size', '2mb'];
    const people = await place.run(args, { env: URLS });
    expect(people.code).toBe(0);
    expect(people.out).toMatch(/^PUT https:\/\/api\.example\.com\/files\/\S+\nContent-Type: image\/png\n$/);
    const json = JSON.parse((await place.run([...args, '--json'], { env: URLS })).out) as object;
    expect(json).toMatchObject({ key: 'in/a.png', method: 'PUT', headers: { 'Content-Type': 'image/png' } });
  });

  it('refuses times and combinations that make no sense, with exit code 2', async () => {
    for (const args of [
      ['--expires', 'soon'],
      ['--expires', '-1'],
      ['--expires', '0'],
      ['--expires', '99d'],
      ['--size', '1kb'],
      ['--upload', '--download'],
    ]) {
      const ran = await place.run(['url', 'a.txt', ...args], { env: URLS });
      expect([args, ran.code, ran.out]).toEqual([args, 2, '']);
    }
  });
});

describe('rm', () => {
  it('deletes only with a yes, and tells what became of each key', async () => {
    await store('a.txt', 'b.txt');
    const unasked = await place.run(['rm', 'a.txt']);
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('Say --yes')]);
    expect(await outOf('rm', 'a.txt', '--dry-run')).toBe('would delete  a.txt\n');
    expect(lines(await outOf('rm', 'a.txt', 'absent', '--yes', '--json'))).toEqual([
      { key: 'a.txt', outcome: 'deleted' },
      { key: 'absent', outcome: 'absent' },
    ]);
    expect(await outOf('ls')).toBe('b.txt\n');
  });

  it('takes folders with --recursive, and only folders', async () => {
    await store('user/1/a', 'user/1/b/c', 'user/10/a', 'user/1x');
    for (const args of [
      ['rm', '-r', 'user/1', '-y'],
      ['rm', 'user/1/', '-y'],
    ]) {
      const ran = await place.run(args);
      expect([args, ran.code]).toEqual([args, 2]);
    }
    expect(await outOf('rm', '-r', 'user/1/', '-y')).toBe('deleted  user/1/a\ndeleted  user/1/b/c\n');
    expect(await outOf('ls', '-r')).toBe('user/10/a\nuser/1x\n');
  });

  it('deletes nothing where one of the keys is not valid', async () => {
    await store('a.txt', 'docs/b.txt');
    // As many as go in more than one request.
    const many = Array.from({ length: 1200 }, (_, n) => `absent/${n}`);
    for (const [args, key] of [
      [['a.txt', '../b', '--yes'], '../b'],
      [['a.txt', ...many, 'a//b', '--yes'], 'a//b'],
      [['a.txt', '../b', '--dry-run'], '../b'],
      [['-r', './', '../b/', '--yes'], './'],
      [['-r', 'docs/', 'b//', '--yes'], 'b//'],
    ] as const) {
      const ran = await place.run(['rm', ...args]);
      expect([key, ran.code, ran.out]).toEqual([key, 2, '']);
      expect(ran.err).toMatch(/^error: delete "/);
      expect(ran.err).toContain(JSON.stringify(key));
    }
    expect(await outOf('ls', '-r')).toBe('a.txt\ndocs/b.txt\n');
  });
});

describe('a store that refuses', () => {
  it('ends the command with 1 and its reason, and no path of the server', async () => {
    await writeFile(at('occupied'), '');
    const ran = await place.run(['ls'], { env: { STORAGE_BASE_PATH: at('occupied') } });
    expect([ran.code, ran.out]).toEqual([1, '']);
    expect(ran.err).toMatch(/^error: /);
    expect(ran.err).not.toContain(place.folder);
  });
});

async function outOf(...args: string[]): Promise<string> {
  const { out, err, code } = await place.run(args);
  expect([args, code, err]).toEqual([args, 0, '']);
  return out;
}
