/** A storage for apps' own tests: the real service over memory, with assertions, seeds and failures on demand. */
import { AssertionError } from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import type { ObjectMetadata } from '../../contract/index.js';
import type { StageFileOptions, StorageBody, StorageServiceSettings } from '../../service/index.js';
import { StorageService } from '../../storage.service.js';
import { FakeBackend, type FakeOperation } from './fake.backend.js';

export interface FakeStorageOptions extends StorageServiceSettings {
  /** Most bytes of all files together; more is a QuotaExceededError. Default: no limit. */
  readonly maxBytes?: number;
}

/** A file of a FakeStorage, with its bytes. */
export interface FakeFile {
  readonly key: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly metadata: ObjectMetadata;
}

/** A file to begin with: its body, or its body and options. */
export type FakeSeed = StorageBody | ({ readonly body: StorageBody } & Omit<StageFileOptions, 'signal'>);

const MOST_SHOWN = 20;
const LONGEST_TEXT = 200;

function isSeedWithOptions(seed: FakeSeed): seed is Extract<FakeSeed, { readonly body: StorageBody }> {
  return Object.getPrototypeOf(seed) === Object.prototype && Object.hasOwn(seed as object, 'body');
}

/** Bytes as a message can show them. */
function shown(bytes: Uint8Array): string {
  const text = isUtf8(bytes) ? JSON.stringify(Buffer.from(bytes).toString()) : Buffer.from(bytes).toString('hex');
  return `${bytes.length} bytes ${text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text}`;
}

function heldText(files: readonly FakeFile[]): string {
  if (files.length === 0) return 'The storage is empty.';
  const lines = files
    .slice(0, MOST_SHOWN)
    .map(({ key, bytes, contentType }) => `\n  ${JSON.stringify(key)} (${bytes.length} bytes, ${contentType})`);
  const more = files.length > MOST_SHOWN ? `\n  and ${files.length - MOST_SHOWN} more` : '';
  return `The storage holds:${lines.join('')}${more}`;
}

/**
 * A StorageService for tests. Everything works as in the app (keys and options are checked, conditions hold, bodies are
 * streams), but in memory, and URLs lead nowhere.
 *
 * @example
 * const storage = new FakeStorage();
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(getStorageToken()).useValue(storage);
 * await storage.assertExists('documents/1.pdf', expectedBytes);
 * @publicApi
 */
export class FakeStorage extends StorageService {
  readonly #fake: FakeBackend;

  constructor(options: FakeStorageOptions = {}) {
    const { maxBytes, ...settings } = options;
    const fake = new FakeBackend(maxBytes);
    super(fake, settings);
    this.#fake = fake;
  }

  /** Stores files to begin with; injected failures do not touch it. @example await storage.seed({ 'a.txt': 'text', 'b': { body, metadata: { v: 1 } } }) */
  async seed(files: Readonly<Record<string, FakeSeed>>): Promise<this> {
    return this.#calmly(async () => {
      for (const [key, seed] of Object.entries(files)) {
        const { body, ...options } = isSeedWithOptions(seed) ? seed : { body: seed };
        await this.put(key, body, { ...options, url: false });
      }
      return this;
    });
  }

  /**
   * Makes the next such operation fail with the error, once for each call, in the order of the calls. `put` fails
   * before the body is read, `commit` after it, when the file would be published.
   *
   * @param options.key only where this key is concerned; in a scope that is the key with its prefix
   * @example storage.failNext('put', new QuotaExceededError({ operation: 'put' }))
   */
  failNext(operation: FakeOperation, error: Error, options: { readonly key?: string } = {}): this {
    this.#fake.failures = [...this.#fake.failures, { operation, error, key: options.key }];
    return this;
  }

  /** All files, in key order, with their bytes. Injected failures do not touch it. */
  async files(prefix = ''): Promise<readonly FakeFile[]> {
    return this.#calmly(async () => {
      const files: FakeFile[] = [];
      for await (const { key } of this.list({ prefix })) {
        const { contentType, metadata } = await this.getMetadata(key);
        files.push({ key, bytes: await this.get(key), contentType, metadata });
      }
      return files;
    });
  }

  /** Checks that the file is there, and holds these bytes (a string as UTF-8). */
  async assertExists(key: string, bytes?: Uint8Array | string): Promise<void> {
    const files = await this.files();
    const file = files.find((candidate) => candidate.key === key);
    if (!file) this.#fail(`${JSON.stringify(key)} must exist. ${heldText(files)}`, files, [key]);
    if (bytes === undefined) return;
    const expected = Buffer.from(bytes);
    if (file.bytes.equals(expected)) return;
    throw new AssertionError({
      message: `${JSON.stringify(key)} must hold ${shown(expected)}, but holds ${shown(file.bytes)}`,
      actual: file.bytes.toString(),
      expected: expected.toString(),
      operator: 'assertExists',
    });
  }

  /** Checks that there is no such file. */
  async assertMissing(key: string): Promise<void> {
    const file = (await this.files()).find((candidate) => candidate.key === key);
    if (file) this.#fail(`${JSON.stringify(key)} must not exist, but holds ${shown(file.bytes)}`, [file], []);
  }

  /** Checks how many files there are under a string prefix (`''` means all). */
  async assertCount(prefix: string, count: number): Promise<void> {
    const files = await this.files(prefix);
    if (files.length === count) return;
    const what = prefix === '' ? 'there' : `under ${JSON.stringify(prefix)} there`;
    const held = files.length === 0 ? heldText(await this.files()) : heldText(files);
    this.#fail(`${what} must be ${count} files, but there are ${files.length}. ${held}`, files.length, count);
  }

  /** Checks that nothing is stored. */
  async assertEmpty(): Promise<void> {
    const files = await this.files();
    if (files.length > 0) this.#fail(`the storage must be empty. ${heldText(files)}`, files, []);
  }

  /** Checks that every failure of failNext() came to pass: one that did not is a test that proved nothing. */
  assertFailuresUsed(): void {
    const left = this.#fake.failures.map(({ operation, key, error }) => {
      const where = key === undefined ? '' : ` of ${JSON.stringify(key)}`;
      return `\n  ${operation}${where}: ${error.message}`;
    });
    if (left.length > 0) this.#fail(`these failures were never met:${left.join('')}`, left.length, 0);
  }

  /** Back to the beginning: no files, no failures. */
  async clear(): Promise<void> {
    this.#fake.failures = [];
    await this.#fake.clear();
  }

  /** Keeps failures that are meant for the app away from the test's own work. */
  async #calmly<T>(work: () => Promise<T>): Promise<T> {
    const { failures } = this.#fake;
    this.#fake.failures = [];
    try {
      return await work();
    } finally {
      this.#fake.failures = [...failures, ...this.#fake.failures];
    }
  }

  #fail(message: string, actual: readonly FakeFile[] | number, expected: readonly string[] | number): never {
    const keys = typeof actual === 'number' ? actual : actual.map(({ key }) => key);
    throw new AssertionError({ message, actual: keys, expected, operator: 'fakeStorage' });
  }
}
