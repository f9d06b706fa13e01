/** What a case works with: a storage over the backend, keys of its own, and checks that go the way the harness says. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  contentTypeOf,
  parseKey,
  StorageError,
  type ByteRange,
  type ObjectMetadata,
  type StorageBackend,
  type StorageCapabilities,
  type StorageErrorCode,
  type StorageKey,
  type StorageOperation,
} from '../../contract/index.js';
import type { PutOptions, StorageBody, StoredFile } from '../../service/index.js';
import { StorageService } from '../../storage.service.js';
import { sha256 } from './content.js';
import type { ConformanceHarness, ConformanceSettings, ConformanceTarget } from './harness.js';
import { errorOf, rangeHeader, request, send } from './signed-requests.js';

const LARGE_BYTES = 3 * 1024 * 1024;
const POLL_MS = 250;
// Tokens travel in the URL; what is longer goes the direct way.
const MAX_URL_METADATA = 1000;

/** What an object must look like. */
export interface ExpectedFacts {
  readonly contentType?: string;
  readonly metadata?: ObjectMetadata;
  readonly etag?: string;
}

/** What an error must say beside its code. */
export interface ExpectedError {
  readonly operation?: StorageOperation | readonly StorageOperation[];
  readonly key?: string;
}

export class CaseContext {
  readonly storage: StorageService;
  readonly backend: StorageBackend;
  readonly capabilities: StorageCapabilities;
  readonly settings: ConformanceSettings;
  readonly multipartBytes: number | undefined;

  /** @param folder prefix of every key of this case, with its slash */
  constructor(
    readonly target: ConformanceTarget,
    harness: ConformanceHarness,
    readonly folder: string,
  ) {
    this.backend = target.backend;
    this.capabilities = target.backend.capabilities;
    this.storage = new StorageService(target.backend);
    this.settings = harness.settings ?? {};
    this.multipartBytes = harness.multipartBytes;
    if (this.byUrl) assert.ok(this.capabilities.getUrl.length > 0, 'reach is "url", but the backend makes no URLs');
  }

  get byUrl(): boolean {
    return this.target.reach === 'url';
  }

  get largeBytes(): number {
    return Math.min(this.settings.largeBytes ?? LARGE_BYTES, this.capabilities.maxObjectBytes ?? LARGE_BYTES);
  }

  key(name: string): StorageKey {
    return parseKey(this.folder + name);
  }

  /** Stores and publishes: by a signed upload where the harness says so and the request can be said that way. */
  async put(key: string, body: StorageBody, options: PutOptions = {}): Promise<StoredFile> {
    const bytes =
      typeof body === 'string' || body instanceof Uint8Array ? new Uint8Array(Buffer.from(body)) : undefined;
    if (!this.byUrl || bytes === undefined || !this.#canUpload(options)) {
      return this.storage.put(key, body, { url: false, ...options });
    }
    const { contentType = contentTypeOf(key), ifNoneMatch, metadata } = options;
    const size = this.capabilities.getUploadUrl.includes('size') ? bytes.length : undefined;
    const upload = await this.storage.getUploadUrl(key, { contentType, ifNoneMatch, metadata, size });
    const answer = await send(upload, bytes, upload.method === 'PUT' ? { 'content-type': contentType } : {});
    if (answer.status >= 300) {
      throw errorOf(answer, { operation: 'put', key, backend: this.backend.name }, ifNoneMatch !== undefined);
    }
    return this.eventually(() => this.storage.getMetadata(key));
  }

  /** Reads bytes back: by a signed URL where the harness says so. */
  async read(key: string, range?: ByteRange): Promise<Buffer> {
    if (!this.byUrl) return this.storage.get(key, { range });
    const url = await this.storage.getUrl(key);
    const answer = await request(url, range && { headers: { range: rangeHeader(range) } });
    const details = { operation: 'get', key, backend: this.backend.name } as const;
    if (answer.status >= 300) throw errorOf(answer, details);
    // A range of nothing may also be answered as if it had not been asked (RFC 9110, 14.2).
    if (range && answer.status === 200 && answer.body.length === 0) {
      throw errorOf({ ...answer, status: 416 }, details);
    }
    if (range) assert.equal(answer.status, 206, 'a range is answered with 206');
    return answer.body;
  }

