/** Tells `node:diagnostics_channel` of every operation, and costs nothing while nobody listens. */
import { tracingChannel, type TracingChannel } from 'node:diagnostics_channel';
import type { Readable } from 'node:stream';
import { StorageError, type StorageErrorCode } from '../contract/index.js';
import type { StagedUpload } from './storage-options.js';

/** Each has a tracing channel of its own: `nestjs-storage:put`, `nestjs-storage:get`, ... */
export const TRACED_OPERATIONS = [
  'put',
  'get',
  'exists',
  'getMetadata',
  'delete',
  'deleteMany',
  'deletePrefix',
  'copy',
  'move',
  'list',
  'getUrl',
  'getUploadUrl',
  'checkHealth',
] as const;

/** Operations that tell a channel of theirs. */
export type TracedOperation = (typeof TRACED_OPERATIONS)[number];

/**
 * What subscribers get: one object for each operation, the same in all its events. What is optional is there from
 * `asyncEnd` on (and in `error`), where it is known.
 *
 * @publicApi
 */
export interface StorageTraceMessage {
  readonly operation: TracedOperation;
  /** Name of the storage. */
  readonly storage: string;
  /** Kind of store: `local`, `s3`, ... */
  readonly backend: string;
  /** As the caller gave it; of a listing or of deletePrefix() the prefix, of a copy or move the source. */
  readonly key?: string;
  /** Target of a copy or move. */
  readonly target?: string;
  /** Where the storage is scoped: the prefix, ending with `/`, before the keys of the backend. */
  scope?: string;
  /** Bytes stored by a put, or read by a get until its stream was closed. */
  bytes?: number;
  /** Seconds from the call to the end; of a get until its stream was closed, of an upload until its commit. */
  duration?: number;
  /** `aborted`: a staged upload was thrown away, or a stream was closed before its end, without an error. */
  outcome?: 'success' | 'failure' | 'aborted';
  /** Code of the StorageError; `unknown` for any other error. */
  errorCode?: StorageErrorCode;
  error?: unknown;
}

type StorageChannel = TracingChannel<StorageTraceMessage, StorageTraceMessage>;

const CHANNELS = Object.fromEntries(
  TRACED_OPERATIONS.map((operation) => [operation, tracingChannel(`nestjs-storage:${operation}`)]),
) as unknown as Readonly<Record<TracedOperation, StorageChannel>>;

/** Runs the operation; where somebody listens, with its trace. The facts are asked for only then. */
export function traced<T>(
  operation: TracedOperation,
  facts: () => Pick<StorageTraceMessage, 'storage' | 'backend' | 'key' | 'target'>,
  work: (trace?: OperationTrace) => Promise<T>,
): Promise<T> {
  const channel = CHANNELS[operation];
  if (!channel.hasSubscribers) return work();
  return new OperationTrace(channel, { operation, ...facts() }).run(work);
}

export class OperationTrace {
  readonly #started = performance.now();
  #held = false;
  #ended = false;

  constructor(
    readonly channel: StorageChannel,
    readonly message: StorageTraceMessage,
  ) {}

  /** Events in the order of TracingChannel.tracePromise(): start, end, then error, asyncStart and asyncEnd. */
  run<T>(work: (trace: OperationTrace) => Promise<T>): Promise<T> {
    const { start, end } = this.channel;
    return start.runStores(this.message, async () => {
      const result = work(this);
      end.publish(this.message);
      try {
        const value = await result;
        if (!this.#held) this.end('success');
        return value;
      } catch (error) {
        this.fail(error);
        throw error;
      }
    });
  }

  /** The operation goes on after its promise: whoever holds it ends it. */
  hold(): void {
    this.#held = true;
  }

  /** Holds it until the body is closed, and counts what the store gives until then. @param length bytes of the body */
  followBody(body: Readable, length: number): void {
    this.hold();
    let bytes = body.readableLength;
    // Counted where they enter: listening for data would start the stream, and one more stream would hold more of it.
    const push = body.push.bind(body);
    body.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk instanceof Uint8Array) bytes += chunk.byteLength;
      return push(chunk, encoding);
    };
    body.once('close', () => {
      this.message.bytes = bytes;
      if (body.errored) this.fail(body.errored);
      else this.end(bytes < length ? 'aborted' : 'success');
    });
  }

  /** Holds it until the upload is published or thrown away. */
  followUpload(upload: StagedUpload): StagedUpload {
    this.hold();
    this.message.bytes = upload.info.size;
    const commit = async () => {
      try {
        const file = await upload.commit();
        this.end('success');
        return file;
      } catch (error) {
        this.fail(error);
        throw error;
      }
    };
    const abort = async () => {
      try {
        await upload.abort();
        this.end('aborted');
      } catch (error) {
        this.fail(error);
        throw error;
      }
    };
    return { ...upload, commit, abort };
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.message.error = error;
    this.message.errorCode = error instanceof StorageError ? error.code : 'unknown';
    this.#stop('failure');
    this.channel.error.publish(this.message);
    this.#publishEnd();
  }

  end(outcome: 'success' | 'aborted'): void {
    if (this.#ended) return;
    this.#stop(outcome);
    this.#publishEnd();
  }

  #stop(outcome: NonNullable<StorageTraceMessage['outcome']>): void {
    this.#ended = true;
    this.message.outcome = outcome;
    this.message.duration = (performance.now() - this.#started) / 1000;
  }

  #publishEnd(): void {
    this.channel.asyncStart.publish(this.message);
    this.channel.asyncEnd.publish(this.message);
  }
}
