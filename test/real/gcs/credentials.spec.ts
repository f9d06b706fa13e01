/** Who the GCS driver is: keys, files, the identity of a Google machine, tokens that end, and signatures of the IAM service. */
import { createSign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { GoogleAuthLike } from '../../../lib/backends/gcs/index.js';
import { another, backend, content, failure, KEY, pieces, put, read, server, TEXT, useServer } from './driver-bench.js';
import { backendOn, CHUNK, startServer } from './gcs.js';
import { machineAuth } from './machine-auth.js';
import { RawClient } from './raw-client.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gcs-credentials-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

useServer();

async function withEnvironment(variables: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    await work();
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

describe('credentials', () => {
  it('come as an object, as JSON text, as a key file, and as application default credentials of a file', async () => {
    const file = join(folder, 'key.json');
    await writeFile(file, JSON.stringify(server.key));
    const text = another({ credentials: JSON.stringify(server.key) });
    const keyFile = another({ credentials: undefined, keyFile: file });
    await put(Buffer.from('a'), {}, text);
    expect((await read(keyFile)).toString()).toBe('a');
    await withEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: file }, async () => {
      const standard = another({ credentials: undefined });
      expect((await read(standard)).toString()).toBe('a');
      expect((await fetch(await standard.getUrl(KEY, { expiresIn: 60 }))).status).toBe(200);
    });
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
    for (let tries = 0; tries < 2; tries++) server.faults.next(/^GET/, { status: 401, reason: 'authError' });
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

  it('are not needed by an anonymous backend, which claims no URLs', async () => {
    const anonymous = another({ credentials: undefined, anonymous: true });
    expect(anonymous.capabilities.getUrl).toEqual([]);
    expect((await failure(anonymous.getUrl(KEY, { expiresIn: 60 }))).code).toBe('configuration');
    expect((await failure(anonymous.stat(KEY))).code).toBe('permission-denied');
  });
});

describe('tokens', () => {
  it('are fetched anew in time before they end', async () => {
    // The library replaces them five minutes before.
    const short = await startServer({ tokenSeconds: 302 });
    const driver = backendOn(short);
    try {
      const stat = () => failure(driver.stat(KEY));
      await stat();
      await stat();
      expect(short.tokensIssued).toBe(1);
      await pause(2100);
      expect((await stat()).code).toBe('not-found');
      expect(short.tokensIssued).toBe(2);
    } finally {
      await driver.close();
      await short.stop();
    }
  });

  it('that end before their time are replaced, in the middle of an upload too', async () => {
    const bytes = content(4 * CHUNK);
    const revoking = async function* () {
      let given = 0;
      for await (const piece of pieces(bytes)) {
        if ((given += piece.length) > 2 * CHUNK) server.revokeTokens();
        yield piece;
      }
    };
    await (await backend.stage(KEY, revoking(), TEXT)).commit();
    server.revokeTokens();
    expect((await read()).equals(bytes)).toBe(true);
    expect(server.refusals).toContain('401 authError');
  });

  it('are replaced once for all calls that find them ended', async () => {
    await backend.list({ prefix: '', limit: 1 });
    server.revokeTokens();
    await Promise.all(Array.from({ length: 20 }, () => backend.list({ prefix: '', limit: 1 })));
    expect(server.tokensIssued).toBe(2);
  });

  it('of the app’s own making are asked for once more, and no longer', async () => {
    let given = 0;
    const auth = (token: () => Promise<string>): GoogleAuthLike => ({
      getRequestHeaders: async () => {
        given++;
        return { authorization: `Bearer ${await token()}` };
      },
      getCredentials: async () => ({}),
      sign: async () => '',
    });
    const stale = another({ credentials: undefined, auth: auth(async () => 'ya29.ended') });
    expect((await failure(stale.stat(KEY))).code).toBe('permission-denied');
    expect(given).toBe(2);
    const raw = new RawClient(server);
    const renewing = another({
      credentials: undefined,
      auth: auth(async () => (given === 3 ? 'ya29.ended' : raw.token())),
    });
    expect((await failure(renewing.stat(KEY))).code).toBe('not-found');
  });

  it('that nobody gives out end in a time-out', async () => {
    const silent: GoogleAuthLike = {
      getRequestHeaders: () => new Promise(() => {}),
      getCredentials: async () => ({}),
      sign: async () => '',
    };
    const patient = { credentials: undefined, auth: silent, retry: { maxRetries: 0 } };
    expect((await failure(another({ ...patient, requestTimeout: 0.2 }).stat(KEY))).code).toBe('timeout');
    const signal = AbortSignal.timeout(200);
    expect((await failure(another(patient).stat(KEY, { signal }))).code).toBe('aborted');
  });
});

/** Where the auth library finds a machine of Google's, and no key of its own. */
const onMachine = (work: () => Promise<void>) =>
  withEnvironment({ GCE_METADATA_HOST: server.origin.slice('http://'.length), CLOUDSDK_CONFIG: folder }, work);

describe('a machine of Google’s', () => {
  it('has its tokens from the metadata server, and new ones where those end', async () => {
    await onMachine(async () => {
      const driver = another({ credentials: undefined });
      await put(Buffer.from('by the machine'), {}, driver);
      server.revokeTokens();
      expect((await read(driver)).toString()).toBe('by the machine');
      expect(server.tokensIssued).toBe(2);
      const asked = server.requests.find((line) => line.includes('/service-accounts/default/token'));
      expect(asked).toContain('scopes=');
    });
  });

  it('whose metadata server refuses or fails is told so', async () => {
    await onMachine(async () => {
      const driver = another({ credentials: undefined });
      server.faults.next(/default\/token/, { status: 404, reason: 'notFound' });
      expect((await failure(driver.stat(KEY))).code).toBe('permission-denied');
      // The library's three repetitions.
      for (let tries = 0; tries < 4; tries++) server.faults.next(/default\/token/, { status: 503 });
      const once = another({ credentials: undefined, retry: { maxRetries: 0 } });
      expect((await failure(once.stat(KEY))).code).toBe('unavailable');
    });
  });

  it('has its URLs signed by the IAM service', async () => {
    await onMachine(async () => {
      const driver = another({ credentials: undefined, auth: await machineAuth(server) });
      const upload = await driver.getUploadUrl(KEY, { expiresIn: 60, contentType: 'text/plain' });
      const { status } = await fetch(upload.url, { method: 'PUT', headers: { ...upload.headers }, body: 'signed' });
      expect(status).toBe(200);
      expect(await (await fetch(await driver.getUrl(KEY, { expiresIn: 60 }))).text()).toBe('signed');
      expect(server.requests.filter((line) => line.includes(':signBlob'))).toHaveLength(2);
    });
  });

  it('that may not sign, or cannot now, is told apart', async () => {
    await onMachine(async () => {
      const driver = another({ credentials: undefined, auth: await machineAuth(server) });
      server.faults.next(/:signBlob/, { status: 403, reason: 'forbidden' });
      const denied = await failure(driver.getUploadUrl(KEY, { expiresIn: 60 }));
      expect([denied.code, denied.operation, denied.key]).toEqual(['permission-denied', 'getUploadUrl', KEY]);
      expect(denied.advice).toContain('Service Account Token Creator');
      expect(inspect(denied, { depth: 10, showHidden: true })).not.toMatch(/ya29|Bearer/);
      // The library's three repetitions.
      for (let tries = 0; tries < 4; tries++) server.faults.next(/:signBlob/, { status: 503 });
      expect((await failure(driver.getUrl(KEY, { expiresIn: 60 }))).code).toBe('unavailable');
    });
  });
});

describe('signatures of the IAM service', () => {
  const auth = (sign: GoogleAuthLike['sign']): GoogleAuthLike => ({
    getRequestHeaders: async () => ({}),
    getCredentials: async () => ({ client_email: server.key.client_email }),
    sign,
  });
  const genuine = async (data: string) => createSign('RSA-SHA256').update(data).sign(server.key.private_key, 'base64');
  const keyless = (sign: GoogleAuthLike['sign'], requestTimeout = 5) =>
    another({ credentials: undefined, auth: auth(sign), requestTimeout });

  it.each([
    [{ response: { status: 400 } }, 'permission-denied'],
    [{ status: 403 }, 'permission-denied'],
    [{ code: '404' }, 'permission-denied'],
    [{ response: { status: 429 } }, 'unavailable'],
    [{ response: { status: 500 } }, 'unavailable'],
    [{ code: 'ECONNRESET' }, 'unavailable'],
    [{ code: 'ENOTFOUND' }, 'unavailable'],
    [{ code: 'ETIMEDOUT' }, 'timeout'],
    [{}, 'unavailable'],
  ])('that fail with %j are told as %s', async (facts, code) => {
    const failing = keyless(() => Promise.reject(Object.assign(new Error('no'), facts)));
    expect((await failure(failing.getUrl(KEY, { expiresIn: 60 }))).code).toBe(code);
  });

  it('that do not come end in a time-out, or with the signal', async () => {
    const never = () => new Promise<string>(() => {});
    expect((await failure(keyless(never, 0.2).getUrl(KEY, { expiresIn: 60 }))).code).toBe('timeout');
    const signal = AbortSignal.timeout(200);
    expect((await failure(keyless(never).getUrl(KEY, { expiresIn: 60, signal }))).code).toBe('aborted');
    const late = AbortSignal.timeout(200);
    expect((await failure(keyless(never).getUploadUrl(KEY, { expiresIn: 60, signal: late }))).code).toBe('aborted');
  });

  it('are promised for twelve hours, which is what its keys outlive, and those of a key for seven days', async () => {
    await put(Buffer.from('by iam'));
    const machine = keyless(genuine);
    expect(await (await fetch(await machine.getUrl(KEY, { expiresIn: 43_200 }))).text()).toBe('by iam');
    for (const asked of [
      () => machine.getUrl(KEY, { expiresIn: 43_201 }),
      () => machine.getUploadUrl(KEY, { expiresIn: 43_201 }),
    ]) {
      const { code, reason, advice } = await failure(asked());
      expect(code).toBe('invalid-options');
      expect(reason).toContain('live 43200 seconds at most');
      expect(advice).toContain('service account key');
    }
    expect((await fetch(await backend.getUrl(KEY, { expiresIn: 604_800 }))).status).toBe(200);
  });

  it('need an account, whose name may be out of reach for a while', async () => {
    let ways = 0;
    const lost = another({
      credentials: undefined,
      auth: {
        ...auth(genuine),
        getCredentials: async () => {
          if (ways++ === 0) throw Object.assign(new Error('metadata server'), { code: 'ECONNREFUSED' });
          if (ways === 2) throw new Error('none');
          return { client_email: server.key.client_email };
        },
      },
    });
    for (const code of ['unavailable', 'configuration']) {
      expect((await failure(lost.getUrl(KEY, { expiresIn: 60 }))).code).toBe(code);
    }
    expect(await lost.getUrl(KEY, { expiresIn: 60 })).toContain('X-Goog-Signature=');
  });
});