  /** Checks that the key holds these bytes and facts. */
  async holds(key: string, bytes: Uint8Array | string, expected: ExpectedFacts = {}): Promise<void> {
    await this.eventually(async () => {
      const wanted = Buffer.from(bytes);
      sameBytes(await this.read(key), wanted, key);
      const file = await this.storage.getMetadata(key);
      assert.equal(file.key, key, 'the key comes back as it was given');
      assert.equal(file.size, wanted.length, `size of ${key}`);
      for (const name of ['contentType', 'metadata', 'etag'] as const) {
        if (expected[name] !== undefined) assert.deepEqual(file[name], expected[name], `${name} of ${key}`);
      }
    });
  }

  /** Checks that nothing is seen under the key. */
  async absent(key: string): Promise<void> {
    await this.eventually(async () => {
      assert.equal(await this.storage.exists(key), false, `${key} must not exist`);
      assert.ok(!(await this.storage.listKeys(key)).includes(key), `${key} must not be listed`);
    });
  }

  /** Names (without the folder of the case) that a listing gives, in its order. */
  async names(prefix = ''): Promise<string[]> {
    return (await this.storage.listKeys(this.folder + prefix)).map((key) => key.slice(this.folder.length));
  }

  /** Checks what a listing of the case's folder gives; in order where the backend promises one. */
  async lists(expected: readonly string[], prefix = ''): Promise<void> {
    await this.eventually(async () => {
      assert.deepEqual(this.inOrder(await this.names(prefix)), this.inOrder(expected));
    });
  }

  /** As it is where order is promised; else sorted, so that sets compare. */
  inOrder(names: readonly string[]): readonly string[] {
    return this.capabilities.ordering === 'utf8' ? names : names.toSorted();
  }

  /** Checks that work fails as the contract says. */
  async fails(
    work: Promise<unknown>,
    code: StorageErrorCode | readonly StorageErrorCode[],
    expected: ExpectedError = {},
  ): Promise<StorageError> {
    const codes: readonly StorageErrorCode[] = typeof code === 'string' ? [code] : code;
    const error = await work.then(
      () => assert.fail(`must fail with ${codes.join(' or ')}, but succeeded`),
      (reason: unknown) => reason,
    );
    if (error instanceof assert.AssertionError) throw error;
    if (!(error instanceof StorageError)) {
      throw new assert.AssertionError({ message: `must be a StorageError, but is ${String(error)}`, actual: error });
    }
    const told = `: ${error.message}`;
    assert.ok(codes.includes(error.code), `code must be ${codes.join(' or ')}, but is ${error.code}${told}`);
    if (expected.operation !== undefined) {
      assert.ok([expected.operation].flat().includes(error.operation), `operation is ${error.operation}${told}`);
    }
    // Under a scope the key in an error is the one that the backend knows.
    if (expected.key !== undefined) assert.ok(error.key?.endsWith(expected.key), `key is ${error.key}${told}`);
    // Keys and options are judged before a backend is asked.
    const early = error.backend === undefined && ['invalid-key', 'invalid-options'].includes(error.code);
    if (!early) assert.equal(error.backend, this.backend.name, `backend${told}`);
    return error;
  }

  /** Repeats a check for a while where a store is allowed to be late. */
  async eventually<T>(check: () => Promise<T>): Promise<T> {
    const late = this.capabilities.consistency === 'eventual' ? (this.settings.settleSeconds ?? 10) * 1000 : 0;
    const deadline = Date.now() + late;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (Date.now() >= deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  /** Removes every object of the case. */
  async cleanUp(): Promise<void> {
    const { failed } = await this.storage.deletePrefix(this.folder);
    if (failed.length > 0) throw failed[0]!.error;
  }

  #canUpload(options: PutOptions): boolean {
    const bindings = this.capabilities.getUploadUrl;
    const { contentType: _type, ifNoneMatch, metadata, url: _url, ...rest } = options;
    return (
      bindings.includes('contentType') &&
      Object.values(rest).every((value) => value === undefined) &&
      (ifNoneMatch === undefined || bindings.includes('createOnly')) &&
      (metadata === undefined || (bindings.includes('metadata') && JSON.stringify(metadata).length <= MAX_URL_METADATA))
    );
  }
}

/** Compares without printing megabytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const show = (bytes: Uint8Array) =>
    `${bytes.length} bytes, sha256 ${sha256(bytes).slice(0, 12)}, ${JSON.stringify(Buffer.from(bytes.subarray(0, 40)).toString('latin1'))}`;
  assert.fail(`bytes of ${what}: got ${show(actual)}; expected ${show(expected)}`);
}
