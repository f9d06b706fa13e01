/** The doctor on set-ups that need no server of their own: what it names, what it leaves alone, what it leaves behind. */
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { StorageError } from '../../lib/contract/index.js';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { diagnoseStorage, DIAGNOSIS_STEPS, type DiagnoseOptions, type DiagnosisStep } from '../../lib/doctor/index.js';
import { createStorage } from '../../lib/create-storage.js';
import { expectCause, expectGood, expectNoSecret, failedStep, tell, URL_SECRET } from './diagnosed.js';
import { appOn, BROKEN, folder, freedPort, listening, local, putAway, s3, S3_SECRET, urls } from './set-ups.js';

afterEach(putAway);

const SECRETS = [URL_SECRET, S3_SECRET, 'an-access-key-id', 'only-one-part', 'too-short', 'token=x', 'cut off'];

async function leftIn(root: string | undefined): Promise<string[]> {
  if (root === undefined) return [];
  const names = await fs.readdir(root, { recursive: true }).catch(() => []);
  return names.filter((name) => /doctor|\/tmp\/./.test(name));
}

const WRITE_STEPS = ['write', 'read', 'range', 'list'];

describe('a broken set-up', () => {
  it.each(BROKEN)('%s: fails at %s and says %s', async (_, id, cause, make) => {
    const options = await make();
    const diagnosis = await diagnoseStorage(options);
    expectCause(diagnosis, id, cause);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftIn(options.local?.root)).toEqual([]);
  });

  afterAll(() => tell(`${BROKEN.length} broken set-ups without a server of their own`));
});

describe('a good set-up', () => {
  let count = 0;
  afterEach(() => void count++);
  afterAll(() => tell(`${count} good set-ups without a server of their own`));

  it('on local passes, with links that an app serves', async () => {
    const root = await folder();
    const diagnosis = await diagnoseStorage(
      await local({ local: { root }, urls: { ...urls, baseUrl: await appOn(root) } }),
    );
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'url', 'upload-url', 'delete']);
    expectNoSecret(diagnosis, SECRETS);
    expect(await leftIn(root)).toEqual([]);
    const storage = await createStorage({ env: {}, backend: 'local', local: { root } });
    expect(await storage.listKeys()).toEqual([]);
    await storage.close();
  });

  it('on local passes where the folder is not there yet, and does not make it', async () => {
    const above = await folder();
    const diagnosis = await diagnoseStorage(await local({ local: { root: join(above, 'deep/uploads') } }));
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'delete']);
    expect(await fs.readdir(above)).toEqual([]);
  });

  it('of its own prefix, name, strict keys and a tenant scope passes', async () => {
    const root = await folder();
    const env = { STORAGE_DOCS_BACKEND: 'local', STORAGE_DOCS_BASE_PATH: root, STORAGE_URL_SECRET: URL_SECRET };
    const diagnosis = await diagnoseStorage({
      env,
      envPrefix: 'STORAGE_DOCS_',
      name: 'docs',
      strictKeys: true,
      maxFileSize: 100,
      scope: () => undefined,
    });
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'space', ...WRITE_STEPS, 'delete']);
    expect(diagnosis).toMatchObject({
      storage: 'docs',
      backend: 'local',
      reason: 'STORAGE_DOCS_BACKEND says so',
      steps: expect.arrayContaining([expect.objectContaining({ id: 'write', detail: '100 bytes' })]),
    });
    expectNoSecret(diagnosis, SECRETS);
  });

  it('in memory passes, and says why its links are not tried', async () => {
    const diagnosis = await diagnoseStorage({ env: { STORAGE_BACKEND: 'memory' }, urls });
    expectGood(diagnosis, ['settings', 'backend', ...WRITE_STEPS, 'delete']);
    expect(diagnosis.steps.find(({ id }) => id === 'url')).toMatchObject({
      outcome: 'skipped',
      detail: expect.stringMatching(/seen by the process that wrote them alone/),
    });
  });

  it('of a backend that was handed in passes, and the backend stays open', async () => {
    const backend = new MemoryBackend();
    let closed = 0;
    backend.close = async () => void closed++;
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls });
    expectGood(diagnosis, ['settings', 'backend', 'access', ...WRITE_STEPS, 'delete']);
    expect(closed).toBe(0);
    expect((await backend.list({ prefix: '', limit: 10 })).objects).toEqual([]);
  });

  it('in production of an app without signed routes passes without their secret', async () => {
    const backend = new MemoryBackend();
    const diagnosis = await diagnoseStorage({ env: { NODE_ENV: 'production' }, backend, signedRoutes: false });
    expectGood(diagnosis, ['settings', 'backend', 'access', ...WRITE_STEPS, 'delete']);
    expect(diagnosis.steps.find(({ id }) => id === 'url')).toMatchObject({
      detail: 'the store makes no links, and the app has no signed routes',
    });
  });

  it('that is read-only passes by reading what is there, and changes nothing', async () => {
    const root = await folder();
    const writer = await createStorage({ env: {}, backend: 'local', local: { root } });
    await writer.put('report.txt', 'what was there before');
    const baseUrl = await appOn(root);
    const diagnosis = await diagnoseStorage(
      await local({ local: { root }, readOnly: true, urls: { ...urls, baseUrl } }),
    );
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'read', 'range', 'list', 'url']);
    expect(await writer.listKeys()).toEqual(['report.txt']);
    await writer.close();
  });

  it('that is read-only and empty passes, with nothing to try', async () => {
    const diagnosis = await diagnoseStorage(await local({ readOnly: true }));
    expectGood(diagnosis, ['settings', 'backend', 'folder', 'list']);
  });
});

