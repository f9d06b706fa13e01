/** Resumable uploads: chunks at the right offset in multiples of 256 KiB, 308 between them, publication with the last. */
import { randomBytes } from 'node:crypto';
import type { Call, Query } from './call.js';
import { assertSums, sumsOfHeader } from './checksums.js';
import type { ServerContext } from './context.js';
import { badRequest, Refusal, sendJson } from './errors.js';
import { arrived, type UploadFault } from './faults.js';
import { resourceOf, type GivenResource } from './object-resource.js';
import type { LiveObject } from './object-store.js';
import { OBJECT, partial } from './partial-answer.js';
import { assertPreconditions } from './preconditions.js';
import { StoredBytes } from './stored-bytes.js';

export interface SessionStart {
  readonly bucket: string;
  readonly name: string;
  readonly query: Query;
  readonly resource: GivenResource;
  /** X-Upload-Content-Length. */
  readonly total: number | undefined;
}

interface Session extends SessionStart {
  total: number | undefined;
  bytes: StoredBytes | undefined;
  state: 'open' | 'cancelled' | 'failed';
  published: LiveObject | undefined;
  /** A fault: the sums that were promised are not looked at. */
  unchecked: boolean;
}

interface ContentRange {
  /** Undefined for a question about the progress, or an end without bytes. */
  readonly start: number | undefined;
  /** Undefined where the client lets the body say it. */
  readonly end: number | undefined;
  readonly total: number | undefined;
}

const QUANTUM = 256 * 1024;

function contentRange(header: string | undefined): ContentRange {
  if (header === undefined) return { start: 0, end: undefined, total: undefined };
  const match = /^bytes (?:(\d+)-(\d+|\*)|\*)\/(\d+|\*)$/.exec(header);
  if (!match) throw badRequest(`Failed to parse Content-Range header: ${header}`);
  const [, start, end, total] = match;
  return {
    start: start === undefined ? undefined : Number(start),
    end: end === undefined || end === '*' ? undefined : Number(end),
    total: total === '*' ? undefined : Number(total),
  };
}

export class UploadSessions {
  readonly #sessions = new Map<string, Session>();

  start(start: SessionStart): string {
    const id = randomBytes(24).toString('base64url');
    this.#sessions.set(id, { ...start, bytes: undefined, state: 'open', published: undefined, unchecked: false });
    return id;
  }

  /** Neither published nor taken back. */
  get open(): number {
    return [...this.#sessions.values()].filter(({ state, published }) => state === 'open' && !published).length;
  }

  cancel(call: Call, id: string): void {
    if (call.header('content-length') !== '0') throw new Refusal(411, 'lengthRequired', 'Content-Length is required.');
    const session = this.#find(id);
    if (!session.published) {
      session.state = 'cancelled';
      session.bytes?.remove();
    }
    call.res.writeHead(session.published ? 200 : 499, { 'content-length': '0' }).end();
  }

  async put(context: ServerContext, call: Call, id: string, fault: UploadFault | undefined): Promise<void> {
    const session = this.#find(id);
    const range = contentRange(call.header('content-range'));
    const body = arrived(await call.body(), fault);
    if (fault === 'store-other-bytes') session.unchecked = true;
    if (session.published) return this.#sendResource(context, call, session, session.published);
    if (session.state === 'failed') throw new Refusal(410, 'gone', 'The upload session has failed.');
    session.bytes ??= new StoredBytes(context.folder);
    this.#assertTotal(session, range.total);
    if (range.start === undefined) {
      if (body.length > 0) throw badRequest('A request for the progress has no body.');
    } else {
      this.#assertChunk(session.bytes.size, range, body);
      session.bytes.append(fault === 'keep-little' ? body.subarray(0, QUANTUM) : body);
    }
    // A chunk without an end is all that is left.
    const whole = range.start !== undefined && range.end === undefined;
    const { total = whole ? session.bytes.size : undefined } = session;
    if (total !== undefined && session.bytes.size > total) throw badRequest('More bytes than the announced total.');
    if (session.bytes.size !== total) return this.#sendProgress(call, session.bytes.size);
    this.#publish(context, call, session, session.bytes);
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (!session) throw new Refusal(404, 'notFound', 'Upload session not found.');
    if (session.state === 'cancelled') throw new Refusal(499, 'clientClosedRequest', 'The upload was cancelled.');
    return session;
  }

  #assertTotal(session: Session, total: number | undefined): void {
    if (total === undefined) return;
    if (session.total !== undefined && session.total !== total) {
      throw badRequest(`Invalid total of Content-Range: ${total} instead of ${session.total}.`);
    }
    session.total = total;
  }

  #assertChunk(persisted: number, { start, end, total }: ContentRange, body: Buffer): void {
    if (start !== persisted) {
      throw badRequest(`Invalid offset: the upload stands at byte ${persisted}, the chunk starts at ${start}.`);
    }
    const length = end === undefined ? body.length : end - start + 1;
    if (length !== body.length) {
      throw badRequest(
        `Invalid request.  There were ${body.length} byte(s) in the request body.  There should have been ${length} ` +
          `byte(s) (starting at offset ${start} and ending at offset ${end}) according to the Content-Range header.`,
      );
    }
    const last = total !== undefined && start + length === total;
    // Without an end in the header the body is all that is left.
    if (!last && end !== undefined && length % QUANTUM !== 0) {
      throw badRequest(`Chunks but the last must be multiples of ${QUANTUM} bytes.`);
    }
  }

  #sendProgress(call: Call, persisted: number): void {
    const range = persisted === 0 ? {} : { range: `bytes=0-${persisted - 1}` };
    call.res.writeHead(308, { ...range, 'content-length': '0' }).end();
  }

  #publish(context: ServerContext, call: Call, session: Session, bytes: StoredBytes): void {
    const { bucket, name, query, resource } = session;
    try {
      if (!session.unchecked) assertSums(bytes, resource, sumsOfHeader(call.header('x-goog-hash')));
      assertPreconditions(context.store.find(bucket, name), query, false);
    } catch (error) {
      session.state = 'failed';
      bytes.remove();
      throw error;
    }
    session.published = context.store.publish(bucket, name, resource.fields, bytes);
    this.#sendResource(context, call, session, session.published);
  }

  #sendResource(context: ServerContext, call: Call, session: Session, object: LiveObject): void {
    sendJson(call.res, 200, partial(resourceOf(object, context.origin), session.query.fields, OBJECT));
  }
}
