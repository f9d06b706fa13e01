/** What the doctor wrote goes again, whatever becomes of the write, the delete and whoever listens; else it is named. */
import { afterEach, describe, expect, it } from '@jest/globals';
import fs from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { StorageUnavailableError } from '../../lib/contract/index.js';
import { diagnoseStorage, type Diagnosis, type DiagnosisStep } from '../../lib/doctor/index.js';
import { expectCause, failedStep } from './diagnosed.js';
import { folder, listening, local, putAway, s3, urls } from './set-ups.js';
import { SmallS3, type Before } from './small-s3.js';

afterEach(putAway);

const KEY = /^\.storage-doctor-[0-9a-f]{32}\/(?:check|upload)\.bin$/;

const step = ({ steps }: Diagnosis, id: string): DiagnosisStep | undefined => steps.find((one) => one.id === id);
const keysOf = async (backend: MemoryBackend) =>
  (await backend.list({ prefix: '', limit: 10 })).objects.map(({ key }) => key);
const isWrite = ({ method }: IncomingMessage) => method === 'PUT';
const isLink = ({ url }: IncomingMessage) => url!.includes('X-Amz-Signature');
const keyIn = ({ url }: IncomingMessage) => url!.split('?')[0]!.split('/').slice(2).join('/');

async function onS3(before: Before, timeout = 0.6): Promise<{ diagnosis: Diagnosis; store: SmallS3 }> {
  const store = new SmallS3(before);
  const set = s3(`http://${await listening(store.server)}`, { timeout });
  return { diagnosis: await diagnoseStorage({ ...set, s3: { ...set.s3, maxAttempts: 1 } }), store };
}

/** Stores what it is sent only after so many milliseconds, whether or not anybody waits for it. */
function late(wanted: (request: IncomingMessage) => boolean, milliseconds: number): Before {
  return async (request, store, response) => {
    if (!isWrite(request) || !wanted(request)) return false;
    const body = await buffer(request);
    await sleep(milliseconds);
    store.objects.set(keyIn(request), body);
    response.writeHead(200, { etag: '"late"' }).end();
    return true;
  };
}

describe('a write slower than the limit of its step', () => {
  it('that goes on in this process is waited for and deleted', async () => {
    const backend = new MemoryBackend();
    const stage = backend.stage.bind(backend);
    backend.stage = async (key, body, options) => {
      // As a library that listens to no signal.
      const staged = await stage(key, body, { ...options, signal: undefined });
      const commit = async () => {
        await sleep(1300);
        return staged.commit();
      };
      return { info: staged.info, commit, abort: async () => staged.abort() };
    };
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls, timeout: 1.2 });
    expectCause(diagnosis, 'write', /no answer/);
    expect(step(diagnosis, 'delete')).toMatchObject({ outcome: 'passed', detail: 'nothing is left' });
    await sleep(300);
    expect(await keysOf(backend)).toEqual([]);
  });

  it.each([
    ['write', (request: IncomingMessage) => !isLink(request)],
    ['upload-url', isLink],
  ] as const)('and that a store ends behind the back of %s is deleted', async (id, wanted) => {
    const { diagnosis, store } = await onS3(late(wanted, 1300), 1.2);
    expectCause(diagnosis, id, /no answer/);
    expect(step(diagnosis, 'delete')).toMatchObject({ outcome: 'passed', detail: 'nothing is left' });
    await sleep(300);
    expect([...store.objects.keys()]).toEqual([]);
  });

  it('and than all patience is named', async () => {
    const { diagnosis, store } = await onS3(late(() => true, 2500));
    expectCause(diagnosis, 'write', /no answer/);
    await sleep(2500);
    const [key] = [...store.objects.keys()];
    expect(key).toMatch(KEY);
    expect(step(diagnosis, 'delete')).toMatchObject({
      outcome: 'warned',
      detail: `may be left: ${key}`,
      cause: expect.stringMatching(/^Nobody answered whether the object was stored/),
      advice: expect.stringMatching(/Look for it in a while, and delete it/),
    });
  });
});

