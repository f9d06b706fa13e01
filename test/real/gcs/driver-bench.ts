/** What the suites of the driver share: a fresh server and backend for each test, bodies, and failures as values. */
import { afterEach, beforeEach, expect } from '@jest/globals';
import { buffer } from 'node:stream/consumers';
import type { GcsBackend, GcsBackendOptions } from '../../../lib/backends/gcs/index.js';
import { parseKey, type StageOptions, type StorageError } from '../../../lib/contract/index.js';
import type { GcsContractServer } from '../../servers/gcs/gcs-contract-server.js';
import { backendOn, KIB, startServer } from './gcs.js';
import { RawClient } from './raw-client.js';

/** Live bindings: of the test that is running. */
export let server: GcsContractServer;
export let backend: GcsBackend;
const made: GcsBackend[] = [];

export const KEY = parseKey('dir/object 公司.bin');
export const TEXT: StageOptions = { contentType: 'text/plain', metadata: {} };

/** Call it once in a suite. */
export function useServer(): void {
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
}

export function another(options: Partial<GcsBackendOptions> = {}): GcsBackend {
  const other = backendOn(server, options);
  made.push(other);
  return other;
}

/** A backend that does something before its n-th request. */
export function interrupted(
  nth: number | ((call: number) => boolean),
  action: () => Promise<unknown>,
  options: Partial<GcsBackendOptions> = {},
): GcsBackend {
  const raw = new RawClient(server);
  let calls = 0;
  return another({
    credentials: undefined,
    auth: {
      getRequestHeaders: async () => {
        calls++;
        if (typeof nth === 'number' ? calls === nth : nth(calls)) await action();
        return { authorization: `Bearer ${await raw.token()}` };
      },
      getCredentials: async () => ({}),
      sign: async () => '',
    },
    ...options,
  });
}

export async function* pieces(bytes: Buffer, size = 100 * KIB): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Bytes that differ everywhere, so that a wrong offset shows. */
export function content(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8)) & 255;
  return bytes;
}

export async function put(bytes: Buffer, options: Partial<StageOptions> = {}, target = backend) {
  return (await target.stage(KEY, pieces(bytes), { ...TEXT, ...options })).commit();
}

export async function read(target = backend): Promise<Buffer> {
  return buffer((await target.open(KEY)).body);
}

export async function failure(work: Promise<unknown>): Promise<StorageError> {
  return work.then(
    () => {
      throw new Error('it went through');
    },
    (error: StorageError) => error,
  );
}
