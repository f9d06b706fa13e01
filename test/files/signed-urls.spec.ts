/** The token alone: what it binds, and that nothing else passes. */
import 'reflect-metadata';
import { SetMetadata, UseGuards, type CanActivate } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { parseKey, StorageConfigurationError, type StorageKey } from '../../lib/contract/index.js';
import {
  createStorageFilesController,
  InvalidSignedUrlError,
  SignedRoutes,
  SignedUrls,
} from '../../lib/files/index.js';
import { StorageService } from '../../lib/storage.service.js';
import { AppUrlsBackend } from '../../lib/wrappers/index.js';

const SECRET = 'first secret of the tests, 32 bytes';
const OTHER = 'other secret of the tests, 32 bytes';
const signer = new SignedUrls({ secrets: [SECRET], baseUrl: 'https://app.example/files/' });
const key = parseKey('documents/1/report.pdf');

const tokenOf = (url: string) => new URL(url).pathname.split('/').at(-2)!;
const getToken = (options = {}) => tokenOf(signer.signGet('default', key, { expiresIn: 60, ...options }));
const refused = (token: string, purpose: 'get' | 'put' = 'get', by = signer) => {
  try {
    by.verify(token, purpose);
    return false;
  } catch (error) {
    if (error instanceof InvalidSignedUrlError) return true;
    throw error;
  }
};

afterEach(() => {
  jest.restoreAllMocks();
});

describe('upload URLs of a storage', () => {
  const backend = new AppUrlsBackend(new MemoryBackend(), 'default', signer);
  const storage = new StorageService(backend, { maxFileSize: 10 });

  it('are made for what put() would take alone', async () => {
    await expect(storage.getUploadUrl('k', { ifNoneMatch: '"etag"' as '*' })).rejects.toMatchObject({
      code: 'invalid-options',
      reason: 'ifNoneMatch can only be "*"',
    });
    await expect(storage.getUploadUrl('k', { size: 11 })).rejects.toMatchObject({ code: 'file-too-large' });
    await expect(storage.getUploadUrl('k', { size: 10, ifNoneMatch: '*' })).resolves.toMatchObject({ method: 'PUT' });
  });
});