describe('a write of which nobody knows what became', () => {
  it('is named though it was found and deleted, while what writes still runs and may write again', async () => {
    const backend = new MemoryBackend();
    const stage = backend.stage.bind(backend);
    backend.stage = async (key, body, options) => {
      const staged = await stage(key, body, { ...options, signal: undefined });
      const commit = async () => {
        await staged.commit();
        return new Promise<never>(() => undefined);
      };
      return { info: staged.info, commit, abort: async () => staged.abort() };
    };
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls, timeout: 0.3 });
    expectCause(diagnosis, 'write', /no answer/);
    expect(await keysOf(backend)).toEqual([]);
    expect(step(diagnosis, 'delete')).toMatchObject({
      outcome: 'warned',
      detail: expect.stringMatching(/^may be left: \.storage-doctor-/),
    });
  });

  it('and that cannot be deleted is named, with the reason', async () => {
    const { diagnosis } = await onS3((request) => {
      if (isWrite(request)) return true;
      if (request.method === 'HEAD' && keyIn(request) !== '') request.socket.destroy();
      return false;
    });
    expectCause(diagnosis, 'write', /no answer/);
    expect(step(diagnosis, 'delete')).toMatchObject({
      outcome: 'warned',
      detail: expect.stringMatching(/^may be left: \.storage-doctor-[0-9a-f]{32}\/check\.bin$/),
      cause: expect.stringMatching(/^Nobody answered .* (?:.*hang up|.*closed the connection)/),
    });
  });

  it('but that broke is looked for, and named only where it may land yet', async () => {
    const backend = new MemoryBackend();
    const details = { operation: 'put', backend: 'memory', reason: 'the answer was lost' } as const;
    const stage = backend.stage.bind(backend);
    backend.stage = async (...args) => {
      const staged = await stage(...args);
      const commit = async () => {
        await staged.commit();
        throw new StorageUnavailableError(details);
      };
      return { info: staged.info, commit, abort: async () => staged.abort() };
    };
    const diagnosis = await diagnoseStorage({ env: {}, backend, urls, timeout: 1 });
    expectCause(diagnosis, 'write', /The answer was lost/);
    expect(step(diagnosis, 'delete')).toMatchObject({ outcome: 'passed', detail: 'nothing is left' });
    expect(await keysOf(backend)).toEqual([]);
  });

  it('is none where the store said no', async () => {
    const { diagnosis } = await onS3((request, _, response) => {
      if (!isWrite(request)) return false;
      response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
      return true;
    }, 10);
    expectCause(diagnosis, 'write', /lack a right: s3:PutObject/);
    expect(step(diagnosis, 'delete')).toMatchObject({ outcome: 'skipped', detail: 'nothing was stored' });
    expect(diagnosis.seconds).toBeLessThan(2);
  });
});

describe('whoever listens and throws', () => {
  it.each(['write', 'read', 'list', 'delete'])('at %s is told, and nothing is left', async (at) => {
    const backend = new MemoryBackend();
    const slip = new Error('a slip of the listener');
    const onStep = ({ id }: DiagnosisStep) => {
      if (id === at) throw slip;
    };
    await expect(diagnoseStorage({ env: {}, backend, urls, onStep })).rejects.toBe(slip);
    expect(await keysOf(backend)).toEqual([]);
  });

  it('on a folder that is not there yet leaves no folder', async () => {
    const above = await folder();
    const onStep = () => {
      throw new Error('a slip of the listener');
    };
    const seen: string[] = [];
    const later = ({ id }: DiagnosisStep) => (seen.push(id), id === 'write' && onStep());
    const options = await local({ local: { root: `${above}/deep` }, onStep: (one) => void later(one) });
    await expect(diagnoseStorage(options)).rejects.toThrow('a slip');
    expect(seen.slice(-2)).toEqual(['write', 'delete']);
    expect(await fs.readdir(above)).toEqual([]);
  });
});

describe('a delete that takes too long', () => {
  it('names every key that is not known to be gone', async () => {
    const { diagnosis, store } = await onS3(({ method }) => method === 'DELETE', 1);
    expectCause(diagnosis, 'delete', /There was no answer from http:\/\/127\.0\.0\.1:\d+ within 1 seconds/);
    const left = [...store.objects.keys()];
    expect(left).toEqual([expect.stringMatching(KEY), expect.stringMatching(KEY)]);
    expect(failedStep(diagnosis).detail).toBe(`may be left: ${left.join(', ')}`);
  });

  it('does not keep the diagnosis from ending', async () => {
    let silent = false;
    const { diagnosis } = await onS3((request) => (silent ||= isWrite(request)), 0.6);
    expect(step(diagnosis, 'write')).toMatchObject({ outcome: 'failed' });
    expect(step(diagnosis, 'delete')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringMatching(/^may be left: \.storage-doctor-/),
    });
    expect(diagnosis.seconds).toBeLessThan(5);
  });
});
