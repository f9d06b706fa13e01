/** The GCS driver where things go wrong, and what it leaves behind then: faults, races, aborts, credentials. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect, promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GcsBackend, type GcsBackendOptions } from '../../../lib/backends/gcs/index.js';
import { parseKey, type StageOptions, type StorageError } from '../../../lib/contract/index.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';
import { backendOn, BUCKET, CHUNK, KIB, MIB, startServer } from './gcs.js';
import { RawClient } from './raw-client.js';

let server: GcsContractServer;
let backend: GcsBackend;
let folder: string;
const made: GcsBackend[] = [];
const KEY = parseKey('dir/object 公司.bin');
const TEXT: StageOptions = { contentType: 'text/plain', metadata: {} };

function another(options: Partial<GcsBackendOptions> = {}): GcsBackend {
  const other = backendOn(server, options);
  made.push(other);
  return other;
}

async function* pieces(bytes: Buffer, size = 100 * KIB): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Bytes that differ everywhere, so that a wrong offset shows. */
function content(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

async function put(bytes: Buffer, options: Partial<StageOptions> = {}, target = backend) {
  return (await target.stage(KEY, pieces(bytes), { ...TEXT, ...options })).commit();
}

async function read(target = backend): Promise<Buffer> {
  return buffer((await target.open(KEY)).body);
}

async function failure(work: Promise<unknown>): Promise<StorageError> {
  return work.then(
    () => {
      throw new Error('it went through');
    },
    (error: StorageError) => error,
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gcs-driver-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  server = await startServer({ rewriteStep: 200 * KIB });
  backend = another();
});

afterEach(async () => {
  await Promise.all(made.splice(0).map((one) => one.close()));
  const { left } = server.faults;
  await server.stop();
  // A fault that was never met proves nothing.
  expect(left).toBe(0);
});

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

describe('uploads in parts', () => {
  const bytes = content(4 * CHUNK + 1000);

  it('send what fits a chunk in one request, and more in a session whose last chunk waits for the commit', async () => {
    await put(content(CHUNK));
    expect(server.requests.filter((line) => line.includes('uploadType=multipart'))).toHaveLength(1);
    const staged = await backend.stage(KEY, pieces(content(CHUNK + 1)), TEXT);
    expect(server.openSessions).toBe(1);
    expect((await backend.stat(KEY)).size).toBe(CHUNK);
    expect((await staged.commit()).size).toBe(CHUNK + 1);
    expect(server.openSessions).toBe(0);
  });

  for (const [fault, title] of [
    [{ status: 503 }, 'a chunk that is refused for now'],
    ['reset-before', 'a chunk that does not arrive'],
    ['reset-after', 'a chunk whose answer is lost'],
    ['keep-little', 'a chunk of which the service keeps a part'],
  ] as const) {
    it(`survive ${title}`, async () => {
      server.faults.next(/^PUT .*upload_id=/, fault);
      server.faults.next(/^PUT .*upload_id=/, fault);
      const info = await put(bytes);
      expect(info.size).toBe(bytes.length);
      expect((await read()).equals(bytes)).toBe(true);
    });
  }

  it('survive a lost answer to the last chunk, and publish once', async () => {
    const staged = await backend.stage(KEY, pieces(bytes), { ...TEXT, ifNoneMatch: '*' });
    server.faults.next(/^PUT .*upload_id=/, 'reset-after');
    const info = await staged.commit();
    expect((await backend.stat(KEY)).etag).toBe(info.etag);
  });

  it('find out that the last chunk published even when no answer ever comes', async () => {
    const impatient = another({ requestTimeout: 0.2, retry: { maxRetries: 0 } });
    const staged = await impatient.stage(KEY, pieces(bytes), TEXT);
    server.faults.next(/^PUT .*upload_id=/, 'reset-after');
    expect((await staged.commit()).size).toBe(bytes.length);
  });

  it('are taken back when the last chunk fails for good, and the old object stays', async () => {
    await put(Buffer.from('old'));
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    // The chunk, three questions where the upload stands, and no more.
    for (let tries = 0; tries < 4; tries++) server.faults.next(/^PUT .*upload_id=/, { status: 503 });
    expect((await failure(staged.commit())).code).toBe('unavailable');
    expect(server.openSessions).toBe(0);
    expect((await read()).toString()).toBe('old');
  });

  it('are taken back when the body fails, the signal fires or abort() is called', async () => {
    const broken = async function* () {
      yield* pieces(bytes);
      throw new Error('the source broke');
    };
    await expect(backend.stage(KEY, broken(), TEXT)).rejects.toThrow('the source broke');
    const stop = new AbortController();
    const stopped = async function* () {
      yield* pieces(bytes);
      stop.abort(new Error('enough'));
      yield bytes;
    };
    expect((await failure(backend.stage(KEY, stopped(), { ...TEXT, signal: stop.signal }))).code).toBe('aborted');
    const staged = await backend.stage(KEY, pieces(bytes), TEXT);
    await staged.abort();
    await staged.abort();
    expect((await failure(staged.commit())).code).toBe('aborted');
    expect(server.openSessions).toBe(0);
    expect(server.names(BUCKET)).toEqual([]);
  });

  it('end at once when the signal fires while a chunk hangs or a pause lasts', async () => {
    const slow = another({ retry: { maxRetries: 3 } });
    for (const fault of ['hang', { status: 503 }] as const) {
      server.faults.next(/^PUT .*upload_id=/, fault);
      const started = Date.now();
      const signal = AbortSignal.timeout(300);
      expect((await failure(slow.stage(KEY, pieces(bytes), { ...TEXT, signal }))).code).toBe('aborted');
      expect(Date.now() - started).toBeLessThan(1000);
    }
    expect(server.openSessions).toBe(0);
  });

  it('hold no more than two chunks, however small the pieces are', async () => {
    const tiny = Readable.from(
      (function* () {
        for (let at = 0; at < 200_000; at++) yield Buffer.from([at & 255]);
      })(),
    );
    const staged = await backend.stage(KEY, tiny, TEXT);
    expect((await staged.commit()).size).toBe(200_000);
  });

  it('tell a condition that fails before the whole body was sent', async () => {
    await put(Buffer.from('there'));
    let given = 0;
    const counted = async function* () {
      for await (const piece of pieces(content(40 * CHUNK))) {
        given += piece.length;
        yield piece;
      }
    };
    expect((await failure(backend.stage(KEY, counted(), { ...TEXT, ifNoneMatch: '*' }))).code).toBe('already-exists');
    expect(given).toBeLessThan(4 * CHUNK);
  });
});

describe('lost answers', () => {
  it('of a create are settled by a look: ours is a success, a stranger’s is not', async () => {
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-after');
    const info = await put(Buffer.from('mine'), { ifNoneMatch: '*', metadata: { owner: 'Zoë' } });
    expect(info.metadata).toEqual({ owner: 'Zoë' });
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-before');
    expect((await failure(put(Buffer.from('other'), { ifNoneMatch: '*' }))).code).toBe('already-exists');
    expect((await read()).toString()).toBe('mine');
  });

  it('of a replacement are settled too', async () => {
    const { etag } = await put(Buffer.from('one'));
    server.faults.next(/^POST .*uploadType=multipart/, 'reset-after');
    const second = await put(Buffer.from('two'), { ifMatch: etag });
    expect((await backend.stat(KEY)).etag).toBe(second.etag);
    expect((await failure(put(Buffer.from('three'), { ifMatch: etag }))).code).toBe('precondition-failed');
    expect((await failure(put(Buffer.from('four'), { ifMatch: 'no-generation' }))).code).toBe('precondition-failed');
  });

  it('of a delete count as deleted, of a copy as copied', async () => {
    await put(content(500 * KIB));
    const copy = parseKey('copy');
    server.faults.next(/^POST .*rewriteTo.*rewriteToken=/, { status: 503 });
    const info = await backend.copy(KEY, copy, { ifNoneMatch: '*' });
    expect(info.size).toBe(500 * KIB);
    await backend.delete(copy);
    await put(content(100));
    server.faults.next(/rewriteTo/, 'reset-after');
    await backend.copy(KEY, copy, { ifNoneMatch: '*' });
    expect((await failure(backend.copy(KEY, copy, { ifNoneMatch: '*' }))).code).toBe('already-exists');
    server.faults.next(/^DELETE/, 'reset-after');
    expect(await backend.delete(KEY)).toBe(true);
    expect(await backend.delete(KEY)).toBe(false);
  });
});

describe('races', () => {
  /** A backend that does something before its n-th request that fits. */
  function interrupted(nth: number, action: () => Promise<unknown>): GcsBackend {
    const raw = new RawClient(server);
    let calls = 0;
    return another({
      credentials: undefined,
      auth: {
        getRequestHeaders: async () => {
          if (++calls === nth) await action();
          return { authorization: `Bearer ${await raw.token()}` };
        },
        getCredentials: async () => ({}),
        sign: async () => '',
      },
    });
  }

  it('of a read with a replacement never mix two versions', async () => {
    await put(Buffer.from('first'), { metadata: { version: '1' } });
    const reader = interrupted(2, () => put(Buffer.from('second!'), { metadata: { version: '2' } }));
    const { info, body } = await reader.open(KEY);
    expect([info.metadata.version, (await buffer(body)).toString()]).toEqual(['2', 'second!']);
    const gone = interrupted(2, () => backend.delete(KEY));
    expect((await failure(gone.open(KEY))).code).toBe('not-found');
  });

  it('of a move with a replacement leave the newer source', async () => {
    await put(Buffer.from('first'));
    const to = parseKey('moved');
    await interrupted(3, () => put(Buffer.from('second'))).move(KEY, to);
    expect((await read()).toString()).toBe('second');
    expect((await buffer((await backend.open(to)).body)).toString()).toBe('first');
  });

  it('of many creates have one winner', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) => put(content(at % 2 === 0 ? 10 : CHUNK + at), { ifNoneMatch: '*' })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(server.openSessions).toBe(0);
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
  it('gives what the SDK gives, at three times its pace or more', async () => {
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
    const perSecond = async (sign: () => Promise<string>) => {
      const started = performance.now();
      for (let count = 0; count < 40; count++) await sign();
      return (40 / (performance.now() - started)) * 1000;
    };
    let [sdk, ours] = [0, 0];
    // Turn about, and the best of each: what a busy machine takes away says nothing about either.
    for (let round = 0; round < 15; round++) {
      sdk = Math.max(sdk, await perSecond(theirs));
      ours = Math.max(ours, await perSecond(() => backend.getUrl(KEY, { expiresIn: 60 })));
    }
    console.log(`signing: SDK ${sdk.toFixed(0)}/s, ours ${ours.toFixed(0)}/s, ${(ours / sdk).toFixed(1)} times`);
    expect(ours / sdk).toBeGreaterThanOrEqual(3);
  });

  it('leads to a host name bound to the bucket, and refuses more than seven days', async () => {
    const bound = another({ publicOrigin: 'https://files.example.com' });
    const url = new URL(await bound.getUrl(KEY, { expiresIn: 60 }));
    expect([url.origin, decodeURIComponent(url.pathname)]).toEqual(['https://files.example.com', `/${KEY}`]);
    expect((await failure(bound.getUrl(KEY, { expiresIn: 604_801 }))).code).toBe('invalid-options');
  });
});
