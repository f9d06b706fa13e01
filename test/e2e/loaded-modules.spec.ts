import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const VENDORS = /node_modules\/(?:@aws-sdk|@smithy|@google-cloud|google-auth-library|cloudinary)\//;
const OPTIONAL_PEERS = /node_modules\/@nestjs\/(?:terminus|config|platform-fastify|swagger)\//;
const FASTIFY = /node_modules\/(?:fastify|@fastify\/|@nestjs\/platform-fastify)\b/;
const EXPRESS = /node_modules\/(?:express|@nestjs\/platform-express)\//;
/** What only the command line needs. */
const COMMANDS = /\/lib\/(?:cli|doctor|copy)\/|node_modules\/(?:commander|@bomb\.sh|cli-progress|dotenv)\//;
const HTTP = /node_modules\/(?:express|multer|busboy|@nestjs\/platform-express)\//;

const LIBRARY = new URL('../../node_modules/.cache/nestjs-storage/lib/', import.meta.url).href;

interface Started {
  readonly text: string;
  readonly backend: string;
  /** Addresses and paths of everything that was loaded. */
  readonly loaded: readonly string[];
}

let folder: string;

async function start(mode: 'http' | 'fastify' | 'context'): Promise<Started> {
  const record = join(folder, `${mode}.txt`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', './test/support/record-modules.mjs', './test/support/local-app.mjs', mode],
    {
      env: {
        PATH: process.env.PATH,
        RECORD_MODULES: record,
        LIBRARY,
        STORAGE_BACKEND: 'local',
        STORAGE_BASE_PATH: join(folder, mode),
      },
    },
  );
  const { commonJs, ...answer } = JSON.parse(stdout);
  return { ...answer, loaded: [...(await readFile(record, 'utf8')).split('\n'), ...commonJs] };
}

describe('an app on local storage', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestjs-storage-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('starts, stores and serves without loading any vendor SDK or optional peer', async () => {
    const { text, backend, loaded } = await start('http');
    expect({ text, backend }).toEqual({ text: 'hello', backend: 'local' });
    expect(loaded.some((module) => module.includes('backends/local/local.backend.js'))).toBe(true);
    expect(loaded.some((module) => HTTP.test(module))).toBe(true);
    expect(loaded.filter((module) => VENDORS.test(module) || OPTIONAL_PEERS.test(module))).toEqual([]);
    expect(loaded.filter((module) => FASTIFY.test(module))).toEqual([]);
    expect(loaded.filter((module) => COMMANDS.test(module))).toEqual([]);
  });

  it('loads nothing of Express on Fastify', async () => {
    const { text, loaded } = await start('fastify');
    expect(text).toBe('hello');
    expect(loaded.some((module) => FASTIFY.test(module))).toBe(true);
    expect(loaded.filter((module) => EXPRESS.test(module) || VENDORS.test(module))).toEqual([]);
  });

  it('loads nothing of HTTP where the app has no HTTP', async () => {
    const { text, loaded } = await start('context');
    expect(text).toBe('hello');
    expect(loaded.filter((module) => HTTP.test(module) || VENDORS.test(module))).toEqual([]);
  });

  it('is diagnosed without loading Nest or any vendor SDK', async () => {
    const record = join(folder, 'doctor.txt');
    const options = { env: { STORAGE_BACKEND: 'local', STORAGE_BASE_PATH: join(folder, 'diagnosed') } };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', './test/support/record-modules.mjs', './test/real/cli/doctor-child.mjs', JSON.stringify(options)],
      { env: { PATH: process.env.PATH, RECORD_MODULES: record, LIBRARY } },
    );
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, backend: 'local' });
    const loaded = (await readFile(record, 'utf8')).split('\n');
    expect(loaded.some((module) => module.includes('doctor/diagnose-storage.js'))).toBe(true);
    expect(loaded.filter((module) => /node_modules\/@nestjs\//.test(module) || VENDORS.test(module))).toEqual([]);
  });
});