describe('what works and is likely not meant', () => {
  it.each<readonly [string, DiagnoseOptions, string, RegExp]>([
    ['the fallback to memory', { env: {}, urls }, 'settings', /kept in memory and are lost/],
    ['a generated URL secret', { env: { STORAGE_BACKEND: 'memory' } }, 'backend', /STORAGE_URL_SECRET is not set/],
    [
      'a default expiry over the maximum',
      { env: { STORAGE_BACKEND: 'memory', STORAGE_URL_EXPIRATION: '2592000' }, urls },
      'settings',
      /live for 2592000 seconds, over the maximum of 604800/,
    ],
    [
      'links to this machine in production',
      {
        env: { STORAGE_BACKEND: 'memory', NODE_ENV: 'production', STORAGE_BASE_URL: 'http://localhost:3000/files' },
        urls,
      },
      'settings',
      /lead to this machine itself/,
    ],
  ])('is a warning: %s', async (_, options, id, cause) => {
    const { ok, steps } = await diagnoseStorage(options);
    const warned = steps.filter(({ outcome }) => outcome === 'warned');
    expect(warned).toEqual([expect.objectContaining({ id, cause: expect.stringMatching(cause) })]);
    expect(warned[0]!.advice).toMatch(/\w/);
    expect(ok).toBe(true);
  });

  it('is a warning: variables of two backends', async () => {
    const CLOUDINARY_URL = 'cloudinary://key-of-it:secret-of-it@cloud';
    const diagnosis = await diagnoseStorage({
      env: { RAILWAY_VOLUME_MOUNT_PATH: await folder(), CLOUDINARY_URL },
      urls,
    });
    expect(diagnosis).toMatchObject({ ok: true, backend: 'local' });
    expect(diagnosis.steps[0]).toMatchObject({
      outcome: 'warned',
      cause: expect.stringMatching(/Variables of other backends are set too: cloudinary \(CLOUDINARY_URL\)/),
      advice: expect.stringMatching(/Set STORAGE_BACKEND/),
    });
    expectNoSecret(diagnosis, ['key-of-it', 'secret-of-it']);
  });
});

