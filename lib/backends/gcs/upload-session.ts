/** One resumable upload: chunks in order, each resumed where the service stands, the last one publishes. */
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { GcsApi } from './gcs-api.js';
import { isMissingBucket } from './gcs-errors.js';
import { GcsFailure, SESSION_GONE } from './gcs-failure.js';
import type { ObjectResource } from './object-resource.js';

export interface SessionStart {
  readonly bucket: string;
  readonly key: string;
  /** The object resource, as JSON. */
  readonly resource: string;
  readonly contentType: string;
  /** Parameter ifGenerationMatch, held when the upload is published. */
  readonly ifGenerationMatch: string | undefined;
  /** Bytes of the whole object, where they are known. */
  readonly size: number | undefined;
  readonly signal?: AbortSignal;
}

/** The service's word for "go on": https://cloud.google.com/storage/docs/performing-resumable-uploads */
const INCOMPLETE = 308;
/** Its answer to a session that the client took back. */
const CANCELLED = 499;
/** Its answers to one that it does not know, or no longer. */
const GONE = [404, 410];
const LOST = new Set<number | undefined>([...GONE, CANCELLED]);

type Progress = { readonly persisted: number } | { readonly done: ObjectResource };

export class UploadSession {
  readonly #api: GcsApi;
  /** A secret: whoever has it can write the object. */
  readonly #uri: string;
  /** Bytes that the service has for certain. */
  #persisted = 0;

  private constructor(api: GcsApi, uri: string) {
    this.#api = api;
    this.#uri = uri;
  }

  static async start(api: GcsApi, start: SessionStart): Promise<UploadSession> {
    const { response } = await api.done({
      method: 'POST',
      path: `/upload/storage/v1/b/${start.bucket}/o`,
      query: { uploadType: 'resumable', name: start.key, ifGenerationMatch: start.ifGenerationMatch },
      headers: {
        'content-type': 'application/json; charset=UTF-8',
        'x-upload-content-type': start.contentType,
        ...(start.size !== undefined && { 'x-upload-content-length': String(start.size) }),
      },
      body: [Buffer.from(start.resource)],
      signal: start.signal,
    });
    const { location } = response.headers;
    if (location === undefined) throw new GcsFailure({ method: 'POST', status: 200, message: 'no session URI' });
    return new UploadSession(api, location);
  }

  /** Sends a chunk that is not the last. Its bytes may be reused once this resolves. */
  async send(bytes: Buffer, signal?: AbortSignal): Promise<void> {
    await this.#sendAll(bytes, '*', {}, signal);
  }

  /** Sends the last chunk, which may be empty, and so publishes the object. */
  async finish(bytes: Buffer, crc32c: string, signal?: AbortSignal): Promise<ObjectResource> {
    const total = this.#persisted + bytes.length;
    const done = await this.#sendAll(bytes, String(total), { 'x-goog-hash': `crc32c=${crc32c}` }, signal);
    if (!done)
      throw new GcsFailure({ method: 'PUT', reason: 'incomplete', message: 'the last chunk published nothing' });
    return done;
  }

  /** Takes the upload back. Nothing of it is left, unless it was published already: then that object is the answer. */
  async cancel(): Promise<ObjectResource | undefined> {
    const { status } = await this.#api.done({
      method: 'DELETE',
      path: this.#uri,
      accept: [200, 204, ...GONE, CANCELLED],
    });
    return status === CANCELLED ? undefined : this.#outcome();
  }

  async #outcome(): Promise<ObjectResource | undefined> {
    try {
      const progress = await this.#askProgress();
      return 'done' in progress ? progress.done : undefined;
    } catch (error) {
      if (isLost(error)) return undefined;
      throw error;
    }
  }

  async #sendAll(
    bytes: Buffer,
    total: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<ObjectResource | undefined> {
    const first = this.#persisted;
    const end = first + bytes.length;
    const started = Date.now();
    let unsure = false;
    for (let tries = 0; ;) {
      try {
        const before = this.#persisted;
        const part = bytes.subarray(before - first);
        // After a failure the service says where it stands, and goes on from there.
        const progress = await (unsure
          ? this.#askProgress(signal)
          : this.#put(part, this.#range(part.length, total), headers, signal));
        if ('done' in progress) return progress.done;
        this.#advance(progress.persisted, first, end);
        if (this.#persisted === end && total === '*') return undefined;
        // It may keep less than it was sent, and gets the rest; but it must not stand still.
        if (!unsure && this.#persisted === before) {
          throw new GcsFailure({ method: 'PUT', status: 503, reason: 'noProgress' });
        }
        unsure = false;
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof GcsFailure)) throw error;
        const delay = this.#api.retryDelay(error, tries++, started);
        if (delay === undefined) throw error;
        await pause(delay, undefined, { signal });
        unsure = true;
      }
    }
  }

  #range(length: number, total: string): string {
    return length === 0 ? `bytes */${total}` : `bytes ${this.#persisted}-${this.#persisted + length - 1}/${total}`;
  }

  #advance(persisted: number, first: number, end: number): void {
    // Less than an earlier answer promised cannot be mended: those bytes are gone from memory.
    if (persisted < first || persisted > end) {
      throw new GcsFailure({ method: 'PUT', status: INCOMPLETE, message: `the service stands at byte ${persisted}` });
    }
    this.#persisted = persisted;
  }

  #askProgress(signal?: AbortSignal): Promise<Progress> {
    return this.#call([], 'bytes */*', {}, signal);
  }

  #put(part: Buffer, range: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Progress> {
    return this.#call([part], range, headers, signal);
  }

  async #call(
    body: readonly Buffer[],
    range: string,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<Progress> {
    const { status, response } = await this.#api
      .send({
        method: 'PUT',
        path: this.#uri,
        headers: { ...headers, 'content-range': range },
        body,
        accept: [200, 201, INCOMPLETE],
        signal,
        once: true,
      })
      .catch((error: unknown) => {
        throw isLost(error) ? error.with({ reason: SESSION_GONE }) : error;
      });
    if (status === INCOMPLETE) {
      response.resume();
      const upTo = /^(?:bytes=)?0-([0-9]+)$/.exec(response.headers.range ?? '')?.[1];
      return { persisted: upTo === undefined ? 0 : Number(upTo) + 1 };
    }
    try {
      return { done: JSON.parse(await text(response)) as ObjectResource };
    } catch (cause) {
      throw new GcsFailure({ method: 'PUT', reason: 'brokenAnswer', uncertain: true, cause });
    }
  }
}

/** Whether the session is no more. A 404 of it is about the upload, and not about a file. */
function isLost(error: unknown): error is GcsFailure {
  return error instanceof GcsFailure && LOST.has(error.status) && !isMissingBucket(error);
}
