/** Takes one file of the request in: looks at its head, asks for its key and stages it. */
import type { Readable } from 'node:stream';
import type { ExecutionContext } from '@nestjs/common';
import { extension as extensionForType, lookup } from 'mime-types';
import { FileTooLargeError, InvalidKeyError, safeName, UnknownBaseUrlError } from '../contract/index.js';
import type { StagedUpload, StageFileRequest } from '../service/index.js';
import type { StorageService } from '../storage.service.js';
import { cleanFileName, extensionOf } from './file-name.js';
import { SNIFFED_BYTES, sniffType } from './sniff-type.js';
import { StagedFile } from './staged-file.js';
import type { IncomingFile } from './staging.engine.js';
import { invalidUpload, unsupportedType } from './upload-errors.js';
import type { UploadCandidate } from './upload-options.js';
import { defaultKey, strictDefaultKey, type UploadPlan } from './upload-plan.js';
import type { UploadTransaction } from './upload-transaction.js';

/** The first bytes of a part and, behind them, all of it: nothing is read twice and nothing copied but the head. */
class PeekedStream {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #peeked: Buffer[] = [];

  constructor(stream: Readable) {
    this.#stream = stream;
    // Destroying a part's stream would hold up the parser: the iterator must not.
    this.#chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  async head(): Promise<Buffer> {
    for (let length = 0; length < SNIFFED_BYTES;) {
      const { value, done } = await this.#chunks.next();
      if (done) break;
      this.#peeked.push(value);
      length += value.length;
    }
    const [first] = this.#peeked;
    const whole = this.#peeked.length === 1 ? first! : Buffer.concat(this.#peeked);
    return whole.subarray(0, SNIFFED_BYTES);
  }

  /** @throws FileTooLargeError at the end where the parser cut the file, which it shows by no other sign */
  async *all(limit: number): AsyncGenerator<Buffer, void, undefined> {
    yield* this.#peeked.splice(0);
    for (;;) {
      const { value, done } = await this.#chunks.next();
      if (done) break;
      yield value;
    }
    if ('truncated' in this.#stream && this.#stream.truncated === true) {
      throw new FileTooLargeError({ operation: 'upload', limit });
    }
  }
}

function extensionFor(mimetype: string, name: string): string {
  const own = extensionOf(name);
  return own !== '' && lookup(own) === mimetype ? own : extensionForType(mimetype) || own;
}

export class UploadReceiver {
  readonly #plan: UploadPlan;
  readonly #storage: StorageService;
  readonly #context: ExecutionContext;
  readonly #transaction: UploadTransaction;
  readonly #most: number;
  readonly #keys = new Set<string>();

  /** @param announced bytes of the whole request, where it tells them: no file of it is larger */
  constructor(
    plan: UploadPlan,
    storage: StorageService,
    context: ExecutionContext,
    transaction: UploadTransaction,
    announced = Infinity,
  ) {
    this.#plan = plan;
    this.#storage = storage;
    this.#context = context;
    this.#transaction = transaction;
    this.#most = Math.min(plan.limits.fileSize, announced);
  }

  /**
   * @throws UnsupportedTypeError, FileTooLargeError, InvalidUploadError, whatever the storage's stage() throws, and
   * whatever the app's key and metadata functions throw
   */
  async receive(file: IncomingFile): Promise<StagedFile> {
    const plan = this.#plan;
    const source = new PeekedStream(file.stream);
    const candidate = await this.#candidate(file, await source.head());
    if (plan.accept && !plan.accept.includes(candidate.mimetype)) {
      throw unsupportedType(plan.accept.refusalOf(candidate.mimetype));
    }
    const metadata = await plan.metadata?.(candidate, this.#context);
    const staged = await this.#stage(candidate, () => source.all(plan.limits.fileSize), {
      contentType: candidate.mimetype,
      metadata,
      cacheControl: plan.cacheControl,
      ifNoneMatch: plan.ifNoneMatch,
      maxSize: this.#most === Infinity ? undefined : this.#most,
      compute: plan.checksum,
      signal: this.#transaction.signal,
    });
    const { key } = staged.info;
    const url = await this.#urlOf(key);
    const result = new StagedFile(candidate, staged, (name, options) => this.#storage.getUrl(name, options), url);
    this.#transaction.add(result, staged);
    return result;
  }

  /** As put() does it: without an address of the app a file is stored all the same. */
  async #urlOf(key: string): Promise<string | undefined> {
    if (this.#storage.capabilities.getUrl.length === 0) return undefined;
    try {
      return await this.#storage.getUrl(key, { mustExist: false });
    } catch (error) {
      if (error instanceof UnknownBaseUrlError) return undefined;
      throw error;
    }
  }

  async #candidate(file: IncomingFile, head: Buffer): Promise<UploadCandidate> {
    const originalname = cleanFileName(file.originalname);
    const mimetype = await sniffType(head, originalname);
    return {
      fieldname: file.fieldname,
      originalname,
      safeName: safeName(originalname),
      mimetype,
      extension: extensionFor(mimetype, originalname),
    };
  }

  async #stage(
    candidate: UploadCandidate,
    body: () => AsyncIterable<Buffer>,
    options: StageFileRequest,
  ): Promise<StagedUpload> {
    const key = await this.#plan.key(candidate, this.#context);
    this.#claim(key);
    try {
      return await this.#transaction.track(this.#storage.stage(key, body(), options));
    } catch (error) {
      // Where keys are strict, the default key says so before a byte was read.
      if (this.#plan.key !== defaultKey || !(error instanceof InvalidKeyError)) throw error;
      return this.#transaction.track(this.#storage.stage(strictDefaultKey(candidate), body(), options));
    }
  }

  /** Two files under one key would end as one, and the client would be told that both are stored. */
  #claim(key: string): void {
    if (this.#keys.has(key)) throw invalidUpload('two of its files have the same name', { key });
    this.#keys.add(key);
  }
}
