/** The GCS driver's reads, errors, health check and signatures. */
import { execFile } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { another, backend, content, failure, KEY, put, read, server, useServer } from './driver-bench.js';
import { BUCKET, CHUNK, KIB, MIB } from './gcs.js';

useServer();

describe('reading', () => {
  it('tells bytes that changed on the way, and a connection that broke', async () => {
    await put(content(300 * KIB));
    server.faults.next(/alt=media/, 'corrupt');
    const changed = await failure(read());
    expect(changed.code).toBe('checksum-mismatch');
    server.faults.next(/alt=media/, 'cut');
    expect((await failure(read())).code).toBe('unavailable');
    expect((await read()).equals(content(300 * KIB))).toBe(true);
  });

  it('lets go of sockets whose body is left unread, and of those of an aborted read', async () => {
    await put(content(3 * MIB));
    const opened = await Promise.all(Array.from({ length: 10 }, () => backend.open(KEY)));
    for (const { body } of opened) body.destroy();
    const stop = new AbortController();
    const { body } = await backend.open(KEY, { signal: stop.signal });
    setImmediate(() => stop.abort());
    expect((await failure(buffer(body))).code).toBe('aborted');
    for (let wait = 0; server.openSockets > 2 && wait < 50; wait++) await pause(20);
    expect(server.openSockets).toBeLessThanOrEqual(2);
    await backend.close();
    // What is left is the auth library's own, to the token endpoint.
    for (let wait = 0; server.openSockets > 1 && wait < 50; wait++) await pause(20);
    expect(server.openSockets).toBeLessThanOrEqual(1);
  });

  it('waits for a slow reader longer than for a silent server', async () => {
    const impatient = another({ requestTimeout: 0.3, retry: { maxRetries: 0 } });
    for (const length of [20 * KIB, 100 * KIB, 8 * MIB]) {
      await put(content(length));
      const { body } = await impatient.open(KEY);
      const reader = body[Symbol.asyncIterator]();
      let size = ((await reader.next()).value as Buffer).length;
      await pause(800);
      for await (const chunk of { [Symbol.asyncIterator]: () => reader }) size += (chunk as Buffer).length;
      expect(size).toBe(length);
    }
    server.faults.next(/alt=media/, 'hang');
    expect((await failure(impatient.open(KEY))).code).toBe('timeout');
  });
});