describe('the guide', () => {
  it('lists every step, in order, and names causes at steps that there are', async () => {
    const guide = await fs.readFile(join(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
    const [tried, named] = ['## What it tries', '## What it names'].map((heading) =>
      [
        ...guide
          .slice(guide.indexOf(heading))
          .split(/^## /m)[1]!
          .matchAll(/^\| `([\w-]+)` /gm),
      ].map(([, id]) => id),
    );
    expect(tried).toEqual(DIAGNOSIS_STEPS);
    const ids: readonly string[] = DIAGNOSIS_STEPS;
    expect(named!.length).toBeGreaterThan(10);
    expect(named!.map((id) => ids.indexOf(id!))).toEqual(named!.map((id) => ids.indexOf(id!)).sort((a, b) => a - b));
    expect(named!.every((id) => ids.includes(id!))).toBe(true);
  });
});

describe('a diagnosis', () => {
  it('tells each step as it ends, in order, with its time', async () => {
    const seen: DiagnosisStep[] = [];
    const diagnosis = await diagnoseStorage(await local({ onStep: (step) => void seen.push(step) }));
    expect(seen).toEqual(diagnosis.steps);
    const order = seen.map(({ id }) => DIAGNOSIS_STEPS.indexOf(id));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    for (const { seconds, title } of seen) {
      expect(seconds).toBeGreaterThanOrEqual(0);
      expect(title).toMatch(/^[A-Z]/);
    }
    expect(diagnosis.seconds).toBeGreaterThan(0);
  });

  it('skips what stands on a failed step and says on which', async () => {
    const diagnosis = await diagnoseStorage(s3(`http://${await freedPort()}`));
    const after = diagnosis.steps.slice(diagnosis.steps.indexOf(failedStep(diagnosis)) + 1);
    expect(after.map(({ id }) => id)).toContain('write');
    for (const { id, outcome, detail } of after) {
      expect(outcome).toBe('skipped');
      expect(detail).toBe(id === 'delete' ? 'nothing was written' : 'not tried, since "Reach the store" failed');
    }
  });

  it.each(['write', 'read', 'list', 'url'])('that is stopped after %s removes what it wrote', async (last) => {
    const root = await folder();
    const stop = new AbortController();
    const diagnosis = await diagnoseStorage(
      await local({
        local: { root },
        signal: stop.signal,
        onStep: ({ id }) => {
          if (id === last) stop.abort();
        },
      }),
    );
    expect(diagnosis.ok).toBe(false);
    const at = diagnosis.steps.findIndex(({ id }) => id === last);
    const after = diagnosis.steps.slice(at + 1);
    expect(after.at(-1)).toMatchObject({ id: 'delete', outcome: 'passed' });
    expect(new Set(after.slice(0, -1).map(({ detail }) => detail))).toEqual(new Set(['the diagnosis was stopped']));
    expect(await leftIn(root)).toEqual([]);
  });

  it('that is stopped while a store is silent ends at once', async () => {
    const silent = await listening(net.createServer());
    const began = performance.now();
    const diagnosis = await diagnoseStorage(s3(`http://${silent}`, { signal: AbortSignal.timeout(200), timeout: 60 }));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(diagnosis.ok).toBe(false);
    expect(diagnosis.steps.every(({ outcome }) => outcome !== 'failed')).toBe(true);
  });

  it('removes what it wrote where the store loses it in between', async () => {
    const backend = new MemoryBackend();
    backend.open = async () => Promise.reject(new Error('the connection to secret-of-it broke'));
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls: { secret: URL_SECRET } });
    expectCause(diagnosis, 'read', /connection to secret-of-it broke/);
    expect(diagnosis.steps.at(-1)).toMatchObject({ id: 'delete', outcome: 'passed' });
    expect((await backend.list({ prefix: '', limit: 10 })).objects).toEqual([]);
  });

  it('tells the words beneath an error of which the storage knows no reason', async () => {
    const backend = new MemoryBackend();
    const cause = new Error('EWHATEVER: something of the disk');
    const details = { operation: 'put', backend: 'memory', reason: 'the store refused the request', cause } as const;
    backend.stage = async () => Promise.reject(new StorageError(details));
    expectCause(
      await diagnoseStorage({ env: {}, backend, urls }),
      'write',
      /^The store refused the request: EWHATEVER: something of the disk\.$/,
    );
  });

  it.each([
    ['strong', 'failed'],
    ['eventual', 'passed'],
  ] as const)('that finds no trace in a listing of %s consistency has %s', async (consistency, outcome) => {
    const backend = new MemoryBackend();
    Object.defineProperty(backend, 'capabilities', { value: { ...backend.capabilities, consistency } });
    backend.list = async () => ({ objects: [], prefixes: [] });
    const { steps } = await diagnoseStorage({ env: {}, backend, urls });
    expect(steps.find(({ id }) => id === 'list')).toMatchObject({ outcome });
  });

  it('tells no secret, whatever the words of the store hold', async () => {
    const PASSWORD = 'p%40ssword-of-the-proxy';
    const backend = new MemoryBackend();
    const link = `https://user:${PASSWORD}@bucket.example.com/a?X-Amz-Credential=abc&X-Amz-Signature=0123abcd`;
    const words = `${S3_SECRET} of an-access-key-id, ${URL_SECRET}, private-key-of-google, apisecretofcloud, ${link}`;
    backend.open = async () => Promise.reject(new Error(words));
    const diagnosis = await diagnoseStorage({
      env: { CLOUDINARY_URL: 'cloudinary://apikeyofcloud:apisecretofcloud@cloud' },
      backend,
      urls: { secret: [URL_SECRET] },
      s3: { credentials: { accessKeyId: 'an-access-key-id', secretAccessKey: S3_SECRET } },
      gcs: { credentials: JSON.stringify({ client_email: 'a@b', private_key: 'private-key-of-google' }) },
    });
    const hidden = [PASSWORD, 'X-Amz-Signature', '0123abcd', 'private-key-of-google', 'apisecretofcloud'];
    expectNoSecret(diagnosis, [...SECRETS, ...hidden]);
    expect(failedStep(diagnosis).cause).toBe('**** of ****, ****, ****, ****, https://****@bucket.example.com/a?****.');
  });

  it('names what it could not delete', async () => {
    const backend = new MemoryBackend();
    backend.delete = async () => Promise.reject(new Error('deletes are off'));
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls });
    expectCause(diagnosis, 'delete', /Deletes are off/);
    const left = (await backend.list({ prefix: '', limit: 10 })).objects.map(({ key }) => key);
    expect(left).toEqual([expect.stringMatching(/^\.storage-doctor-[0-9a-f]{32}\/check\.bin$/)]);
    expect(failedStep(diagnosis).detail).toBe(`left behind: ${left[0]}`);
  });
});
