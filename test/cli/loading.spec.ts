/** What commands load: each only its own, and of the library only what it uses. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAIN, Place } from './cli-process.js';

const RECORDER = resolve(import.meta.dirname, '../support/record-modules.mjs');
const VENDORS = /node_modules\/(?:@aws-sdk|@smithy|@google-cloud|google-auth-library|cloudinary)\//;
const NEST = /node_modules\/(?:@nestjs|rxjs|express|multer)\//;

let place: Place;
beforeAll(async () => {
  place = await Place.make();
});
afterAll(() => place.remove());

/** Addresses of everything that the command loaded. */
async function loadedBy(args: string[], env: Record<string, string> = {}): Promise<string[]> {
  const record = join(place.folder, `${args[0]}.txt`);
  const run = promisify(execFile)(process.execPath, ['--import', RECORDER, MAIN, ...args], {
    cwd: place.folder,
    env: { ...place.env, ...env, RECORD_MODULES: record },
  });
  // A command that fails has loaded what it needed, too.
  await run.catch(() => undefined);
  return (await readFile(record, 'utf8')).split('\n');
}

const of = (loaded: readonly string[], part: string | RegExp) =>
  loaded.filter((module) => (typeof part === 'string' ? module.includes(part) : part.test(module)));

describe('the command line loads', () => {
  it('for help nothing of the library', async () => {
    const loaded = await loadedBy(['--help']);
    expect(of(loaded, '/cli/program.js').length).toBeGreaterThan(0);
    for (const part of ['/lib/config/', '/lib/backends/', '/lib/storage.service.js', '/lib/copy/', '/lib/doctor/']) {
      expect([part, of(loaded, part)]).toEqual([part, []]);
    }
  });

  it('for ls nothing of copy, doctor, Nest or any SDK', async () => {
    const loaded = await loadedBy(['ls']);
    expect(of(loaded, '/backends/local/').length).toBeGreaterThan(0);
    for (const part of ['/lib/copy/', '/lib/doctor/', 'cli-progress', '@bomb.sh', VENDORS, NEST]) {
      expect([part, of(loaded, part)]).toEqual([part, []]);
    }
  });

  it.each(['put', 'get'])('for %s nothing that draws, where no terminal shows it', async (command) => {
    await writeFile(join(place.folder, 'a.txt'), 'a');
    const loaded = await loadedBy([command, 'a.txt', command === 'put' ? 'a.txt' : 'b.txt']);
    expect(of(loaded, '/cli/transfer-progress.js').length).toBeGreaterThan(0);
    for (const part of ['/lib/copy/', 'cli-progress', NEST]) expect([part, of(loaded, part)]).toEqual([part, []]);
  });

  it('for copy what copies, and an SDK only where its store is used', async () => {
    const archive = { STORAGE_ARCHIVE_BACKEND: 'local', STORAGE_ARCHIVE_BASE_PATH: join(place.folder, 'archive') };
    const loaded = await loadedBy(['copy', '--from', 'default', '--to', 'archive'], archive);
    expect(of(loaded, '/lib/copy/').length).toBeGreaterThan(0);
    expect(of(loaded, '/lib/doctor/')).toEqual([]);
    expect(of(loaded, VENDORS)).toEqual([]);
    // The control: the record does see an SDK.
    const s3 = { STORAGE_BACKEND: 's3', STORAGE_S3_BUCKET: 'b', STORAGE_S3_ENDPOINT: 'http://127.0.0.1:1' };
    const keys = { STORAGE_S3_ACCESS_KEY: 'k', STORAGE_S3_SECRET_KEY: 's' };
    expect(of(await loadedBy(['url', 'a'], { ...s3, ...keys }), VENDORS).length).toBeGreaterThan(0);
  });
});