describe('errors', () => {
  it.each([
    [{ status: 403, reason: 'forbidden' }, 'permission-denied'],
    [{ status: 403, reason: 'retentionPolicyNotMet' }, 'permission-denied'],
    [{ status: 403, reason: 'quotaExceeded' }, 'quota-exceeded'],
    [{ status: 404, reason: 'notFound' }, 'not-found'],
    [{ status: 413, reason: 'uploadTooLarge' }, 'file-too-large'],
    [{ status: 400, reason: 'invalid' }, 'invalid-options'],
    [{ status: 410, reason: 'gone' }, 'unavailable'],
  ])('say %p as %s', async (fault, code) => {
    server.faults.next(/^GET/, fault);
    const error = await failure(backend.stat(KEY));
    expect([error.code, error.operation, error.key, error.backend]).toEqual([code, 'getMetadata', KEY, 'gcs']);
    expect(error.message).not.toContain('asked for by a test');
  });

  it.each([429, 500, 502, 503, 504, 408])('are repeated for status %p, and told when they last', async (status) => {
    await put(Buffer.from('x'));
    server.faults.next(/^GET/, { status });
    expect((await backend.stat(KEY)).size).toBe(1);
    for (let tries = 0; tries < 4; tries++) server.faults.next(/^GET/, { status });
    expect(['unavailable', 'timeout']).toContain((await failure(backend.stat(KEY))).code);
  });

  it('tell a missing bucket from a missing object', async () => {
    const lost = another({ bucket: 'no-such-bucket' });
    for (const work of [
      () => lost.stat(KEY),
      () => lost.delete(KEY),
      () => put(content(5), {}, lost),
      () => lost.check({ write: false }),
    ]) {
      expect((await failure(work())).code).toBe('configuration');
    }
  });

  it('tell a server that is not there, and one that says nothing', async () => {
    const nobody = another({ endpoint: 'http://127.0.0.1:9', retry: { maxRetries: 0 } });
    expect((await failure(nobody.stat(KEY))).code).toBe('unavailable');
    server.faults.next(/^GET/, 'hang');
    const impatient = another({ requestTimeout: 0.3, retry: { maxRetries: 0 } });
    expect((await failure(impatient.stat(KEY))).code).toBe('timeout');
  });

  it('carry no upload session and no token, causes included', async () => {
    server.faults.next(/^PUT .*upload_id=/, { status: 403, reason: 'forbidden' });
    const error = await failure(put(content(2 * CHUNK)));
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/upload_id|ya29|Bearer/);
  });

  it('refuse wrong options with their name', () => {
    for (const [options, named] of [
      [{ bucket: 'gs://x' }, 'bucket'],
      [{ chunkSize: 1000 }, 'chunkSize'],
      [{ endpoint: 'storage.example.com' }, 'endpoint'],
      [{ requestTimeout: 0 }, 'requestTimeout'],
      [{ retry: { maxRetries: -1 } }, 'retry.maxRetries'],
      [{ credentials: {} }, 'credentials'],
    ] as const) {
      expect(() => another(options)).toThrow(expect.objectContaining({ message: expect.stringContaining(named) }));
    }
  });

  it('say how to install the SDK where it is missing, and load it no sooner than it is needed', async () => {
    const script = `
      import { register } from 'node:module';
      register('data:text/javascript,' + encodeURIComponent(\`export async function resolve(specifier, context, next) {
        if (specifier !== '@google-cloud/storage') return next(specifier, context);
        throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
      }\`));
      const { GcsBackend } = await import(process.env.LIBRARY + 'backends/gcs/index.js');
      const backend = new GcsBackend({ bucket: 'some-bucket' });
      await backend.stat('key').catch((error) => console.log(error.name + ': ' + error.message));`;
    const LIBRARY = new URL('../../../node_modules/.cache/nestjs-storage/lib/', import.meta.url).href;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, LIBRARY },
    });
    expect(stdout).toContain('StorageConfigurationError');
    expect(stdout).toContain('npm install @google-cloud/storage');
  });
});

describe('the health check', () => {
  it('reads only, unless it may write, and leaves nothing', async () => {
    await backend.check({ write: false });
    expect(server.requests.some((line) => /^(?:POST|PUT|DELETE) (?!\/token)/.test(line))).toBe(false);
    await Promise.all([
      backend.check({ write: true }),
      another().check({ write: true }),
      another().check({ write: true }),
    ]);
    expect(server.names(BUCKET)).toEqual([]);
  });
});

describe('signing', () => {
  it('gives a URL that is honoured as the one of the SDK is', async () => {
    const { Storage } = await import('@google-cloud/storage');
    const storage = new Storage({ credentials: { ...server.key }, apiEndpoint: server.origin });
    const file = storage.bucket(BUCKET).file(KEY);
    const accessibleAt = new Date();
    const theirs = () =>
      file
        .getSignedUrl({ version: 'v4', action: 'read', accessibleAt, expires: accessibleAt.getTime() + 60_000 })
        .then(([url]) => url);
    await put(Buffer.from('signed'));
    for (const url of [await theirs(), await backend.getUrl(KEY, { expiresIn: 60 })]) {
      expect(await (await fetch(url)).text()).toBe('signed');
    }
  });

  it('leads to a host name bound to the bucket, and refuses more than seven days', async () => {
    const bound = another({ publicOrigin: 'https://files.example.com' });
    const url = new URL(await bound.getUrl(KEY, { expiresIn: 60 }));
    expect([url.origin, decodeURIComponent(url.pathname)]).toEqual(['https://files.example.com', `/${KEY}`]);
    expect((await failure(bound.getUrl(KEY, { expiresIn: 604_801 }))).code).toBe('invalid-options');
  });
});