describe('signing', () => {
  it('gives an URL of base, token and readable name', () => {
    const url = signer.signGet('default', parseKey('a/Übersicht 1 (neu).pdf'), { expiresIn: 60 });
    expect(url).toMatch(/^https:\/\/app\.example\/files\/[\w-]+\/%C3%9Cbersicht%201%20\(neu\)\.pdf$/);
  });

  it('asks a base URL that is a function for each URL', () => {
    let port = 1;
    const asked = new SignedUrls({ secrets: [SECRET], baseUrl: () => `http://localhost:${port++}/files` });
    expect(asked.signGet('default', key, { expiresIn: 60 })).toMatch(/^http:\/\/localhost:1\/files\//);
    expect(asked.signGet('default', key, { expiresIn: 60 })).toMatch(/^http:\/\/localhost:2\/files\//);
  });

  it.each(['/files', 'ftp://app.example/files', 'https://app.example/files?x=1', 'https://app.example/#f', ''])(
    'refuses the base URL %j',
    (baseUrl) => {
      expect(() => new SignedUrls({ secrets: [SECRET], baseUrl })).toThrow(StorageConfigurationError);
    },
  );

  it('refuses no secret and secrets under 32 bytes', () => {
    expect(() => new SignedUrls({ secrets: [], baseUrl: 'http://x' })).toThrow(StorageConfigurationError);
    expect(() => new SignedUrls({ secrets: ['x'.repeat(31)], baseUrl: 'http://x' })).toThrow('fewer than 32 bytes');
    expect(() => new SignedUrls({ secrets: [SECRET, 'short'], baseUrl: 'http://x' })).toThrow(/32/);
    expect(() => new SignedUrls({ secrets: ['é'.repeat(16)], baseUrl: 'http://x' })).not.toThrow();
  });

  it('names no secret in its errors', () => {
    expect(() => new SignedUrls({ secrets: ['hunter2'], baseUrl: 'http://x' })).not.toThrow(/hunter2/);
  });

  it('gives back everything that a URL for reading binds', () => {
    const disposition = { type: 'attachment', filename: '"Q3"; été 🎉\r\n.pdf' } as const;
    const token = getToken({ disposition, contentType: 'text/plain; charset=utf-8' });
    expect(signer.verify(token, 'get')).toMatchObject({
      storage: 'default',
      purpose: 'get',
      key,
      disposition,
      contentType: 'text/plain; charset=utf-8',
    });
  });

  it('gives back everything that a URL for writing binds, to the largest size', () => {
    const metadata = { owner: 'Zoë', __proto__x: '1', empty: '' };
    const bound = { contentType: 'image/png', size: 0, maxSize: Number.MAX_SAFE_INTEGER, metadata };
    const upload = signer.signPut('default', key, { expiresIn: 60, ifNoneMatch: '*', ...bound });
    expect(upload.method).toBe('PUT');
    expect(upload.headers).toEqual({ 'Content-Type': 'image/png' });
    expect(Math.abs(upload.expiresAt.getTime() - Date.now() - 60_000)).toBeLessThan(2000);
    expect(signer.verify(tokenOf(upload.url), 'put')).toMatchObject({ key, createOnly: true, ...bound });
  });

  it.each([0, 1, 65_535, 2 ** 31, 2 ** 32, 2 ** 48 - 1, 2 ** 48, 2 ** 48 + 1, Number.MAX_SAFE_INTEGER])(
    'carries the size %d',
    (size) => {
      const { url } = signer.signPut('default', key, { expiresIn: 60, size });
      expect(signer.verify(tokenOf(url), 'put').size).toBe(size);
    },
  );

  it('leaves out what was not asked', () => {
    expect(Object.keys(signer.verify(getToken(), 'get')).sort()).toEqual(['expires', 'key', 'purpose', 'storage']);
  });

  it('keeps the URL of the longest key within what proxies and Node take', () => {
    const long = parseKey('公'.repeat(341)) as StorageKey;
    const url = signer.signGet('x'.repeat(64), long, {
      expiresIn: 60,
      disposition: { type: 'attachment', filename: long },
    });
    expect(url.length).toBeLessThan(8000);
    expect(signer.verify(tokenOf(url), 'get').key).toBe(long);
  });

  it('refuses to sign what no URL can hold', () => {
    const metadata = { big: 'x'.repeat(6000) };
    expect(() => signer.signPut('default', key, { expiresIn: 60, metadata })).toThrow(/token of \d+ characters/);
    expect(() => signer.signPut('default', key, { expiresIn: 60, metadata: { big: 'x'.repeat(70_000) } })).toThrow(
      'the URL cannot hold this',
    );
  });
});

describe('verifying', () => {
  it('refuses every changed bit', () => {
    const bytes = Buffer.from(getToken({ disposition: { type: 'attachment', filename: 'a' } }), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(refused(changed.toString('base64url'))).toBe(true);
    }
  });

  it('refuses every changed, missing, added and doubled character', () => {
    const token = getToken();
    for (let at = 0; at < token.length; at++) {
      expect(refused(token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1))).toBe(true);
      expect(refused(token.slice(0, at) + token.slice(at + 1))).toBe(true);
      expect(refused(token.slice(0, at))).toBe(true);
      expect(refused(token.slice(0, at) + token[at] + token.slice(at))).toBe(true);
    }
    for (const extra of ['=', '==', 'A', '\n', ' ', '.', '\0', '/']) expect(refused(token + extra)).toBe(true);
  });

  it('refuses other spellings of the same bytes', () => {
    // 1 or 2 bytes beyond a multiple of 3 leave spare bits in the last character.
    let others = 0;
    for (const name of ['a', 'aa', 'aaa']) {
      const token = tokenOf(signer.signGet('default', parseKey(name), { expiresIn: 60 }));
      const bytes = Buffer.from(token, 'base64url');
      const spellings = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
        .map((char) => token.slice(0, -1) + char)
        .filter((spelled) => spelled !== token && Buffer.from(spelled, 'base64url').equals(bytes));
      for (const spelled of spellings) expect(refused(spelled)).toBe(true);
      others += spellings.length;
      expect(refused(bytes.toString('base64'))).toBe(/[+/=]/.test(bytes.toString('base64')));
      expect(refused(token)).toBe(false);
    }
    expect(others).toBeGreaterThan(0);
  });

  it('refuses what never was a token, however long', () => {
    const long = ['A'.repeat(100), 'A'.repeat(6001), 'AQ'.repeat(1e6), '_'.repeat(200), 'é'.repeat(100)];
    for (const token of ['', 'A', 'AA', '%00', '..', 'null', ...long]) expect(refused(token)).toBe(true);
  });

  it('refuses what is not text', () => {
    for (const value of [undefined, null, 1, ['a'], {}]) expect(refused(value as unknown as string)).toBe(true);
  });

  it('refuses one purpose for the other, and a purpose that was rewritten', () => {
    const put = tokenOf(signer.signPut('default', key, { expiresIn: 60 }).url);
    expect(refused(put, 'get')).toBe(true);
    expect(refused(getToken(), 'put')).toBe(true);
    const bytes = Buffer.from(getToken(), 'base64url');
    bytes[1] = 1;
    expect(refused(bytes.toString('base64url'), 'put')).toBe(true);
  });

  it('ends with the second of its expiry', () => {
    const start = 1_800_000_000_000;
    const now = jest.spyOn(Date, 'now').mockReturnValue(start - 999);
    const token = getToken({ expiresIn: 10 });
    now.mockReturnValue(start + 9_999);
    expect(refused(token)).toBe(false);
    now.mockReturnValue(start + 10_000);
    expect(refused(token)).toBe(true);
  });

  it('takes what older secrets signed, until they are taken away', () => {
    const token = getToken();
    const rotated = new SignedUrls({ secrets: [OTHER, SECRET], baseUrl: 'http://x' });
    const after = new SignedUrls({ secrets: [OTHER], baseUrl: 'http://x' });
    const fresh = tokenOf(rotated.signGet('default', key, { expiresIn: 60 }));
    expect(refused(token, 'get', rotated)).toBe(false);
    expect(refused(token, 'get', after)).toBe(true);
    expect(refused(fresh, 'get', after)).toBe(false);
    expect(refused(fresh, 'get', signer)).toBe(true);
  });
});

describe('SignedRoutes', () => {
  const routes = new SignedRoutes();
  routes.register({ storage: 'default', signer, path: '/files/' });
  const other = new SignedUrls({ secrets: [SECRET], baseUrl: 'http://x' });
  routes.register({ storage: 'other', signer: other, path: 'others' });

  it('admits a storage under its own path only', () => {
    expect(routes.admit('files', getToken(), 'get').request.key).toBe(key);
    expect(() => routes.admit('others', getToken(), 'get')).toThrow(InvalidSignedUrlError);
  });

  it('refuses a storage that is not registered', () => {
    const token = tokenOf(signer.signGet('third', key, { expiresIn: 60 }));
    expect(() => routes.admit('files', token, 'get')).toThrow(InvalidSignedUrlError);
  });

  it('refuses to register a storage twice', () => {
    expect(() => routes.register({ storage: 'other', signer, path: 'x' })).toThrow(StorageConfigurationError);
  });

  it('refuses two controllers under one path that differ in guards', () => {
    class Guard implements CanActivate {
      canActivate = () => true;
    }
    class Other extends Guard {}
    const made = (path: string, ...decorators: ClassDecorator[]) => createStorageFilesController({ path, decorators });
    const app = new SignedRoutes();
    const Public = () => SetMetadata('public', true);
    app.addController({ path: 'files', controller: made('files', UseGuards(Guard), Public()) });
    app.addController({ path: '/files/', controller: made('/files/', UseGuards(Guard), Public()) });
    app.addController({ path: 'open', controller: made('open') });
    app.addController({ path: 'open', controller: made('open') });
    expect(() => app.addController({ path: 'files', controller: made('files', UseGuards(Guard)) })).toThrow(
      StorageConfigurationError,
    );
    expect(() => app.addController({ path: 'files', controller: made('files', UseGuards(Other), Public()) })).toThrow(
      /different decorators/,
    );
    expect(() => app.addController({ path: 'open', controller: made('open', UseGuards(Guard)) })).toThrow(
      StorageConfigurationError,
    );
  });

  it('tells its paths without slashes', () => {
    expect(routes.paths()).toEqual(['files', 'others']);
  });
});
