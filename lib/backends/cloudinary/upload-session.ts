/** A body on its way to Cloudinary in parts, the last of which is held back until commit. */
import { randomUUID } from 'node:crypto';
import { StorageError, type StorageErrorDetails } from '../../contract/index.js';
import { abortError, type CloudinaryClient, type UploadAnswer, type UploadPart } from './cloudinary-client.js';
import { emptyFile } from './cloudinary-errors.js';
import type { GuardedAgent } from './guarded-agent.js';
import { PartBuffer } from './part-buffer.js';
import type { AssetName } from './public-id.js';

export interface UploadTarget {
  readonly name: AssetName;
  readonly context: Readonly<Record<string, string>>;
}

/**
 * Cloudinary publishes a chunked upload when its last part arrives, and forgets one that never ends: so nothing is seen
 * before finish(), and nothing has to be removed after an abort.
 */
export class UploadSession {
  readonly #client: CloudinaryClient;
  readonly #target: UploadTarget;
  readonly #details: StorageErrorDetails;
  #signal: AbortSignal | undefined;
  readonly #agent: GuardedAgent;
  readonly #uploadId = randomUUID();
  readonly #held: PartBuffer;
  readonly #stop = () => this.#agent.destroy();
  #sent = 0;

  constructor(
    client: CloudinaryClient,
    target: UploadTarget,
    chunkBytes: number,
    details: StorageErrorDetails,
    signal?: AbortSignal,
  ) {
    this.#client = client;
    this.#target = target;
    this.#held = new PartBuffer(chunkBytes);
    this.#details = details;
    this.#signal = signal;
    this.#agent = client.newAgent();
    signal?.addEventListener('abort', this.#stop, { once: true });
  }

  /** Bytes taken in so far. */
  get size(): number {
    return this.#sent + this.#held.size;
  }

  /** Reads the body to its end and sends every part but the last. @throws what the body throws; NotSupportedError */
  async take(body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of body) {
      this.#throwIfAborted();
      let rest = chunk;
      while (rest.byteLength > 0) {
        // A full part goes only when a byte follows it: else it is the last.
        if (this.#held.full) await this.#sendPart(undefined);
        rest = this.#held.fill(rest);
      }
    }
    this.#throwIfAborted();
    if (this.size === 0) throw emptyFile(this.#details);
  }

  /** Sends the last part: the object is published. The signal stops nothing any more: it could not take that back. */
  async finish(): Promise<UploadAnswer> {
    this.#throwIfAborted();
    this.#detach();
    return this.#sendPart(this.size);
  }

  /** Lets go of memory and connection. */
  close(): void {
    this.#detach();
    this.#held.release();
    this.#agent.destroy();
  }

  #detach(): void {
    this.#signal?.removeEventListener('abort', this.#stop);
    this.#signal = undefined;
  }

  /** @param total bytes of the whole body, with its last part */
  async #sendPart(total: number | undefined): Promise<UploadAnswer> {
    const start = this.#sent;
    const whole = total !== undefined && start === 0;
    const part: UploadPart = {
      ...this.#target,
      chunks: this.#held.chunks(),
      ...(!whole && {
        range: {
          uploadId: this.#uploadId,
          contentRange: `bytes ${start}-${start + this.#held.size - 1}/${total ?? -1}`,
        },
      }),
    };
    let answer: UploadAnswer;
    try {
      answer = await this.#client.upload(part, this.#agent, this.#details);
    } catch (error) {
      // The connection broke because the caller's signal broke it.
      this.#throwIfAborted();
      throw error;
    }
    this.#sent += this.#held.size;
    this.#held.empty();
    if (total !== undefined) this.#assertStored(answer, total);
    return answer;
  }

  /** An upload preset of the account can turn an upload into something else: that must not pass as success. */
  #assertStored(answer: UploadAnswer, total: number): void {
    const { name } = this.#target;
    const rightName = answer.public_id === name.publicId && answer.resource_type === name.resourceType;
    if (rightName && answer.bytes === total) return;
    throw new StorageError({
      ...this.#details,
      reason: rightName
        ? `Cloudinary stored ${answer.bytes} bytes of the ${total} sent`
        : 'Cloudinary stored the upload under another name',
      advice: "An upload preset that is the account's default for the API changes uploads: remove it.",
    });
  }

  #throwIfAborted(): void {
    if (this.#signal?.aborted) throw abortError(this.#signal, this.#details);
  }
}
