/** Completion: what is offered, what never is, and a real bash that sources the script. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAIN, Place } from './cli-process.js';

const SHELLS = ['bash', 'zsh', 'fish', 'powershell'];
// A shell would run them when the line is entered.
const DANGEROUS = ['$(touch pwned)', '`touch pwned`', 'a;touch pwned', 'a b', "quote'd", 'glob*'];

let place: Place;
beforeAll(async () => {
  place = await Place.make();
  await mkdir(join(place.files, 'docs/2026'), { recursive: true });
  await mkdir(join(place.files, 'risky'), { recursive: true });
  const names = ['docs/2026/report.pdf', 'docs/2026/result.pdf', 'image.png', 'risky/plain', 'risky/übersicht.txt'];
  for (const name of [...names, ...DANGEROUS.map((each) => `risky/${each}`)])
    await writeFile(join(place.files, name), '');
  await writeFile(join(place.folder, 'upload.me'), 'kept');
});
afterAll(() => place.remove());

/** What follows the words, without descriptions. */
async function offered(words: string[], env = {}): Promise<string[]> {
  const { code, out } = await place.runProcess(['complete', '--', ...words], { env });
  expect(code).toBe(0);
  const rows = out.trimEnd().split('\n');
  expect(rows.at(-1)).toBe(':4');
  return rows.slice(0, -1).map((row) => row.split('\t')[0]!);
}

describe('completion', () => {
  it('offers commands and options', async () => {
    expect(await offered([''])).toEqual(
      expect.arrayContaining(['doctor', 'copy', 'ls', 'url', 'put', 'get', 'rm', 'completion']),
    );
    expect(await offered(['do'])).toEqual(['doctor']);
    expect(await offered(['copy', '--de'])).toEqual(['--delete-extra']);
  });

  it('offers the storages of the environment', async () => {
    const env = { STORAGE_ARCHIVE_S3_BUCKET: 'b', STORAGE_USER_FILES_BACKEND: 'memory' };
    expect(await offered(['ls', '--storage', ''], env)).toEqual(['archive', 'default', 'user-files']);
    expect(await offered(['copy', '--from', 'default', '--to', 'a'], env)).toEqual(['archive']);
  });

  it('offers keys where they are read, and goes into a folder that is the only match', async () => {
    expect(await offered(['get', ''])).toEqual(['docs/', 'risky/', 'image.png']);
    expect(await offered(['url', 'do'])).toEqual(['docs/2026/report.pdf', 'docs/2026/result.pdf']);
    expect(await offered(['ls', 'im'])).toEqual(['image.png']);
    expect(await offered(['put', 'up'])).toEqual(['upload.me']);
  });

  it('offers no keys to rm, nor what a shell would run or split', async () => {
    expect(await offered(['rm', ''])).toEqual([]);
    expect(await offered(['rm', '-r', 'do'])).toEqual([]);
    expect(await offered(['get', 'risky/'])).toEqual(['risky/plain', 'risky/übersicht.txt']);
  });

  it('says nothing where the store does not answer or is not configured', async () => {
    expect(await offered(['get', ''], { STORAGE_BACKEND: undefined, STORAGE_BASE_PATH: undefined })).toEqual([]);
    expect(await offered(['get', ''], { STORAGE_BACKEND: 'locla' })).toEqual([]);
    // A store that takes the connection and never answers.
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const s3 = { STORAGE_BACKEND: 's3', STORAGE_S3_BUCKET: 'b', STORAGE_S3_ENDPOINT: `http://127.0.0.1:${port}` };
    const began = Date.now();
    expect(await offered(['get', ''], { ...s3, STORAGE_S3_ACCESS_KEY: 'k', STORAGE_S3_SECRET_KEY: 's' })).toEqual([]);
    expect(Date.now() - began).toBeGreaterThan(1900);
    expect(Date.now() - began).toBeLessThan(10_000);
    silent.close();
  });

  it('comes as a script for each shell', async () => {
    for (const shell of SHELLS) {
      const { code, out } = await place.runProcess(['completion', shell]);
      expect([shell, code, out]).toEqual([shell, 0, expect.stringMatching(/nestjs-storage complete '?--/)]);
    }
    expect((await place.run(['completion', 'tcsh'])).code).toBe(2);
  });

  it('says beside each what it is', async () => {
    const env = { STORAGE_ARCHIVE_S3_BUCKET: 'b' };
    const told = async (words: string[]) => (await place.runProcess(['complete', '--', ...words], { env })).out;
    expect(await told(['get', ''])).toBe('docs/\tfolder\nrisky/\tfolder\nimage.png\t0B\n:4\n');
    expect(await told(['put', ''])).toBe('files/\tfolder\nupload.me\tfile\n:4\n');
    expect(await told(['ls', '-s', ''])).toBe('archive\tSTORAGE_ARCHIVE_…\ndefault\tSTORAGE_…\n:4\n');
  });

  it('works in bash, up to the cursor, and runs nothing of the line', async () => {
    const { out: script } = await place.runProcess(['completion', 'bash']);
    const bash = `
      nestjs-storage() { '${process.execPath}' '${MAIN}' "$@"; }
      ${script}
      try() { COMP_LINE=$1; COMP_POINT=\${2:-\${#1}}; __nestjs_storage_complete; echo "\${COMPREPLY[*]}"; }
      try 'nestjs-storage ge'
      try 'nestjs-storage get docs/'
      try 'nestjs-storage get risky/'
      try 'nestjs-storage get  im behind the cursor' 22
      try 'nestjs-storage get im '
      try 'nestjs-storage ls --storage=de'
      COMP_WORDBREAKS=' ' try 'nestjs-storage ls --storage=de'
      try 'nestjs-storage get im $(touch pwned) \`touch pwned\` ; touch pwned'
      try 'nestjs-storage get image.png > upload.me --st'
    `;
    const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', bash], { cwd: place.folder, env: place.env });
    expect(stdout.split('\n').map((row) => row.split(/\s+/))).toEqual([
      ['get'],
      ['docs/2026/report.pdf', 'docs/2026/result.pdf'],
      ['risky/plain', 'risky/übersicht.txt'],
      ['image.png'],
      ['files/', 'upload.me'],
      ['default'],
      ['--storage=default'],
      [''],
      ['--storage'],
      [''],
    ]);
    expect(await readdir(place.folder)).not.toContain('pwned');
    expect(await readFile(join(place.folder, 'upload.me'), 'utf8')).toBe('kept');
  });
});
