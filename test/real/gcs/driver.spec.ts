/** The GCS driver's credentials, reads, errors, health check and signatures. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { another, backend, content, failure, KEY, put, read, server, useServer } from './driver-bench.js';
import { BUCKET, CHUNK, KIB, MIB } from './gcs.js';
import { RawClient } from './raw-client.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gcs-driver-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

useServer();

describe('credentials', () => {
  it('come as an object, as JSON text, as a key file, and as application default credentials', async () => {
    const file = join(folder, 'key.json');
    await writeFile(file, JSON.stringify(server.key));
    const text = another({ credentials: JSON.stringify(server.key) });
    const keyFile = another({ credentials: undefined, keyFile: file });
    await put(Buffer.from('a'), {}, text);
    expect((await read(keyFile)).toString()).toBe('a');
    const before = process.env.GOOGLE_APPLICATION_CREDENTIALS;
    process.env.GOOGLE_APPLICATION_CREDENTIALS = file;
    try {
      const standard = another({ credentials: undefined });
      expect((await read(standard)).toString()).toBe('a');
      expect((await fetch(await standard.getUrl(KEY, { expiresIn: 60 }))).status).toBe(200);
    } finally {
      if (before === undefined) delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
      else process.env.GOOGLE_APPLICATION_CREDENTIALS = before;
    }
    expect(server.tokensIssued).toBe(3);
  });

  it('serve many calls with one token', async () => {
    await Promise.all(Array.from({ length: 20 }, () => backend.list({ prefix: '', limit: 1 })));
    await backend.list({ prefix: '', limit: 1 });
    expect(server.tokensIssued).toBeLessThanOrEqual(1);
  });

  it('that are refused, revoked or no JSON are told without a secret', async () => {
    const { private_key } = server.key;
    const stranger = another({ credentials: { ...server.key, client_email: 'x@example.com' } });
    const refused = await failure(stranger.stat(KEY));
    expect(refused.code).toBe('permission-denied');
    await backend.list({ prefix: '', limit: 1 });
    server.revokeTokens();
    const revoked = await failure(backend.stat(KEY));
    expect(revoked.code).toBe('permission-denied');
    const shown = inspect([refused, revoked], { depth: 10, showHidden: true });
    expect(shown).not.toContain(private_key.slice(60, 120));
    expect(shown).not.toMatch(/ya29\.|Bearer|assertion=/);
    expect(() => another({ credentials: `{"private_key":"s3cr3t` })).toThrow(
      expect.objectContaining({ code: 'configuration', message: expect.not.stringContaining('s3cr3t') }),
    );
  });

  it('that are missing are a configuration error, which is not for ever', async () => {
    const file = join(folder, 'later.json');
    const late = another({ credentials: undefined, keyFile: file });
    expect((await failure(late.stat(KEY))).code).toBe('configuration');
    await writeFile(file, JSON.stringify(server.key));
    expect((await failure(late.stat(KEY))).code).toBe('not-found');
  });

  it('made by the app sign through the IAM service where there is no key', async () => {
    const signer = another();
    const { createSign } = await import('node:crypto');
    const auth = {
      getRequestHeaders: async () => new Headers({ authorization: `Bearer ${await new RawClient(server).token()}` }),
      getCredentials: async () => ({ client_email: server.key.client_email }),
      sign: async (data: string) => createSign('RSA-SHA256').update(data).sign(server.key.private_key, 'base64'),
    };
    await put(Buffer.from('by iam'), {}, signer);
    const keyless = another({ credentials: undefined, auth });
    const response = await fetch(await keyless.getUrl(KEY, { expiresIn: 60 }));
    expect(await response.text()).toBe('by iam');
    const denied = another({
      credentials: undefined,
      auth: { ...auth, sign: async () => Promise.reject(new Error('403')) },
    });
    expect((await failure(denied.getUrl(KEY, { expiresIn: 60 }))).code).toBe('permission-denied');
  });

  it('are not needed by an anonymous backend, which claims no URLs', async () => {
    const anonymous = another({ credentials: undefined, anonymous: true });
    expect(anonymous.capabilities.getUrl).toEqual([]);
    expect((await failure(anonymous.getUrl(KEY, { expiresIn: 60 }))).code).toBe('configuration');
    expect((await failure(anonymous.stat(KEY))).code).toBe('permission-denied');
  });
});

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
    [{ status: 401, reason: 'authError' }, 'permission-denied'],
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
